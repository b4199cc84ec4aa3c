/**
 * One operator of the scalar language on four lanes. f32, i32 and u32 fill their lanes; a bool is all ones or all zeros,
 * so that it selects.
 */

import { KindlingError } from "../errors.js";
import type { ExprOp, Scalar } from "../expr.js";
import type { ReduceOp } from "../kernel.js";
import * as math from "./math.js";
import { type FunctionBuilder, f32x4, f64x2, i32, i32x4, i64x2, type Operand, type Value, v128 } from "./wasm/index.js";

export type Lanes = Value<"v128">;

/** Four times the same constant; integers modulo 2³². */
export const constantLanes = (type: Scalar, value: number): Lanes =>
  type === "f32" ? f32x4.of(value) : type === "bool" ? i32x4.of(value ? -1 : 0) : i32x4.of(value);

type Printer = (f: FunctionBuilder, ...args: Lanes[]) => Lanes;

/** x / y, truncated. Quotients of 32-bit integers are exact enough in f64. A division by 0 gives x, as in WGSL. */
const divideIntegers =
  (convert: (x: Lanes) => Lanes, truncate: (x: Lanes) => Lanes): Printer =>
  (f, x, y) => {
    const [a, b] = [f.let(x), f.let(y)];
    const high = (v: Lanes): Lanes => v128.shuffle32(v, v, [2, 3, 2, 3]);
    const part = (p: Lanes, q: Lanes): Lanes => truncate(f64x2.div(convert(p), convert(q)));
    const quotient = v128.shuffle32(part(a, b), part(high(a), high(b)), [0, 1, 4, 5]);
    return v128.bitselect(a, quotient, i32x4.eq(b, v128.zero));
  };

/** −2³¹ / −1 wraps around to −2³¹. */
const divideSigned: Printer = (f, x, y) => {
  const [a, b] = [f.let(x), f.let(y)];
  const quotient = divideIntegers(f64x2.convertLowI32x4S, i32x4.truncSatF64x2SZero)(f, a, b);
  return v128.bitselect(i32x4.neg(a), quotient, i32x4.eq(b, i32x4.of(-1)));
};

/** Shifts each lane by its own count, modulo 32. */
const shift =
  (lane: (x: Operand<"i32">, by: Operand<"i32">) => Value<"i32">): Printer =>
  (f, x, y) => {
    const [a, b] = [f.let(x), f.let(y)];
    return [0, 1, 2, 3].reduce(
      (result: Lanes, l) => i32x4.replace(result, l, lane(i32x4.extract(a, l), i32x4.extract(b, l))),
      a,
    );
  };

const mulhi: Printer = (f, x, y) => {
  const [a, b] = [f.let(x), f.let(y)];
  return v128.shuffle32(i64x2.extmulLowI32x4U(a, b), i64x2.extmulHighI32x4U(a, b), [1, 3, 5, 7]);
};

const plain =
  (op: (...args: Lanes[]) => Lanes): Printer =>
  (_f, ...args) =>
    op(...args);

/**
 * `pick` gives the first operand where they do not compare; a NaN of the second is put over it. This is three instructions
 * where f32x4.max is nine.
 */
const extreme =
  (pick: (x: Lanes, y: Lanes) => Lanes): Printer =>
  (f, x, y) => {
    const b = f.let(y);
    return v128.or(pick(x, b), f32x4.ne(b, b));
  };

const logic = {
  and: plain(v128.and),
  or: plain(v128.or),
  xor: plain(v128.xor),
  not: plain(v128.not),
  eq: plain(i32x4.eq),
  ne: plain(i32x4.ne),
};

const integers = {
  ...logic,
  add: plain(i32x4.add),
  sub: plain(i32x4.sub),
  mul: plain(i32x4.mul),
  neg: plain(i32x4.neg),
  shl: shift(i32.shl),
};

/** Printers by the type of the operands. */
const TABLE: Record<Scalar, Partial<Record<ExprOp, Printer>>> = {
  f32: {
    add: plain(f32x4.add),
    sub: plain(f32x4.sub),
    mul: plain(f32x4.mul),
    div: plain(f32x4.div),
    min: extreme(f32x4.pmin),
    max: extreme(f32x4.pmax),
    neg: plain(f32x4.neg),
    abs: plain(f32x4.abs),
    sqrt: plain(f32x4.sqrt),
    floor: plain(f32x4.floor),
    ceil: plain(f32x4.ceil),
    round: plain(f32x4.nearest),
    trunc: plain(f32x4.trunc),
    exp: math.exp,
    expm1: math.expm1,
    log: math.log,
    log1p: math.log1p,
    sin: math.sin,
    cos: math.cos,
    tanh: math.tanh,
    erf: math.erf,
    pow: math.pow,
    lt: plain(f32x4.lt),
    le: plain(f32x4.le),
    eq: plain(f32x4.eq),
    ne: plain(f32x4.ne),
  },
  i32: {
    ...integers,
    div: divideSigned,
    min: plain(i32x4.minS),
    max: plain(i32x4.maxS),
    abs: plain(i32x4.abs),
    lt: plain(i32x4.ltS),
    le: plain(i32x4.leS),
    shr: shift(i32.shrS),
  },
  u32: {
    ...integers,
    div: divideIntegers(f64x2.convertLowI32x4U, i32x4.truncSatF64x2UZero),
    min: plain(i32x4.minU),
    max: plain(i32x4.maxU),
    abs: plain((x) => x),
    lt: plain(i32x4.ltU),
    le: plain(i32x4.leU),
    shr: shift(i32.shrU),
    mulhi,
  },
  bool: {
    ...logic,
    add: plain(v128.or),
    min: plain(v128.and),
    max: plain(v128.or),
    mul: plain(v128.and),
    lt: plain((x, y) => v128.andnot(y, x)),
    le: plain((x, y) => v128.or(v128.not(x), y)),
  },
};

/** Converts between scalar types: to integer truncates and saturates, NaN gives 0. */
export function castLanes(from: Scalar, to: Scalar, x: Lanes): Lanes {
  if (from === to) return x;
  if (to === "bool") return from === "f32" ? f32x4.ne(x, v128.zero) : i32x4.ne(x, v128.zero);
  if (from === "bool") return v128.and(x, constantLanes(to, 1));
  if (to === "f32") return from === "i32" ? f32x4.convertI32x4S(x) : f32x4.convertI32x4U(x);
  if (from !== "f32") return x;
  return to === "i32" ? i32x4.truncSatF32x4S(x) : i32x4.truncSatF32x4U(x);
}

/** An operator node, with as much of its operands as printing needs; an `Expr` is one. */
export interface Operator {
  readonly op: string;
  readonly type: Scalar;
  readonly args: readonly { readonly op: string; readonly type: Scalar; readonly value: number }[];
}

/** The value of an operator node, given those of its operands, each of which is used once. */
export function printOperator(f: FunctionBuilder, e: Operator, args: readonly Lanes[]): Lanes {
  const [first, second] = e.args;
  if (e.op === "where") return v128.bitselect(args[1], args[2], args[0]);
  if (e.op === "cast") return castLanes(first.type, e.type, args[0]);
  if (e.op === "bitcast") return args[0];
  if ((e.op === "shl" || e.op === "shr") && second.op === "const") {
    const print = e.op === "shl" ? i32x4.shl : first.type === "u32" ? i32x4.shrU : i32x4.shrS;
    return print(args[0], second.value & 31);
  }
  if (
    (e.op === "min" || e.op === "max") &&
    first.type === "f32" &&
    second.op === "const" &&
    !Number.isNaN(second.value)
  ) {
    return e.op === "min" ? f32x4.pmin(args[0], args[1]) : f32x4.pmax(args[0], args[1]);
  }
  const print = TABLE[first.type][e.op as ExprOp];
  if (!print)
    throw new KindlingError(`the cpu device has no ${e.op} of ${first.type}: give it operands of another type`);
  return print(f, ...args);
}

/** Combines two values as a reduction does. */
export const combineLanes = (f: FunctionBuilder, op: ReduceOp, type: Scalar, x: Lanes, y: Lanes): Lanes =>
  TABLE[type][REDUCE[op]]!(f, x, y);

const REDUCE = { sum: "add", prod: "mul", max: "max", min: "min" } as const;

const LARGEST = { f32: Infinity, i32: 0x7fffffff, u32: 0xffffffff, bool: 1 } as const;
const SMALLEST = { f32: -Infinity, i32: -0x80000000, u32: 0, bool: 0 } as const;

/** What combining starts from. */
export function identityLanes(op: ReduceOp, type: Scalar): Lanes {
  const value = op === "sum" ? 0 : op === "prod" ? 1 : op === "max" ? SMALLEST[type] : LARGEST[type];
  return constantLanes(type, value);
}
