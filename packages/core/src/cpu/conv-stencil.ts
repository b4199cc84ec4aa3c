/**
 * The products of depthwise convolutions. A plane lies in a slab (conv-stencil-copy.ts) in which every tap of a row of points is
 * one run of neighbours. A tile is four columns of several rows of points. Taps that lie below each other in the slab (a
 * column of taps) are multiplied together, because they share rows: with R rows of points and K taps, R + K − 1 vectors
 * of the slab and K weights are loaded for R · K multiply-adds, all of them kept in registers.
 */

import {
  type FunctionBuilder,
  f32x4,
  i32,
  type Local,
  type Operand,
  select,
  type Value,
  v128,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

/** What the code of a tile is printed for. */
export interface StencilTile {
  /** Rows of points. */
  readonly rows: number;
  /** Taps of a column, in neighbouring rows of the slab. */
  readonly taps: number;
  /** Rows of the slab from one row of points to the next. */
  readonly step: number;
  /** Whether multiply and add are one instruction. */
  readonly fused: boolean;
}

/** Calls `use` for each row of the slab under a tile, with the pairs of points and taps that meet there. */
function underTile({ rows, taps, step }: StencilTile, use: (pairs: { row: number; tap: number }[]) => void): void {
  for (let y = 0; y < (rows - 1) * step + taps; y++) {
    const all = Array.from({ length: rows }, (_, row) => ({ row, tap: y - row * step }));
    use(all.filter(({ tap }) => tap >= 0 && tap < taps));
  }
}

const multiplyAdd = ({ fused }: StencilTile, x: Local<"v128">, y: Local<"v128">, sum: Local<"v128">): Value<"v128"> =>
  fused ? f32x4.relaxedMadd(x, y, sum) : f32x4.add(sum, f32x4.mul(x, y));

/**
 * Runs `body` at 0, step, 2 · step, … below `size`, where the last turn is moved back so that it ends at `size`, and does
 * some points again. What is smaller than a step is exceeded.
 */
function cover(f: FunctionBuilder, size: Operand<"i32">, step: number, body: (at: Local<"i32">) => void): void {
  const at = f.let(i32.const(0));
  const last = f.let(i32.sub(size, step));
  f.loop((again) => {
    body(at);
    f.increment(at, step);
    f.if(i32.ltS(at, size), () => {
      f.set(at, select(last, at, i32.gtS(at, last)));
      f.br(again);
    });
  });
}

/** correlate(c, cPitch, rows, columns, slab, pitch, offsets, offsetsEnd, weights) */
export type CorrelateFunction = WasmFunction<
  readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  "void"
>;

/**
 * C[y, x] = Σ weights[t] · slab[y · step + row of t, x + column of t] for all taps t. `offsets` holds where each column of
 * taps begins in the slab, `weights` the weights in the same order. Rows of C may be exceeded by three elements, which
 * the next row overwrites; less than a tile of rows is exceeded to a whole one.
 */
export const printCorrelate = (m: WasmModule, tile: StencilTile): CorrelateFunction =>
  m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, c, cPitch, rows, columns, slab, pitch, offsets, offsetsEnd, weights) => {
      const sums = Array.from({ length: tile.rows }, () => f.local("v128"));
      const splats = Array.from({ length: tile.taps }, () => f.local("v128"));
      const points = f.local("v128");
      const [column, weight, from, to] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
      const columnBytes = f.let(i32.shl(columns, 2));
      cover(f, rows, tile.rows, (y) => {
        const slabRow = f.let(i32.add(slab, i32.mul(i32.mul(y, tile.step), pitch)));
        const cRow = f.let(i32.add(c, i32.mul(y, cPitch)));
        cover(f, columnBytes, 16, (x) => {
          for (const sum of sums) f.set(sum, v128.zero);
          f.set(column, offsets);
          f.set(weight, weights);
          f.while(i32.ltU(column, offsetsEnd), () => {
            f.set(from, i32.add(i32.add(slabRow, x), i32.load(column)));
            splats.forEach((splat, t) => {
              f.set(splat, v128.load32Splat(weight, 4 * t));
            });
            underTile(tile, (pairs) => {
              f.set(points, v128.load(from));
              for (const { row, tap } of pairs) f.set(sums[row], multiplyAdd(tile, points, splats[tap], sums[row]));
              f.increment(from, pitch);
            });
            f.increment(column, 4);
            f.increment(weight, 4 * tile.taps);
          });
          f.set(to, i32.add(cRow, x));
          for (const sum of sums) {
            f.store("v128", to, sum);
            f.increment(to, cPitch);
          }
        });
      });
    },
  );

/** dots(sums, gradient, gradientPitch, rows, columns, slab, pitch, offsets, offsetsEnd) */
export type DotsFunction = CorrelateFunction;

/**
 * Adds, for every tap t, the four lanes of Σ gradient[y, x] · slab[y · step + row of t, x + column of t] to a vector of
 * `sums`. Rows and columns are rounded up to whole tiles, so what lies beyond them must be zero in the gradient, and
 * finite in the slab.
 */
export const printDots = (m: WasmModule, tile: StencilTile): DotsFunction =>
  m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, sums, gradient, gradientPitch, rows, columns, slab, pitch, offsets, offsetsEnd) => {
      const gradients = Array.from({ length: tile.rows }, () => f.local("v128"));
      const totals = Array.from({ length: tile.taps }, () => f.local("v128"));
      const points = f.local("v128");
      const [column, sum, from] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const columnBytes = f.let(i32.shl(columns, 2));
      f.for(0, rows, tile.rows, () => {
        f.for(0, columnBytes, 16, (x) => {
          f.set(from, i32.add(gradient, x));
          for (const g of gradients) {
            f.set(g, v128.load(from));
            f.increment(from, gradientPitch);
          }
          f.set(column, offsets);
          f.set(sum, sums);
          f.while(i32.ltU(column, offsetsEnd), () => {
            f.set(from, i32.add(i32.add(slab, x), i32.load(column)));
            const started = new Set<number>();
            underTile(tile, (pairs) => {
              f.set(points, v128.load(from));
              for (const { row, tap } of pairs) {
                const begun = started.has(tap);
                started.add(tap);
                const g = gradients[row];
                f.set(totals[tap], begun ? multiplyAdd(tile, points, g, totals[tap]) : f32x4.mul(points, g));
              }
              f.increment(from, pitch);
            });
            totals.forEach((total, t) => {
              f.store("v128", sum, f32x4.add(v128.load(sum, 16 * t), total), 16 * t);
            });
            f.increment(column, 4);
            f.increment(sum, 16 * tile.taps);
          });
        });
        f.increment(gradient, i32.mul(gradientPitch, tile.rows));
        f.increment(slab, i32.mul(pitch, tile.rows * tile.step));
      });
    },
  );
