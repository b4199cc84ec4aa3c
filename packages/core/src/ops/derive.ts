/**
 * Derivatives of scalar expressions, by the rules of calculus. Every elementwise operator gets its gradient from here,
 * unless its row states a better form; and since the gradient of an elementwise operator is an elementwise operator,
 * so do gradients of any order.
 */

import type { Expr } from "../expr.js";
import { add, c, cast, cos, div, eq, exp, log, lt, mul, neg, pow, sign, sin, square, sub, where } from "./scalar.js";

/** Local slopes of an operator at its operands; null where it is flat. `y` is the operator itself. */
function slopes(y: Expr): (Expr | null)[] {
  const [a, b] = y.args;
  switch (y.op) {
    case "add":
      return [c(1), c(1)];
    case "sub":
      return [c(1), c(-1)];
    case "mul":
      return [b, a];
    case "div":
      return [div(c(1), b), neg(div(y, b))];
    case "neg":
      return [c(-1)];
    case "abs":
      return [sign(a)];
    case "min":
      return [half(a, b), half(b, a)];
    case "max":
      return [half(b, a), half(a, b)];
    case "sqrt":
      return [div(c(0.5), y)];
    case "exp":
      return [y];
    case "expm1":
      return [add(y, c(1))];
    case "log":
      return [div(c(1), a)];
    case "log1p":
      return [div(c(1), add(a, c(1)))];
    case "sin":
      return [cos(a)];
    case "cos":
      return [neg(sin(a))];
    case "tanh":
      return [sub(c(1), square(y))];
    case "erf":
      return [mul(c(2 / Math.sqrt(Math.PI)), exp(neg(square(a))))];
    case "pow":
      return [
        where(eq(b, c(0)), c(0), mul(b, pow(a, sub(b, c(1))))),
        where(eq(a, c(0)), where(lt(b, c(0)), neg(y), c(0)), mul(y, log(a))),
      ];
    case "where":
      return [null, where(a, c(1), c(0)), where(a, c(0), c(1))];
    case "cast":
      return [a.type === "f32" ? c(1) : null];
    default:
      return y.args.map(() => null);
  }
}

/** 1 where a < b, ½ where they are equal, as torch shares the gradient of maximum and minimum. */
const half = (a: Expr, b: Expr): Expr => where(lt(a, b), c(1), where(eq(a, b), c(0.5), c(0)));

/** d `root` / d `variable`, or null where `root` does not depend on it smoothly. */
export function derivative(root: Expr, variable: Expr): Expr | null {
  const done = new Map<Expr, Expr | null>();
  const visit = (e: Expr): Expr | null => {
    if (e === variable) return c(1);
    if (e.type !== "f32" || e.args.length === 0) return null;
    const known = done.get(e);
    if (known !== undefined) return known;
    let total: Expr | null = null;
    const slope = slopes(e);
    e.args.forEach((a, i) => {
      const s = slope[i];
      const d = s && visit(a);
      if (!s || !d) return;
      // A branch not taken must not spread its NaN: choose before multiplying.
      const term =
        e.op === "where"
          ? i === 1
            ? where(e.args[0], d, c(0))
            : where(e.args[0], c(0), d)
          : mul(cast(d, "f32"), cast(s, "f32"));
      total = total ? add(total, term) : term;
    });
    done.set(e, total);
    return total;
  };
  return visit(root);
}
