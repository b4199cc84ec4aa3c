/**
 * A plan as the commands that run it: one image of words, copied into the ring for each run, and tables of the words in
 * it that differ from run to run. A kernel's parameters travel in the command, so they need no memory of their own.
 */

import { DeviceError } from "../errors.js";
import type { BufferRef, Slot } from "../kernel.js";
import { packSlots } from "../pack.js";
import type { CpuKernel } from "./kernel.js";
import { LAYOUT as L } from "./layout.js";
import { alignUp } from "./memory.js";
import { MAX_COMMAND_WORDS } from "./queue.js";

/** A kernel that the threads know. */
export interface LoadedKernel {
  readonly kernel: CpuKernel;
  /** Number of its function, and of its name. */
  readonly function: number;
  readonly name: number;
  readonly buffers: readonly BufferRef[];
  /** As the plan counts them. */
  readonly flops: number;
  readonly bytes: number;
}

interface Command {
  readonly image: Int32Array;
  /** Triples: word, external buffer, byte offset. */
  readonly externals: Int32Array;
  /** Pairs: word, byte offset from the first slot. */
  readonly slots: Int32Array;
  /** Pairs: word, uniform. */
  readonly uniforms: Int32Array;
}

export interface Program {
  readonly commands: readonly Command[];
  /** Bytes of all slots, which lie in one piece. */
  readonly slotBytes: number;
  /** Bytes of scratch for each thread. */
  readonly scratch: number;
}

/** Where a run finds memory. */
export interface Binding {
  /** Addresses of the external buffers. */
  readonly externals: readonly number[];
  /** Address of the slots. */
  readonly slots: number;
  /** Address of the first thread's scratch; the others' follow. */
  readonly scratch: number;
  readonly uniforms: Uint32Array;
}

/**
 * Tasks that a thread takes at least, so that handing them out costs little: about 2 µs of work, at 4 FLOP or 8 bytes a
 * nanosecond.
 */
function leastChunk({ kernel, flops, bytes }: LoadedKernel): number {
  const nanoseconds = flops / 4 + bytes / 8;
  return nanoseconds > 0 ? Math.min(kernel.tasks, Math.ceil((kernel.tasks * 2000) / nanoseconds)) : 1;
}

const PARAMS_ALIGN = 4;
const paramsWords = (k: LoadedKernel): number => alignUp(k.kernel.params.length, PARAMS_ALIGN);

export function encodeProgram(kernels: readonly LoadedKernel[], slots: readonly Slot[]): Program {
  const { offsets: slotOffsets, bytes: slotBytes } = packSlots(slots);
  // Nobody would finish the last of no tasks.
  const busy = kernels.filter((k) => k.kernel.tasks > 0);
  return {
    commands: split(busy).map((part) => encodeCommand(part, slotOffsets)),
    slotBytes,
    scratch: alignUp(Math.max(0, ...busy.map((k) => k.kernel.scratch))),
  };
}

/** Cuts a list of kernels into parts that fit a command. */
function split(kernels: readonly LoadedKernel[]): LoadedKernel[][] {
  const parts: LoadedKernel[][] = [];
  let room = 0;
  for (const k of kernels) {
    const words = L.entry + paramsWords(k);
    if (words > MAX_COMMAND_WORDS - 2 * L.header)
      throw new DeviceError(
        `a kernel has ${k.kernel.params.length} words of parameters, more than the cpu device takes`,
      );
    if (words > room) {
      parts.push([]);
      room = MAX_COMMAND_WORDS - 2 * L.header;
    }
    parts[parts.length - 1].push(k);
    room -= words;
  }
  return parts;
}

function encodeCommand(kernels: readonly LoadedKernel[], slotOffsets: readonly number[]): Command {
  let params = L.header + kernels.length * L.entry;
  const length = alignUp(
    kernels.reduce((words, k) => words + paramsWords(k), params),
    L.commandAlign,
  );
  const image = new Int32Array(length);
  image.set([L.opRun, length, kernels.length]);
  const externals: number[] = [];
  const slots: number[] = [];
  const uniforms: number[] = [];
  kernels.forEach((k, i) => {
    const entry = L.header + i * L.entry;
    image[entry + L.entryFunction] = k.function;
    image[entry + L.entryParams] = 4 * params;
    image[entry + L.entryTasks] = k.kernel.tasks;
    image[entry + L.entryName] = k.name;
    image[entry + L.entryLeast] = leastChunk(k);
    image.set(k.kernel.params, params);
    for (const { word, buffer, byteOffset } of k.kernel.addresses) {
      const ref = k.buffers[buffer];
      if (ref.kind === "external") externals.push(params + word, ref.index, byteOffset);
      else slots.push(params + word, slotOffsets[ref.index] + byteOffset);
    }
    for (const { word, slot } of k.kernel.uniforms) uniforms.push(params + word, slot);
    params += paramsWords(k);
  });
  return {
    image,
    externals: Int32Array.from(externals),
    slots: Int32Array.from(slots),
    uniforms: Int32Array.from(uniforms),
  };
}

/** Writes what this run needs into the images, and gives them. */
export function bindProgram(program: Program, binding: Binding): Int32Array[] {
  return program.commands.map(({ image, externals, slots, uniforms }) => {
    image[5] = binding.scratch;
    image[6] = program.scratch;
    for (let i = 0; i < externals.length; i += 3)
      image[externals[i]] = binding.externals[externals[i + 1]] + externals[i + 2];
    for (let i = 0; i < slots.length; i += 2) image[slots[i]] = binding.slots + slots[i + 1];
    for (let i = 0; i < uniforms.length; i += 2) image[uniforms[i]] = binding.uniforms[uniforms[i + 1]];
    return image;
  });
}
