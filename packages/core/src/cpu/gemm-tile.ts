/**
 * The micro-kernel: a tile of the result kept in registers while rows of A and columns of B stream by. It is the only
 * code that multiplies, knows no shape, and is called once a tile, so the engine optimises it within milliseconds.
 */

import { platform } from "#platform";
import {
  f32x4,
  hasRelaxedSimd,
  i32,
  type Local,
  type Value,
  v128,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

export interface TileShape {
  /** Rows and columns. */
  readonly mr: number;
  readonly nr: number;
  /** Whether multiply and add are one (relaxed) instruction. */
  readonly fused: boolean;
  /** Columns of a tile that must be neighbours in memory where B is read in place; nr is a multiple. */
  readonly run: number;
  /** What one multiply-add takes when all is in the first-level cache. */
  readonly nanoseconds: number;
}

/**
 * The tiles for this engine: the first for products in general, the others for few rows. Sixteen vector registers hold
 * the tile, a row of B and one splat of A; a separate product needs room too, and a spill costs more than a larger tile
 * gains. Where V8 joins pairs of vectors into wider ones, a tile of twice the columns takes as many registers
 * (docs/kernels-cpu.md).
 */
export function tileShapes(): readonly TileShape[] {
  if (!hasRelaxedSimd())
    return [
      { mr: 4, nr: 8, fused: false, run: 4, nanoseconds: 0.044 },
      { mr: 3, nr: 8, fused: false, run: 4, nanoseconds: 0.047 },
    ];
  const [wide, nanoseconds] = platform.revectorizes() ? [2, 0.018] : [1, 0.035];
  return [
    { mr: 6, nr: 8 * wide, fused: true, run: 4 * wide, nanoseconds },
    { mr: 3, nr: 12 * wide, fused: true, run: 4 * wide, nanoseconds },
  ];
}

/** Tells apart the code of tiles. */
export const tileKey = ({ mr, nr, fused }: TileShape): string => `${mr}×${nr}${fused ? " fused" : ""}`;

/**
 * Which operand a tile reads where it lies, as it need not be packed: rows of A whose ks are neighbours, or rows of B in
 * which runs of a tile's lanes are neighbours.
 */
export const IN_PLACE = { none: 0, a: 1, b: 2 } as const;
export type InPlace = keyof typeof IN_PLACE;

/**
 * tile(a, b, lanes, ks, kc, c, pitch, first): C[mr × nr] = (first ? 0 : C) + A·B over `kc` values of k; rows of C are
 * `pitch` bytes apart. Packed panels at `a` and `b` hold mr and nr values for each k. Of an operand in place, `lanes` are
 * the offsets: element (i, k) of A is at a + lanes[i] + 4k, element (k, j) of B, the first of a run, at b + lanes[j] + ks[k].
 */
export type TileFunction = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"], "void">;

/**
 * Products that are added up in registers before their sum goes to memory. Rounding errors of a sum grow with the number
 * of its terms: sums of sums keep them small, for a few per cent of the time.
 */
const TERMS = 24;

/**
 * V8 joins what it finds side by side, starting from stores: neighbouring vectors are loaded, computed and stored one
 * after the other, from one address with constant offsets. Sums start as constants, since it does not join splats of one.
 */
export function printTile(m: WasmModule, { mr, nr, fused, run }: TileShape, inPlace: InPlace): TileFunction {
  const vectors = nr / 4;
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, a, b, lanes, ks, kc, c, pitch, first) => {
      const acc = Array.from({ length: mr }, () => Array.from({ length: vectors }, () => f.local("v128")));
      const right = Array.from({ length: vectors }, () => f.local("v128"));
      const left = f.local("v128");
      const [row, stop, from] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const addresses = (from: Local<"i32">, indices: readonly number[]): Local<"i32">[] =>
        indices.map((i) => f.let(i32.add(from, i32.load(lanes, 4 * i))));
      const rows = inPlace === "a" ? addresses(a, [...acc.keys()]) : [];
      const runs =
        inPlace === "b"
          ? addresses(
              b,
              [...Array(nr / run).keys()].map((i) => i * run),
            )
          : [];
      const elementOfA = (i: number): Value<"v128"> =>
        inPlace === "a" ? v128.load32Splat(rows[i]) : v128.load32Splat(a, 4 * i);
      const loadRight = (): void => {
        right.forEach((x, j) => {
          const column = (4 * j) % run;
          if (inPlace === "b" && column === 0) f.set(from, i32.add(runs[(4 * j) / run], i32.load(ks)));
          f.set(x, inPlace === "b" ? v128.load(from, 4 * column) : v128.load(b, 16 * j));
        });
      };
      // What counts the ks, and how much further it is for each.
      const [at, step] = inPlace === "b" ? [ks, 4] : [b, 4 * nr];
      const end = f.let(i32.add(at, i32.mul(kc, step)));

      const multiplyAdd = (): void => {
        loadRight();
        acc.forEach((line, i) => {
          f.set(left, elementOfA(i));
          line.forEach((x, j) => {
            f.set(x, fused ? f32x4.relaxedMadd(left, right[j], x) : f32x4.add(x, f32x4.mul(left, right[j])));
          });
        });
        if (inPlace === "a") for (const source of rows) f.increment(source, 4);
        else f.increment(a, 4 * mr);
        f.increment(at, step);
      };
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
        f.set(stop, i32.add(at, step * TERMS));
        f.if(i32.gtU(stop, end), () => f.set(stop, end));
        for (const line of acc) for (const x of line) f.set(x, v128.zero);
        f.while(i32.ltU(at, stop), multiplyAdd);
        f.set(row, c);
        f.if(first, store(false), store(true));
        f.set(first, i32.const(0));
        f.brIf(again, i32.ltU(at, end));
      });
    },
  );
}
