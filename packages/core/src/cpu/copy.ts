/** The kernel that copies bytes from buffer 0 to buffer 1: takes a snapshot for a read while later runs are enqueued. */

import { type CpuKernel, moduleCode, oneStage } from "./kernel.js";
import { i32, select } from "./wasm/index.js";

/** Bytes of a task: 2 ** PIECE_SHIFT. */
const PIECE_SHIFT = 16;

const code = moduleCode("copy", (m) => {
  m.func("run", ["i32", "i32", "i32", "i32"], "void", (f, params, begin, end) => {
    const start = f.let(i32.shl(begin, PIECE_SHIFT));
    const bytes = f.let(i32.load(params, 8));
    const stop = f.let(i32.shl(end, PIECE_SHIFT));
    f.set(stop, select(stop, bytes, i32.ltU(stop, bytes)));
    f.memoryCopy(i32.add(i32.load(params, 4), start), i32.add(i32.load(params, 0), start), i32.sub(stop, start));
  });
});

/** Copies `bytes` from `byteOffset` in buffer 0 to the start of buffer 1. */
export const copyKernel = (byteOffset: number, bytes: number): CpuKernel =>
  oneStage({
    code,
    tasks: Math.ceil(bytes / 2 ** PIECE_SHIFT),
    params: Int32Array.of(0, 0, bytes),
    addresses: [
      { word: 0, buffer: 0, byteOffset },
      { word: 1, buffer: 1, byteOffset: 0 },
    ],
    uniforms: [],
    scratch: 0,
  });
