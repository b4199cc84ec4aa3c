/** Loop kernels with reductions that tests of every device run, and what they are written with. */

import type { TypedArray } from "../dist/dtype.js";
import { type Expr, type ExprOp, expr } from "../dist/expr.js";
import type { Access, LoopKernel, Stage } from "../dist/kernel.js";

export const at = (buffer: number, strides: readonly number[]): Access => ({
  buffer,
  dtype: "float32",
  offset: 0,
  strides,
  bounds: [],
  indirect: [],
});
export const load = (source: number): Expr => expr("load", "f32", [], source);
export const acc = (stage: number): Expr => expr("acc", "f32", [], stage);
export const constant = (value: number): Expr => expr("const", "f32", [], value);
export const of = (op: ExprOp, ...args: Expr[]): Expr => expr(op, "f32", args);
export const sum = (value: Expr): Stage => ({ kind: "reduce", op: "sum", type: "f32", value });
export const max = (value: Expr): Stage => ({ kind: "reduce", op: "max", type: "f32", value });
export const store = (per: "row" | "point", target: Access, value: Expr): Stage => ({
  kind: "store",
  per,
  target,
  value,
});

/** Numbers in [low, high), the same in every run. */
export const noise = (n: number, low = -1, high = 1): Float32Array => {
  const out = new Float32Array(n);
  let state = n | 1;
  for (let i = 0; i < n; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    out[i] = low + ((high - low) * (state >>> 8)) / 2 ** 24;
  }
  return out;
};

export const softmax = (rows: number, inner: number, strides: readonly number[]): LoopKernel => {
  const shifted = of("exp", of("sub", load(0), acc(0)));
  return {
    kind: "loop",
    name: "softmax",
    rows: [rows],
    inner: [inner],
    sources: [at(0, strides)],
    stages: [max(load(0)), sum(shifted), store("point", at(1, strides), of("div", shifted, acc(1)))],
  };
};

/** Mean and variance of each channel of [n, c, hw]. */
export const statistics = (n: number, c: number, hw: number): LoopKernel => {
  const count = constant(1 / (n * hw));
  const deviation = of("sub", load(0), of("mul", acc(0), count));
  return {
    kind: "loop",
    name: "statistics",
    rows: [c],
    inner: [n, hw],
    sources: [at(0, [hw, c * hw, 1])],
    stages: [
      sum(load(0)),
      sum(of("mul", deviation, deviation)),
      store("row", at(1, [1, 0, 0]), of("mul", acc(0), count)),
      store("row", at(2, [1, 0, 0]), of("mul", acc(1), count)),
    ],
  };
};

/** Sums of the columns of [n, c]. */
export const columns = (n: number, c: number): LoopKernel => ({
  kind: "loop",
  name: "columns",
  rows: [c],
  inner: [n],
  sources: [at(0, [1, c])],
  stages: [sum(load(0)), store("row", at(1, [1, 0]), acc(0))],
});

/** Parameter and momentum updated in place, by gradient and a uniform rate, over buffers 0, 1 and 2 of `n` elements. */
export function momentum(n: number): LoopKernel {
  const decay = (x: Expr, y: Expr, keep: number): Expr =>
    of("add", of("mul", x, constant(keep)), of("mul", y, constant(1 - keep)));
  const [p, g, m] = [load(0), load(1), load(2)];
  return {
    kind: "loop",
    name: "momentum",
    rows: [n],
    inner: [],
    sources: [at(0, [1]), at(1, [1]), at(2, [1])],
    stages: [
      store("row", at(2, [1]), decay(m, g, 0.9)),
      store("row", at(0, [1]), of("sub", p, of("mul", expr("uniform", "f32", [], 0), of("sqrt", of("abs", m))))),
    ],
  };
}

/** The largest difference of results, relative to the largest number that is expected. */
export function largestError(got: readonly TypedArray[], expected: readonly Float32Array[]): number {
  let [error, scale] = [0, 0];
  expected.forEach((b, i) => {
    b.forEach((x, j) => {
      error = Math.max(error, Math.abs(x - Number(got[i][j])));
      scale = Math.max(scale, Math.abs(x));
    });
  });
  return error / scale;
}
