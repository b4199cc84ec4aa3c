/**
 * Which values a compiler may know. WGSL lets it take 0·x for 0 though x may be infinite or NaN, and the drivers'
 * optimizers do so where they see the 0.
 */

import type { Expr } from "../../expr.js";

/** Operators that may give a constant though only one operand is. f32 operators are not among them. */
const ABSORBING = new Set(["and", "or", "mul", "mulhi", "div", "min", "max", "shl", "shr", "lt", "le"]);
/** Operators that may give a constant of two equal operands. */
const CANCELLING = new Set(["sub", "div", "xor", "eq", "ne", "lt", "le"]);

export class Foldable {
  private readonly known = new Map<Expr, boolean>();

  /** `bounded` tells the loads, and tests of bounds, that are constants because the bounds are. */
  constructor(private readonly bounded: (e: Expr) => boolean) {}

  /** Whether a compiler may find that the value is a constant. */
  has(e: Expr): boolean {
    let known = this.known.get(e);
    if (known === undefined) this.known.set(e, (known = this.find(e)));
    return known;
  }

  private find(e: Expr): boolean {
    if (e.op === "const") return true;
    if (e.op === "load" || e.op === "loadAt" || e.op === "inside") return this.bounded(e);
    if (e.args.length === 0) return false;
    const [x, y, z] = e.args;
    if (e.op === "where") {
      return this.has(x) ? this.has(y) || this.has(z) : y === z ? this.has(y) : this.has(y) && this.has(z);
    }
    if (e.args.every((a) => this.has(a))) return true;
    if (x.type === "f32") return false;
    return (CANCELLING.has(e.op) && x === y) || (ABSORBING.has(e.op) && e.args.some((a) => this.has(a)));
  }
}
