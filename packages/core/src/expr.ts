/**
 * The scalar language: what an elementwise operator means for one element, and what a fused kernel computes at one
 * point. Expressions are hash-consed, so equal expressions are the same object and have the same `id`; a device prints
 * each distinct node once. Devices know these few operators and nothing of the tensor operators made of them.
 */

import type { ComputeDType } from "./dtype.js";

/** Types of a scalar in flight. Storage types load into these: float16 → f32, uint8 → i32. */
export type Scalar = "f32" | "i32" | "u32" | "bool";

/** The scalar type that a stored element loads into. */
export const scalarOf = (dtype: ComputeDType): Scalar =>
  dtype === "bool" ? "bool" : dtype === "float32" || dtype === "float16" ? "f32" : "i32";

export type ExprOp =
  // Leaves. `value` is the constant, the argument's position, the source, the slot, the dimension, or the stage.
  | "const"
  /** Operand `value` of an operator row; replaced when rows are fused, never seen by a device. */
  | "arg"
  /** Element of source `value` at the current point; 0 where the point is out of the source's bounds. */
  | "load"
  /** Element of source `value` at the current point, moved by `args[i]` (i32) along its `indirect[i]`; each index is
   *  clamped into [0, size). 0 where the point is out of bounds. */
  | "loadAt"
  /** Whether the current point is within the bounds of source `value`. */
  | "inside"
  /** Run-time scalar of slot `value`: learning rate, step count, seed. */
  | "uniform"
  /** Position (i32) along dimension `value` of the kernel: rows first, then inner. */
  | "index"
  /** Result of reduce stage `value`; in a template's epilogue, 0 is the template's result. */
  | "acc"
  // Arithmetic of f32, i32 and u32. min and max of f32 propagate NaN. div of integers truncates.
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "min"
  | "max"
  | "neg"
  | "abs"
  // f32 alone. round is half to even. erf, exp, log … are within a few ulp of the true value on every device.
  | "sqrt"
  | "floor"
  | "ceil"
  | "round"
  | "trunc"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sin"
  | "cos"
  | "tanh"
  | "erf"
  | "pow"
  // Comparisons give bool. A comparison with NaN is false, but ne is true.
  | "lt"
  | "le"
  | "eq"
  | "ne"
  // Logic of bool, bitwise of i32 and u32. shr of i32 keeps the sign. mulhi (u32) is the upper half of the product.
  | "and"
  | "or"
  | "xor"
  | "not"
  | "shl"
  | "shr"
  | "mulhi"
  /** args: condition (bool), value if true, value if false. */
  | "where"
  /** Converts to `type`: float to integer truncates and saturates, to bool is "not zero", from bool is 0 or 1. */
  | "cast"
  /** Reinterprets the 32 bits as `type`. */
  | "bitcast";

export interface Expr {
  readonly op: ExprOp;
  readonly type: Scalar;
  readonly args: readonly Expr[];
  readonly value: number;
  /** Equal for equal expressions within this process. */
  readonly id: number;
}

const interned = new Map<string, Expr>();

/** The one expression with these parts. */
export function expr(op: ExprOp, type: Scalar, args: readonly Expr[] = [], value = 0): Expr {
  let key = `${op}:${type}:${Object.is(value, -0) ? "-0" : value}`;
  for (const a of args) key += `:${a.id}`;
  let e = interned.get(key);
  if (!e) {
    e = Object.freeze({ op, type, args, value, id: interned.size });
    interned.set(key, e);
  }
  return e;
}

/** Rebuilds an expression with every leaf passed through `leaf`; shared parts are visited once. */
export function mapLeaves(root: Expr, leaf: (e: Expr) => Expr): Expr {
  const done = new Map<Expr, Expr>();
  const visit = (e: Expr): Expr => {
    let r = done.get(e);
    if (r) return r;
    if (e.args.length === 0) r = leaf(e);
    else {
      const args = e.args.map(visit);
      r = args.every((a, i) => a === e.args[i]) ? e : expr(e.op, e.type, args, e.value);
      if (r.op === "loadAt") r = leaf(r);
    }
    done.set(e, r);
    return r;
  };
  return visit(root);
}

/** Every distinct node of the expressions, operands before users. */
export function postorder(roots: readonly Expr[]): Expr[] {
  const seen = new Set<Expr>();
  const out: Expr[] = [];
  const visit = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    for (const a of e.args) visit(a);
    out.push(e);
  };
  for (const r of roots) visit(r);
  return out;
}
