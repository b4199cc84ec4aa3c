/** The running total of a reduction: a vector of four totals, and how they become one. */

import type { Scalar } from "../expr.js";
import type { ReduceOp } from "../kernel.js";
import { combineLanes, identityLanes, type Lanes } from "./lanes.js";
import { type FunctionBuilder, f32, f32x4, f64, f64x2, i32, i32x4, type Local, v128 } from "./wasm/index.js";

/**
 * - Sums of f32 are carried over to f64 now and then, so that their error does not grow with their length.
 * - Extremes of f32 note NaN apart: the instruction that does both in one is many times slower.
 */
export class Total {
  private readonly total: Local<"v128">;
  /** All ones in lanes that have met a NaN. */
  private readonly nan: Local<"v128"> | undefined;
  /** f64 totals of lanes 0 and 1, and of 2 and 3. */
  private readonly wide: readonly [Local<"v128">, Local<"v128">] | undefined;

  constructor(
    private readonly f: FunctionBuilder,
    private readonly op: ReduceOp,
    private readonly type: Scalar,
  ) {
    this.total = f.let(identityLanes(op, type));
    if (type === "f32" && (op === "max" || op === "min")) this.nan = f.let(v128.zero);
    if (isLongSum(op, type)) this.wide = [f.let(v128.zero), f.let(v128.zero)];
  }

  private combine(x: Lanes): void {
    const { f, op, type, total } = this;
    if (!this.nan) f.set(total, combineLanes(f, op, type, total, x));
    else f.set(total, op === "max" ? f32x4.pmax(total, x) : f32x4.pmin(total, x));
  }

  add(value: Lanes): void {
    const { f, nan } = this;
    const x = f.let(value);
    this.combine(x);
    if (nan) f.set(nan, v128.or(nan, f32x4.ne(x, x)));
  }

  /** As `add`, of lane 0 alone. */
  addFirst(value: Lanes): void {
    this.add(v128.bitselect(value, identityLanes(this.op, this.type), v128.const([-1, 0, 0, 0])));
  }

  /** Takes over what another total has gathered. */
  absorb(other: Total): void {
    const { f } = this;
    this.combine(other.total);
    if (this.nan && other.nan) f.set(this.nan, v128.or(this.nan, other.nan));
    f.set(other.total, identityLanes(this.op, this.type));
  }

  /** Carries a long sum over to f64. */
  carry(): void {
    const { f, total, wide } = this;
    if (!wide) return;
    const [low, high] = wide;
    f.set(low, f64x2.add(low, f64x2.promoteLowF32x4(total)));
    f.set(high, f64x2.add(high, f64x2.promoteLowF32x4(v128.shuffle32(total, total, [2, 3, 2, 3]))));
    f.set(total, v128.zero);
  }

  /** The result of each lane. */
  lanes(): Lanes {
    if (this.wide) {
      this.carry();
      const [low, high] = this.wide;
      return v128.shuffle32(f32x4.demoteF64x2Zero(low), f32x4.demoteF64x2Zero(high), [0, 1, 4, 5]);
    }
    return this.nan ? v128.or(this.total, this.nan) : this.total;
  }

  /** The result of all lanes together, in every lane. */
  all(): Lanes {
    const { f, total } = this;
    if (this.wide) {
      this.carry();
      const both = f.let(f64x2.add(this.wide[0], this.wide[1]));
      return f32x4.splat(f32.demoteF64(f64.add(f64x2.extract(both, 0), f64x2.extract(both, 1))));
    }
    this.combine(v128.shuffle32(total, total, [2, 3, 0, 1]));
    this.combine(v128.shuffle32(total, total, [1, 0, 3, 2]));
    return this.nan ? v128.or(total, i32x4.splat(i32.sub(0, v128.anyTrue(this.nan)))) : total;
  }
}

/** Whether a reduction must call `carry` now and then. */
export const isLongSum = (op: ReduceOp, type: Scalar): boolean => op === "sum" && type === "f32";

/** Joins totals pairwise into the first. */
export function joinTotals(totals: readonly Total[]): void {
  for (let span = totals.length / 2; span >= 1; span /= 2) {
    for (let v = 0; v < span; v++) totals[v].absorb(totals[v + span]);
  }
}
