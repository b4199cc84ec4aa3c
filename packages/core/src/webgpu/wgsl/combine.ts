/** Texts of what reductions do: where they begin, and how two results become one. */

import type { Scalar } from "../../expr.js";
import type { ReduceOp } from "../../kernel.js";
import type { Shader } from "./shader.js";
import { literal } from "./values.js";

const ENDS: Readonly<Record<Scalar, readonly [number, number]>> = {
  f32: [-Infinity, Infinity],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  bool: [0, 1],
};

/** What combining starts from. */
export function identity(shader: Shader, op: ReduceOp, type: Scalar): string {
  const [least, most] = ENDS[type];
  const value = { sum: 0, prod: 1, max: least, min: most }[op];
  return literal(shader, value, type);
}

/** The combination of two values. max and min of f32 propagate NaN. */
export function combine(shader: Shader, op: ReduceOp, type: Scalar, x: string, y: string): string {
  if (type === "bool") return op === "sum" || op === "max" ? `${x} | ${y}` : `${x} & ${y}`;
  if (op === "sum") return `${x} + ${y}`;
  if (op === "prod") return `${x} * ${y}`;
  return type === "f32" ? shader.call(`k_${op}`, x, y) : `${op}(${x}, ${y})`;
}
