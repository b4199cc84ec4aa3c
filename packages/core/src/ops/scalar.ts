/**
 * Words for writing scalar expressions: `mul(x, c(0.5))`. Operands must have one type; `promoted` casts them to it.
 */

import { type Expr, type ExprOp, expr, type Scalar } from "../expr.js";

const RANK: Record<Scalar, number> = { bool: 0, i32: 1, u32: 2, f32: 3 };

/** A constant; f32 unless said. */
export const c = (value: number, type: Scalar = "f32"): Expr => expr("const", type, [], value);

export function cast(e: Expr, type: Scalar): Expr {
  if (e.type === type) return e;
  if (e.op === "const")
    return c(type === "f32" ? e.value : type === "bool" ? Number(e.value !== 0) : Math.trunc(e.value), type);
  return expr("cast", type, [e]);
}

export const bitcast = (e: Expr, type: Scalar): Expr => (e.type === type ? e : expr("bitcast", type, [e]));

/** Both operands in the wider type of the two, at least i32. */
function promoted(a: Expr, b: Expr): [Expr, Expr] {
  let t = RANK[a.type] >= RANK[b.type] ? a.type : b.type;
  if (t === "bool") t = "i32";
  return [cast(a, t), cast(b, t)];
}

const isConst = (e: Expr, v: number): boolean => e.op === "const" && e.value === v && !Object.is(e.value, -0);

const binary =
  (op: ExprOp) =>
  (x: Expr, y: Expr): Expr => {
    const [a, b] = promoted(x, y);
    return expr(op, a.type, [a, b]);
  };

const compare =
  (op: ExprOp) =>
  (x: Expr, y: Expr): Expr =>
    expr(op, "bool", promoted(x, y));

const float =
  (op: ExprOp) =>
  (x: Expr): Expr =>
    expr(op, "f32", [cast(x, "f32")]);

const rawAdd = binary("add");
const rawMul = binary("mul");

/** Sum; zeros vanish. */
export const add = (a: Expr, b: Expr): Expr => (isConst(a, 0) ? b : isConst(b, 0) ? a : rawAdd(a, b));
export const sub = binary("sub");
/** Product; ones vanish. */
export const mul = (a: Expr, b: Expr): Expr => (isConst(a, 1) ? b : isConst(b, 1) ? a : rawMul(a, b));
/** Quotient of floats. */
export const div = (a: Expr, b: Expr): Expr =>
  isConst(b, 1) ? cast(a, "f32") : expr("div", "f32", [cast(a, "f32"), cast(b, "f32")]);
/** Quotient of integers, truncated. */
export const idiv = binary("div");
export const min = binary("min");
export const max = binary("max");
export const neg = (x: Expr): Expr =>
  expr("neg", x.type === "bool" ? "i32" : x.type, [x.type === "bool" ? cast(x, "i32") : x]);
export const abs = (x: Expr): Expr => (x.type === "bool" ? x : expr("abs", x.type, [x]));
export const sqrt = float("sqrt");
export const floor = float("floor");
export const ceil = float("ceil");
export const round = float("round");
export const trunc = float("trunc");
export const exp = float("exp");
export const expm1 = float("expm1");
export const log = float("log");
export const log1p = float("log1p");
export const sin = float("sin");
export const cos = float("cos");
export const tanh = float("tanh");
export const erf = float("erf");
export const pow = (a: Expr, b: Expr): Expr => expr("pow", "f32", [cast(a, "f32"), cast(b, "f32")]);
export const lt = compare("lt");
export const le = compare("le");
export const gt = (a: Expr, b: Expr): Expr => lt(b, a);
export const ge = (a: Expr, b: Expr): Expr => le(b, a);
export const eq = compare("eq");
export const ne = compare("ne");
export const and = (a: Expr, b: Expr): Expr => expr("and", a.type, [a, b]);
export const or = (a: Expr, b: Expr): Expr => expr("or", a.type, [a, b]);
export const xor = (a: Expr, b: Expr): Expr => expr("xor", a.type, [a, b]);
export const not = (a: Expr): Expr => expr("not", a.type, [a]);
export const shl = (a: Expr, bits: number): Expr => expr("shl", a.type, [a, c(bits, "u32")]);
export const shr = (a: Expr, bits: number): Expr => expr("shr", a.type, [a, c(bits, "u32")]);
export const mulhi = (a: Expr, b: Expr): Expr => expr("mulhi", "u32", [a, b]);
export const where = (cond: Expr, x: Expr, y: Expr): Expr => {
  if (x === y) return x;
  if (x.type === y.type) return expr("where", x.type, [cast(cond, "bool"), x, y]);
  const [a, b] = promoted(x, y);
  return expr("where", a.type, [cast(cond, "bool"), a, b]);
};
export const sign = (x: Expr): Expr => {
  const zero = c(0, x.type);
  return where(gt(x, zero), c(1, x.type), where(lt(x, zero), c(-1, x.type), x));
};
export const square = (x: Expr): Expr => mul(x, x);
export const rsqrt = (x: Expr): Expr => div(c(1), sqrt(x));
export const sigmoid = (x: Expr): Expr => div(c(1), add(c(1), exp(neg(cast(x, "f32")))));
export const arg = (i: number, type: Scalar): Expr => expr("arg", type, [], i);
