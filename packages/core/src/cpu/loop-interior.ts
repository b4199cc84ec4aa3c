/**
 * The interior of a loop kernel whose sources have bounds: a box of positions where every source is within them. There
 * the kernel is a simpler one, without tests: loads that need no mask, and conditions on positions that are known.
 */

import { type Expr, expr } from "../expr.js";
import type { LoopKernel, Stage } from "../kernel.js";

/** The least and the largest position of each dimension, rows first. */
export type Box = readonly (readonly [number, number])[];

/** The largest such box that spans the inner dimensions; null where bounds tie rows of several dimensions together. */
export function interiorOf({ rows, inner, sources }: LoopKernel): Box | null {
  const sizes = [...rows, ...inner];
  const box = sizes.map((n): [number, number] => [0, n - 1]);
  const bounds = sources.flatMap((source) => source.bounds);
  if (bounds.length === 0) return null;
  for (const { offset, strides, size } of bounds) {
    const reach = inner.map((n, d) => (strides[rows.length + d] ?? 0) * (n - 1));
    const low = offset + reach.reduce((sum, x) => sum + Math.min(x, 0), 0);
    const high = offset + reach.reduce((sum, x) => sum + Math.max(x, 0), 0);
    const moving = rows.flatMap((_, d) => (strides[d] ? [d] : []));
    if (moving.length > 1) return null;
    if (moving.length === 0) {
      if (low < 0 || high >= size) return null;
      continue;
    }
    const [d] = moving;
    // Nowhere, if the inner dimensions reach further than the bound allows.
    const ends = [-low, size - 1 - high].map((at) => at / strides[d]);
    const [first, last] = strides[d] > 0 ? ends : ends.reverse();
    box[d][0] = Math.max(box[d][0], Math.ceil(first));
    box[d][1] = Math.min(box[d][1], Math.floor(last));
  }
  return box;
}

const TRUE = expr("const", "bool", [], 1);
const FALSE = expr("const", "bool", [], 0);

/** The least and the largest value of an i32 in the box; null where it is not known. */
function rangeOf({ op, type, args, value }: Expr, box: Box): readonly [number, number] | null {
  if (type !== "i32") return null;
  if (op === "const") return [value, value];
  if (op === "index") return box[value];
  if (op !== "add" && op !== "sub" && op !== "mul") return null;
  const [x, y] = args.map((a) => rangeOf(a, box));
  if (!x || !y) return null;
  if (op === "add") return [x[0] + y[0], x[1] + y[1]];
  if (op === "sub") return [x[0] - y[1], x[1] - y[0]];
  const products = x.flatMap((a) => y.map((b) => a * b));
  return [Math.min(...products), Math.max(...products)];
}

/** `lt` or `le` of two ranges, where all their values agree. */
function compare(e: Expr, box: Box): Expr {
  const [x, y] = e.args.map((a) => rangeOf(a, box));
  if (!x || !y || Math.max(...x.map(Math.abs), ...y.map(Math.abs)) >= 2 ** 31) return e;
  const holds = (a: number, b: number): boolean => (e.op === "lt" ? a < b : a <= b);
  return holds(x[1], y[0]) ? TRUE : holds(x[0], y[1]) ? e : FALSE;
}

/** The expression as it is in the box. */
function within(root: Expr, box: Box): Expr {
  const done = new Map<Expr, Expr>();
  const visit = (e: Expr): Expr => {
    let result = done.get(e);
    if (result) return result;
    const args = e.args.map(visit);
    result = simplify(e.op === "inside" ? TRUE : expr(e.op, e.type, args, e.value), box);
    done.set(e, result);
    return result;
  };
  return visit(root);
}

function simplify(e: Expr, box: Box): Expr {
  const [first, second, third] = e.args;
  if (e.op === "lt" || e.op === "le") return compare(e, box);
  if (e.op === "and" && first === TRUE) return second;
  if (e.op === "and" && second === TRUE) return first;
  if (e.op === "where" && first === TRUE) return second;
  if (e.op === "where" && first === FALSE) return third;
  return e;
}

/** The stages as they are in the box. Their loads need no bounds. */
export const stagesWithin = (stages: readonly Stage[], box: Box): Stage[] =>
  stages.map((stage) => ({ ...stage, value: within(stage.value, box) }));
