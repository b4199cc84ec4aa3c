/**
 * The micro-kernel: a tile of the result kept in registers while one panel of A and one of B stream by. It is the only
 * code that multiplies, knows no shape, and is called once a tile, so the engine optimises it within milliseconds.
 */

import { platform } from "#platform";
import { f32x4, hasRelaxedSimd, i32, v128, type WasmFunction, type WasmModule } from "./wasm/index.js";

/** Rows and columns of a tile, and whether multiply and add are one (relaxed) instruction. */
export interface TileShape {
  readonly mr: number;
  readonly nr: number;
  readonly fused: boolean;
}

/**
 * The tile for this engine. Sixteen vector registers hold the tile, a row of B and one splat of A; a separate product
 * needs room too, and a spill costs more than a larger tile gains. Where V8 joins pairs of vectors into wider ones, a
 * tile of twice the columns takes as many registers (docs/kernels-cpu.md).
 */
export function tileShape(): TileShape {
  if (!hasRelaxedSimd()) return { mr: 4, nr: 8, fused: false };
  return { mr: 6, nr: platform.revectorizes() ? 16 : 8, fused: true };
}

export type TileFunction = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32"], "void">;

/**
 * Products that are added up in registers before their sum goes to memory. Rounding errors of a sum grow with the number
 * of its terms: sums of sums keep them small, for a few per cent of the time.
 */
const TERMS = 64;

/**
 * tile(a, b, bEnd, c, pitch, first): C[mr × nr] = (first ? 0 : C) + A·B, where `a` holds mr values and `b` nr values for
 * each k, `bEnd` ends the panel of B, and rows of C are `pitch` bytes apart.
 *
 * V8 joins what it finds side by side, starting from stores: neighbouring vectors are loaded, computed and stored one
 * after the other, from one address with constant offsets. Sums start as constants, since it does not join splats of one.
 */
export function printTile(m: WasmModule, { mr, nr, fused }: TileShape): TileFunction {
  const vectors = nr / 4;
  return m.helper(["i32", "i32", "i32", "i32", "i32", "i32"], "void", (f, a, b, bEnd, c, pitch, first) => {
    const acc = Array.from({ length: mr }, () => Array.from({ length: vectors }, () => f.local("v128")));
    const lanes = Array.from({ length: vectors }, () => f.local("v128"));
    const left = f.local("v128");
    const row = f.local("i32");
    const stop = f.local("i32");
    const store = (add: boolean) => (): void => {
      for (const line of acc) {
        line.forEach((x, j) => {
          if (add) f.set(x, f32x4.add(x, v128.load(row, 16 * j)));
        });
        line.forEach((x, j) => {
          f.store("v128", row, x, 16 * j);
        });
        f.increment(row, pitch);
      }
    };
    f.loop((again) => {
      f.set(stop, i32.add(b, 4 * nr * TERMS));
      f.if(i32.gtU(stop, bEnd), () => f.set(stop, bEnd));
      for (const line of acc) for (const x of line) f.set(x, v128.zero);
      f.while(i32.ltU(b, stop), () => {
        lanes.forEach((x, j) => {
          f.set(x, v128.load(b, 16 * j));
        });
        acc.forEach((line, i) => {
          f.set(left, v128.load32Splat(a, 4 * i));
          line.forEach((x, j) => {
            f.set(x, fused ? f32x4.relaxedMadd(left, lanes[j], x) : f32x4.add(x, f32x4.mul(left, lanes[j])));
          });
        });
        f.increment(a, 4 * mr);
        f.increment(b, 4 * nr);
      });
      f.set(row, c);
      f.if(first, store(false), store(true));
      f.set(first, i32.const(0));
      f.brIf(again, i32.ltU(b, bEnd));
    });
  });
}
