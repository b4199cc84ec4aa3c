/**
 * Packing of operands that do not lie in memory as f32: float16, and padded views, whose elements out of bounds are 0.
 * Elements are fetched one by one; addresses and bounds are affine values of (batch, lane, k).
 */

import type { ComputeDType } from "../dtype.js";
import type { WalkFunction } from "./gemm-pack.js";
import { affineWord } from "./gemm-record.js";
import { halfToFloat } from "./half.js";
import { call, i32, i32x4, v128, type WasmFunction, type WasmModule } from "./wasm/index.js";

/**
 * packIrregular(params, block, to, batch, lane0, lanes, k0, kc): lanes [lane0, lane0 + lanes) as panels. The block holds
 * the address and then the bounds, their m along lanes and their n along k.
 */
export type IrregularPackFunction = WasmFunction<
  readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  "void"
>;

export function printIrregularPack(
  m: WasmModule,
  walk: WalkFunction,
  dtype: ComputeDType,
  bounds: number,
  width: number,
): IrregularPackFunction {
  const values = Array.from({ length: 1 + bounds }, (_, i) => i);
  /** Four lanes from `lane` on (the last again where there are no more), for all k. */
  const quad = m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, params, block, to, batch, lane, last, k0, kc) => {
      const end = f.let(i32.add(k0, kc));
      const starts = values.map((v) => {
        const list = (part: "batch" | "m") => i32.add(params, affineWord(block, v, part));
        const base = f.let(i32.add(affineWord(block, v, "start"), call(walk, list("batch"), batch)));
        return [0, 1, 2, 3].map((i) => {
          const index = f.let(i32.add(lane, i));
          f.if(i32.gtS(index, last), () => f.set(index, last));
          return f.let(i32.add(base, call(walk, list("m"), index)));
        });
      });
      const moves = values.map(() => f.local("i32"));
      const bits = f.local("v128");
      f.forFrom(k0, end, 1, () => {
        for (const v of values) f.set(moves[v], call(walk, i32.add(params, affineWord(block, v, "n")), k0));
        f.set(bits, v128.zero);
        for (const i of [0, 1, 2, 3]) {
          const address = i32.add(starts[0][i], moves[0]);
          const load = () =>
            f.set(bits, i32x4.replace(bits, i, dtype === "float16" ? i32.load16U(address) : i32.load(address)));
          const inside = values
            .slice(1)
            .map((v) => i32.ltU(i32.add(starts[v][i], moves[v]), affineWord(block, v, "size")))
            .reduce((x, y) => i32.and(x, y), i32.const(1));
          f.if(inside, load);
        }
        f.store("v128", to, dtype === "float16" ? halfToFloat(f, bits) : bits);
        f.increment(to, 4 * width);
      });
    },
  );
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, params, block, to, batch, lane0, lanes, k0, kc) => {
      const end = f.let(i32.add(lane0, lanes));
      const last = f.let(i32.sub(end, 1));
      f.forFrom(lane0, end, width, () => {
        // Last quad first: where the width is no multiple of four, the quad before it overwrites what it spills.
        for (let i = (width - 1) & -4; i >= 0; i -= 4)
          f.call(quad, params, block, i32.add(to, 4 * i), batch, i32.add(lane0, i), last, k0, kc);
        f.increment(to, i32.mul(kc, 4 * width));
      });
    },
  );
}
