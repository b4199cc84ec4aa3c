/**
 * The table of elementwise operators. A row says what the operator means for one element; gradients follow from the
 * meaning (`derive.ts`) unless the row gives partial derivatives of its own, because torch fixes another value at a
 * kink or because the output is cheaper to keep than the input. Names and formulas are those of torch.nn.functional.
 */

import type { Expr } from "../expr.js";
import {
  abs,
  add,
  and,
  c,
  cast,
  ceil,
  cos,
  div,
  eq,
  erf,
  exp,
  expm1,
  floor,
  ge,
  gt,
  idiv,
  le,
  log,
  log1p,
  lt,
  max,
  min,
  mul,
  ne,
  neg,
  not,
  or,
  pow,
  round,
  rsqrt,
  sigmoid,
  sign,
  sin,
  sqrt,
  square,
  sub,
  tanh,
  trunc,
  where,
  xor,
} from "./scalar.js";

export interface Row {
  /** The value for one element. */
  readonly value: (...x: Expr[]) => Expr;
  /** Partial derivatives by operand, of the operands and the output; null where there is none. */
  readonly partials?: readonly (((x: readonly Expr[], y: Expr) => Expr) | null)[];
  /** "float": integers become float32 first. "any" keeps them. */
  readonly domain: "float" | "any";
}

const f = (value: Row["value"], ...partials: NonNullable<Row["partials"]>[number][]): Row => ({
  value,
  domain: "float",
  partials: partials.length ? partials : undefined,
});
const any = (value: Row["value"], ...partials: NonNullable<Row["partials"]>[number][]): Row => ({
  ...f(value, ...partials),
  domain: "any",
});

const zero = (x: Expr): Expr => c(0, x.type);
const one01 = (cond: Expr): Expr => where(cond, c(1), c(0));
/** `x` clamped to [lo, hi]; a NaN stays. */
const clip = (x: Expr, lo: number, hi: number): Expr => min(max(x, c(lo)), c(hi));
const boolean = (x: Expr): Expr => cast(x, "bool");

/** a − b·floor(a/b), for integers and floats, as torch.remainder. */
function remainder(a: Expr, b: Expr): Expr {
  if (a.type === "f32" || b.type === "f32") return sub(a, mul(floor(div(a, b)), b));
  const r = sub(a, mul(b, idiv(a, b)));
  return where(and(ne(r, zero(r)), xor(lt(r, zero(r)), lt(b, zero(b)))), add(r, b), r);
}

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

export const ELEMENTWISE = {
  add: any((a, b) => (a.type === "bool" && b.type === "bool" ? or(a, b) : add(a, b))),
  sub: any((a, b) => sub(a, b)),
  mul: any((a, b) => (a.type === "bool" && b.type === "bool" ? and(a, b) : mul(a, b))),
  div: f((a, b) => div(a, b)),
  pow: f((a, b) => pow(a, b)),
  maximum: any((a, b) => max(a, b)),
  minimum: any((a, b) => min(a, b)),
  remainder: any(remainder),
  neg: any(neg),
  abs: any(abs),
  sign: any(sign, null),
  square: any(square),
  exp: f(exp),
  expm1: f(expm1),
  log: f(log),
  log1p: f(log1p),
  sqrt: f(sqrt),
  rsqrt: f(rsqrt, (_, y) => mul(c(-0.5), mul(y, square(y)))),
  reciprocal: f(
    (x) => div(c(1), x),
    (_, y) => neg(square(y)),
  ),
  sin: f(sin),
  cos: f(cos),
  tanh: f(tanh),
  erf: f(erf),
  floor: any((x) => (x.type === "f32" ? floor(x) : x), null),
  ceil: any((x) => (x.type === "f32" ? ceil(x) : x), null),
  round: any((x) => (x.type === "f32" ? round(x) : x), null),
  trunc: any((x) => (x.type === "f32" ? trunc(x) : x), null),
  sigmoid: f(sigmoid, (_, y) => mul(y, sub(c(1), y))),
  relu: any(
    (x) => max(x, zero(x)),
    (_, y) => one01(gt(y, c(0))),
  ),
  relu6: f(
    (x) => clip(x, 0, 6),
    ([x]) => one01(and(gt(x, c(0)), lt(x, c(6)))),
  ),
  hardsigmoid: f(
    (x) => div(clip(add(x, c(3)), 0, 6), c(6)),
    ([x]) => where(and(gt(x, c(-3)), lt(x, c(3))), c(1 / 6), c(0)),
  ),
  hardswish: f(
    (x) => div(mul(x, clip(add(x, c(3)), 0, 6)), c(6)),
    ([x]) => where(le(x, c(-3)), c(0), where(lt(x, c(3)), add(div(x, c(3)), c(0.5)), c(1))),
  ),
  silu: f(
    (x) => mul(x, sigmoid(x)),
    ([x]) => mul(sigmoid(x), add(c(1), mul(x, sub(c(1), sigmoid(x))))),
  ),
  gelu: f((x) => mul(mul(c(0.5), x), add(c(1), erf(mul(x, c(Math.SQRT1_2)))))),
  geluTanh: f((x) =>
    mul(mul(c(0.5), x), add(c(1), tanh(mul(c(Math.sqrt(2 / Math.PI)), add(x, mul(c(0.044715), mul(x, square(x)))))))),
  ),
  mish: f((x) => mul(x, tanh(log1p(exp(min(x, c(20))))))),
  selu: f(
    (x) => mul(c(SELU_SCALE), where(gt(x, c(0)), x, mul(c(SELU_ALPHA), expm1(min(x, c(0)))))),
    ([x]) => mul(c(SELU_SCALE), where(gt(x, c(0)), c(1), mul(c(SELU_ALPHA), exp(min(x, c(0)))))),
  ),
  softsign: f((x) => div(x, add(c(1), abs(x)))),
  logsigmoid: f(
    (x) => sub(min(x, c(0)), log1p(exp(neg(abs(x))))),
    ([x]) => sigmoid(neg(x)),
  ),
  eq: any(eq, null, null),
  ne: any(ne, null, null),
  lt: any(lt, null, null),
  le: any(le, null, null),
  gt: any(gt, null, null),
  ge: any(ge, null, null),
  logicalAnd: any((a, b) => and(boolean(a), boolean(b)), null, null),
  logicalOr: any((a, b) => or(boolean(a), boolean(b)), null, null),
  logicalXor: any((a, b) => xor(boolean(a), boolean(b)), null, null),
  logicalNot: any((a) => not(boolean(a)), null),
  isnan: any((x) => (x.type === "f32" ? ne(x, x) : c(0, "bool")), null),
  isfinite: any((x) => (x.type === "f32" ? lt(abs(x), c(Infinity)) : c(1, "bool")), null),
  clamp: any(
    (x, lo, hi) => min(max(x, lo), hi),
    ([x, lo, hi]) => one01(and(ge(x, lo), le(x, hi))),
    null,
    null,
  ),
  hardtanh: f(
    (x, lo, hi) => min(max(x, lo), hi),
    ([x, lo, hi]) => one01(and(gt(x, lo), lt(x, hi))),
    null,
    null,
  ),
  leakyRelu: f(
    (x, slope) => where(gt(x, c(0)), x, mul(x, slope)),
    ([x, slope]) => where(gt(x, c(0)), c(1), slope),
    null,
  ),
  elu: f(
    (x, alpha) => where(gt(x, c(0)), x, mul(alpha, expm1(min(x, c(0))))),
    ([x, alpha]) => where(gt(x, c(0)), c(1), mul(alpha, exp(min(x, c(0))))),
    null,
  ),
  celu: f(
    (x, alpha) => where(gt(x, c(0)), x, mul(alpha, expm1(div(min(x, c(0)), alpha)))),
    ([x, alpha]) => where(gt(x, c(0)), c(1), exp(div(min(x, c(0)), alpha))),
    null,
  ),
  softplus: f(
    (x, beta, threshold) => {
      const bx = mul(beta, x);
      return where(gt(bx, threshold), x, div(log1p(exp(min(bx, threshold))), beta));
    },
    ([x, beta, threshold]) => where(gt(mul(beta, x), threshold), c(1), sigmoid(mul(beta, x))),
    null,
    null,
  ),
  /** cond ? a : b. */
  where: any(
    (cond, a, b) => where(boolean(cond), a, b),
    null,
    ([cond]) => one01(boolean(cond)),
    ([cond]) => where(boolean(cond), c(0), c(1)),
  ),
} satisfies Record<string, Row>;

export type ElementwiseName = keyof typeof ELEMENTWISE;
