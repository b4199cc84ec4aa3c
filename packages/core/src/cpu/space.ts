/**
 * The address space of the cpu device: one `WebAssembly.Memory`, which begins with the ring of commands; above lies the
 * heap, which grows as it is used.
 */

import { inMiB } from "../device-checks.js";
import { DeviceError } from "../errors.js";
import { LAYOUT } from "./layout.js";
import { Heap } from "./memory.js";

const PAGE = 65536;
const HEAP_START = 4 * LAYOUT.end;
/** What 32-bit addresses reach. */
const HIGHEST_LIMIT = 65536 * PAGE - HEAP_START;
/** Memory grows by at least this many bytes. */
const GROWTH = 32 * 2 ** 20;
/** Kernels compute offsets within a buffer with signed 32-bit integers. */
export const LARGEST_BUFFER = 2 ** 31 - PAGE;

export interface Space {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  /** Bytes that its heap can grow to; where that is less than was asked for, why. */
  readonly limit: number;
  readonly bound: string | undefined;
}

/** A memory whose heap can grow to `wanted` bytes, or to less where the engine has no room for so many. */
export function reserve(wanted: number, shared: boolean): Space {
  const most = Math.min(wanted, HIGHEST_LIMIT);
  const initial = Math.ceil(HEAP_START / PAGE);
  for (let maximum = Math.ceil((HEAP_START + most) / PAGE); ; maximum = Math.max(initial, maximum >>> 1)) {
    try {
      const memory = new WebAssembly.Memory({ initial, maximum, shared });
      const limit = Math.min(most, maximum * PAGE - HEAP_START);
      return { memory, shared, limit, bound: boundOf(limit, wanted) };
    } catch (cause) {
      if (maximum > initial) continue;
      if (shared) return reserve(wanted, false);
      throw new DeviceError("the engine gives no memory to WebAssembly", { cause });
    }
  }
}

function boundOf(limit: number, wanted: number): string | undefined {
  if (limit === wanted) return undefined;
  return limit === HIGHEST_LIMIT
    ? "which is what 32-bit addresses of WebAssembly reach"
    : "which is what the engine reserves for WebAssembly";
}

/** Grows the memory so that addresses below `end` exist; false if the engine refuses. */
function growTo(memory: WebAssembly.Memory, end: number, limit: number): boolean {
  const have = memory.buffer.byteLength;
  if (end <= have) return true;
  for (const size of [Math.max(end, Math.min(have + GROWTH, limit)), end]) {
    try {
      memory.grow(Math.ceil((size - have) / PAGE));
      return true;
    } catch {
      // Less may do.
    }
  }
  return false;
}

/** The heap of a memory that was just reserved. */
export function heapOf({ memory, limit }: Space): Heap {
  const end = HEAP_START + limit;
  return new Heap(HEAP_START, end, (needed) => growTo(memory, needed, end));
}

/** Throws if a buffer is larger than kernels can take. */
export function checkSize(bytes: number, purpose: string): void {
  if (bytes <= LARGEST_BUFFER) return;
  throw new DeviceError(
    `${inMiB(bytes)} asked for ${purpose}; one tensor of the cpu device takes at most ${inMiB(LARGEST_BUFFER)}. ` +
      "Cut it into several, or use a smaller batch",
  );
}
