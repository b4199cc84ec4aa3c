/**
 * What happens to a finished block of a contraction: the epilogue's value is computed for each element and stored. A row
 * of the block falls into spans along the innermost digit of n, where every address moves by a constant step.
 */

import { DTypeError } from "../errors.js";
import type { Epilogue } from "../kernel.js";
import type { WalkFunction } from "./gemm-pack.js";
import { type AffineBase, affineWord, innerSize } from "./gemm-record.js";
import { CPU_BYTES } from "./kernel.js";
import { call, f32, i32, v128, type WasmFunction, type WasmModule } from "./wasm/index.js";

/** epilogue(params, block, batch, m0, mc, n0, nc, c, pitch): finishes the block at `c`, whose rows are `pitch` apart. */
export type EpilogueFunction = WasmFunction<
  readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  "void"
>;

/** An affine function of the kernel's output position, in elements of a buffer or as a plain number. */
export interface AffineStrides {
  readonly offset: number;
  readonly strides: readonly number[];
}

export interface EpiloguePrinter {
  /** Equal keys print equal code. */
  readonly key: string;
  readonly affine: readonly AffineStrides[];
  readonly bases: readonly AffineBase[];
  /** Slots of the plan's uniforms that the code reads. */
  readonly uniforms: readonly number[];
  print(m: WasmModule, walk: WalkFunction): EpilogueFunction;
}

export function epiloguePrinter({ value, target }: Epilogue): EpiloguePrinter {
  if (target.dtype !== "float32" || value.op !== "acc") throw new DTypeError("only plain epilogues yet");
  return {
    key: "plain",
    affine: [target],
    bases: [{ buffer: target.buffer, bytes: CPU_BYTES[target.dtype] }],
    uniforms: [],
    print: printPlain,
  };
}

function printPlain(m: WasmModule, walk: WalkFunction): EpilogueFunction {
  /** span(c, count, to, step) */
  const span = m.helper(["i32", "i32", "i32", "i32"], "void", (f, c, count, to, step) => {
    const end = f.let(i32.add(c, i32.shl(count, 2)));
    f.if(i32.eq(step, 4), () =>
      f.while(i32.leU(i32.add(c, 16), end), () => {
        f.store("v128", to, v128.load(c));
        f.increment(to, 16);
        f.increment(c, 16);
      }),
    );
    f.while(i32.ltU(c, end), () => {
      f.store("f32", to, f32.load(c));
      f.increment(to, step);
      f.increment(c, 4);
    });
  });
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, params, block, batch, m0, mc, n0, nc, c, pitch) => {
      const inner = f.let(innerSize(block));
      const [start, from, to] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const [n, end, count] = [f.local("i32"), f.let(i32.add(n0, nc)), f.local("i32")];
      const list = (part: "batch" | "m" | "n") => i32.add(params, affineWord(block, 0, part));
      f.set(start, i32.add(affineWord(block, 0, "start"), call(walk, list("batch"), batch)));
      f.for(0, mc, 1, () => {
        f.set(from, c);
        f.set(to, i32.add(start, call(walk, list("m"), m0)));
        f.set(n, n0);
        f.while(i32.ltU(n, end), () => {
          f.set(count, i32.sub(inner, i32.remU(n, inner)));
          f.if(i32.ltU(i32.sub(end, n), count), () => f.set(count, i32.sub(end, n)));
          f.call(span, from, count, i32.add(to, call(walk, list("n"), n)), affineWord(block, 0, "step"));
          f.increment(n, count);
          f.increment(from, i32.shl(count, 2));
        });
        f.increment(c, pitch);
        f.increment(m0, 1);
      });
    },
  );
}
