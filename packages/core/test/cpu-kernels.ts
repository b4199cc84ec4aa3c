/** Runs a printed kernel on a plain WebAssembly memory, in one thread. */

import type { CpuCode, CpuKernel } from "../dist/cpu/kernel.js";
import type { TypedArray } from "../dist/dtype.js";

type Run = (params: number, begin: number, end: number, scratch: number) => void;

const compiled = new Map<string, WebAssembly.Module>();

function moduleOf({ key, assemble }: CpuCode): WebAssembly.Module {
  let module = compiled.get(key);
  if (!module) {
    module = new WebAssembly.Module(assemble(false) as Uint8Array<ArrayBuffer>);
    compiled.set(key, module);
  }
  return module;
}

/** Pieces of the tasks of a stage, [begin, end), in the order in which they are executed. */
type Pieces = readonly (readonly [number, number])[];

/** A byte that no kernel may change, around every buffer and the workspace. */
const GUARD = 0xa5;
const MARGIN = 64;

/**
 * Copies the buffers into a memory, runs the tasks of each stage in the order of pieces that `cut` gives (all at once when
 * left out) and copies the buffers back. Throws when the kernel wrote outside of its buffers.
 */
export function runCpuKernel(
  kernel: CpuKernel,
  buffers: readonly TypedArray[],
  uniforms: ArrayLike<number> = [],
  cut: (tasks: number) => Pieces = (tasks) => [[0, tasks]],
): void {
  const pieces: { at: number; bytes: number }[] = [];
  let top = MARGIN;
  const place = (size: number): number => {
    const at = top;
    pieces.push({ at, bytes: size });
    top = Math.ceil((at + size) / 64) * 64 + MARGIN;
    return at;
  };
  const params = kernel.stages.map((stage) => place(stage.params.byteLength));
  const places = buffers.map((b) => place(b.byteLength));
  const own = { workspace: place(kernel.workspace), prepared: place(kernel.prepared?.bytes ?? 0) };
  const scratch = place(Math.max(...kernel.stages.map((stage) => stage.scratch)));
  const memory = new WebAssembly.Memory({ initial: Math.ceil(top / 65536) });
  const bytes = new Uint8Array(memory.buffer).fill(GUARD);
  const view = (b: TypedArray): Uint8Array => new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
  buffers.forEach((b, i) => {
    bytes.set(view(b), places[i]);
  });
  kernel.stages.forEach((stage, i) => {
    const words = new Int32Array(memory.buffer, params[i], stage.params.length);
    words.set(stage.params);
    for (const { word, buffer, byteOffset } of stage.addresses)
      words[word] = (typeof buffer === "number" ? places[buffer] : own[buffer]) + byteOffset;
    for (const { word, slot } of stage.uniforms) words[word] = uniforms[slot];
    const run = new WebAssembly.Instance(moduleOf(stage.code), { env: { memory } }).exports.run as Run;
    for (const [begin, end] of cut(stage.tasks)) run(params[i], begin, end, scratch);
  });

  pieces.forEach(({ at, bytes: size }, i) => {
    const touched = bytes.subarray(at + size, pieces[i + 1]?.at ?? top).findIndex((x) => x !== GUARD);
    if (touched >= 0) throw new Error(`the kernel wrote outside of its buffers, at byte ${at + size + touched}`);
  });
  buffers.forEach((b, i) => {
    view(b).set(bytes.subarray(places[i], places[i] + b.byteLength));
  });
}
