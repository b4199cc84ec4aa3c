/** Runs a printed kernel on a plain WebAssembly memory, in one thread. */

import type { CpuKernel } from "../dist/cpu/kernel.js";
import type { TypedArray } from "../dist/dtype.js";

type Run = (params: number, begin: number, end: number, scratch: number) => void;

const compiled = new Map<string, WebAssembly.Module>();

/** A byte that no kernel may change, around every buffer. */
const GUARD = 0xa5;
const MARGIN = 64;

/**
 * Copies the buffers into a memory, runs the tasks in the given order of pieces ([begin, end), …; all at once when left
 * out) and copies the buffers back. Throws when the kernel wrote outside of its buffers.
 */
export function runCpuKernel(
  kernel: CpuKernel,
  buffers: readonly TypedArray[],
  uniforms: ArrayLike<number> = [],
  pieces: readonly (readonly [number, number])[] = [[0, kernel.tasks]],
): void {
  let module = compiled.get(kernel.code.key);
  if (!module) {
    module = new WebAssembly.Module(kernel.code.assemble(false) as Uint8Array<ArrayBuffer>);
    compiled.set(kernel.code.key, module);
  }
  const align = (n: number): number => Math.ceil(n / 64) * 64;
  const params = MARGIN;
  let top = align(params + kernel.params.byteLength) + MARGIN;
  const places = buffers.map((b) => {
    const at = top;
    top = align(at + b.byteLength) + MARGIN;
    return at;
  });
  const scratch = top;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((scratch + kernel.scratch + MARGIN) / 65536) });
  const bytes = new Uint8Array(memory.buffer).fill(GUARD);
  const view = (b: TypedArray): Uint8Array => new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
  buffers.forEach((b, i) => {
    bytes.set(view(b), places[i]);
  });
  const words = new Int32Array(memory.buffer, params, kernel.params.length);
  words.set(kernel.params);
  for (const { word, buffer, byteOffset } of kernel.addresses) words[word] = places[buffer] + byteOffset;
  for (const { word, slot } of kernel.uniforms) words[word] = uniforms[slot];

  const run = new WebAssembly.Instance(module, { env: { memory } }).exports.run as Run;
  for (const [begin, end] of pieces) run(params, begin, end, scratch);

  const ends = [params + kernel.params.byteLength, ...buffers.map((b, i) => places[i] + b.byteLength)];
  [...places, scratch].forEach((next, i) => {
    const touched = bytes.subarray(ends[i], next).findIndex((x) => x !== GUARD);
    if (touched >= 0) throw new Error(`the kernel wrote outside of its buffers, at byte ${ends[i] + touched}`);
  });
  buffers.forEach((b, i) => {
    view(b).set(bytes.subarray(places[i], places[i] + b.byteLength));
  });
}
