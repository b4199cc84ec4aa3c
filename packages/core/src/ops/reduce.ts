/** Reductions, and what is composed of them. */

import { isFloat } from "../dtype.js";
import { ArgumentError } from "../errors.js";
import { scalarOf } from "../expr.js";
import type { ReduceOp } from "../kernel.js";
import type { Node } from "../node.js";
import { along, constant, fill } from "./create.js";
import { unmoved } from "./custom.js";
import { computing, make } from "./make.js";
import { convert, elementwise, map } from "./map.js";
import { dimOf, expand, reshape } from "./movement.js";
import * as S from "./scalar.js";

export type Dims = number | readonly number[] | undefined;

/** Sorted axes; all of them for undefined or an empty list, as in torch. */
export function axesOf(op: string, dim: Dims, rank: number): number[] {
  const list = dim === undefined ? [] : typeof dim === "number" ? [dim] : dim;
  if (list.length === 0) return Array.from({ length: rank }, (_, i) => i);
  if (rank === 0) {
    for (const d of list) dimOf(op, d, rank);
    return [];
  }
  const axes = list.map((d) => dimOf(op, d, rank)).sort((a, b) => a - b);
  if (new Set(axes).size !== axes.length) throw new ArgumentError(`${op}: dimension named twice in [${list}]`);
  return axes;
}

const IDENTITY: Record<ReduceOp, number> = { sum: 0, prod: 1, max: -Infinity, min: Infinity };

/** Reduces `axes` (sorted), which vanish. int32 and bool add up as int32. */
export function reduce(x: Node, op: ReduceOp, axes: readonly number[]): Node {
  computing(op, x);
  const y = isFloat(x.dtype) || x.dtype === "int32" ? x : convert(x, "int32");
  if (axes.length === 0) return y;
  const shape = y.shape.filter((_, i) => !axes.includes(i));
  if (axes.some((a) => y.shape[a] === 0)) {
    if (op === "max" || op === "min")
      throw new ArgumentError(
        `${op}: shape [${x.shape}] has no elements along the dimensions to reduce, and ${op} has no identity`,
      );
    return unmoved(fill(shape, constant(IDENTITY[op], y.dtype)), [y]);
  }
  // One element is its own sum, product and extreme.
  if (axes.every((a) => y.shape[a] === 1)) return reshape(y, shape);
  return make({ kind: "reduce", op, axes }, `reduce.${op}:${axes}`, [y], shape, y.dtype);
}

/** Puts reduced axes back with size 1. */
export const keep = (x: Node, axes: readonly number[], shape: readonly number[]): Node =>
  reshape(
    x,
    shape.map((d, i) => (axes.includes(i) ? 1 : d)),
  );

/** Repeats reduced values along the axes that were reduced. */
export const spread = (x: Node, axes: readonly number[], shape: readonly number[]): Node =>
  expand(keep(x, axes, shape), shape);

export const finish = (x: Node, axes: readonly number[], shape: readonly number[], keepdim: boolean): Node =>
  keepdim ? keep(x, axes, shape) : x;

export const count = (shape: readonly number[], axes: readonly number[]): number =>
  axes.reduce((n, a) => n * shape[a], 1);

const times = (x: Node, factor: number): Node => elementwise("mul", x, constant(factor, "float32"));

export function mean(x: Node, axes: readonly number[]): Node {
  const f = isFloat(x.dtype) ? x : convert(x, "float32");
  return times(reduce(f, "sum", axes), 1 / count(x.shape, axes));
}

/** Mean squared deviation with `correction` degrees of freedom taken off; two sweeps, as torch.var. */
export function variance(x: Node, axes: readonly number[], correction: number): Node {
  const centred = elementwise("sub", x, keep(mean(x, axes), axes, x.shape));
  const n = count(x.shape, axes);
  return times(reduce(elementwise("square", centred), "sum", axes), 1 / Math.max(0, n - correction));
}

/** log Σ exp, kept in range by the maximum. */
export function logSumExp(x: Node, axes: readonly number[]): Node {
  const m = finiteOrZero(reduce(x, "max", axes));
  const shifted = elementwise("exp", elementwise("sub", x, keep(m, axes, x.shape)));
  return elementwise("add", elementwise("log", reduce(shifted, "sum", axes)), m);
}

/** The value without history, infinities as 0. */
export function finiteOrZero(x: Node): Node {
  const a = S.arg(0, "f32");
  return map("finite", S.where(S.lt(S.abs(a), S.c(Infinity)), a, S.c(0)), [x], x.computeDType, [null]);
}

/** Position (int32) of the first largest (or smallest) element along `axis`; the first NaN wins, as in torch. */
export function argExtreme(x: Node, op: "max" | "min", axis: number): Node {
  const y = isFloat(x.dtype) || x.dtype === "int32" ? x : convert(x, "int32");
  const type = scalarOf(y.computeDType);
  const [a, best, at] = [S.arg(0, type), S.arg(1, type), S.arg(2, "i32")];
  const first = S.where(S.or(S.eq(a, best), S.ne(a, a)), at, S.c(0x7fffffff, "i32"));
  const operands = [y, spread(reduce(y, op, [axis]), [axis], x.shape), along(x.shape, axis)];
  return reduce(map("first", first, operands, "int32"), "min", [axis]);
}
