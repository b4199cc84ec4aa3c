/**
 * Values of WebAssembly: typed expression trees. A value is a recipe, not a result: using one twice computes it twice,
 * so keep what is needed again in a local (`f.let(value)`). Numbers stand for constants wherever a scalar is expected.
 *
 *     i32.add(base, i32.shl(i, 2))
 *     f32x4.mul(v128.load(address, 16), f32x4.of(0.5))
 */

import type { Bytes } from "./bytes.js";

export type ValType = "i32" | "i64" | "f32" | "f64" | "v128";

export interface Value<T extends ValType> {
  readonly type: T;
  /** Appends the code that leaves the value on the stack. */
  readonly emit: (out: Bytes) => void;
}

/** What an instruction takes: a value, or a constant. */
export type Operand<T extends ValType> = Value<T> | (T extends "v128" ? never : T extends "i64" ? bigint : number);

const F32_BITS = new Int32Array(1);
const f32Bits = (x: number): number => {
  new Float32Array(F32_BITS.buffer)[0] = x;
  return F32_BITS[0];
};

const make = <T extends ValType>(type: T, emit: (out: Bytes) => void): Value<T> => ({ type, emit });

/** Appends an operand of the given type. */
export function emitOperand<T extends ValType>(out: Bytes, type: T, x: Operand<T>): void {
  if (typeof x === "object") (x as Value<T>).emit(out);
  else if (type === "i32") out.u8(0x41).s32(x as number);
  else if (type === "i64") out.u8(0x42).s64(x as bigint);
  else if (type === "f32") out.u8(0x43).f32(x as number);
  else out.u8(0x44).f64(x as number);
}

/** An opcode of one byte, or a prefix byte with a number: 0xfd_00_12 is number 0x12 of prefix 0xfd. */
export function emitOpcode(out: Bytes, code: number): void {
  if (code < 0x100) out.u8(code);
  else out.u8(code >>> 16).u32(code & 0xffff);
}

const unary =
  <A extends ValType, R extends ValType>(a: A, r: R, code: number) =>
  (x: Operand<A>): Value<R> =>
    make(r, (out) => {
      emitOperand(out, a, x);
      emitOpcode(out, code);
    });

const binary =
  <A extends ValType, B extends ValType, R extends ValType>(a: A, b: B, r: R, code: number) =>
  (x: Operand<A>, y: Operand<B>): Value<R> =>
    make(r, (out) => {
      emitOperand(out, a, x);
      emitOperand(out, b, y);
      emitOpcode(out, code);
    });

const ternary =
  (code: number) =>
  (x: Value<"v128">, y: Value<"v128">, z: Value<"v128">): Value<"v128"> =>
    make("v128", (out) => {
      x.emit(out);
      y.emit(out);
      z.emit(out);
      emitOpcode(out, code);
    });

/** A load from `address` + `offset` bytes; `offset` is static and unsigned. No alignment is required. */
const load =
  <R extends ValType>(r: R, code: number) =>
  (address: Operand<"i32">, offset = 0): Value<R> =>
    make(r, (out) => {
      emitOperand(out, "i32", address);
      emitOpcode(out, code);
      out.u8(0).u32(offset);
    });

const loadLane =
  (code: number) =>
  (address: Operand<"i32">, into: Value<"v128">, lane: number, offset = 0): Value<"v128"> =>
    make("v128", (out) => {
      emitOperand(out, "i32", address);
      into.emit(out);
      emitOpcode(out, code);
      out.u8(0).u32(offset).u8(lane);
    });

const extract =
  <R extends ValType>(r: R, code: number) =>
  (x: Value<"v128">, lane: number): Value<R> =>
    make(r, (out) => {
      x.emit(out);
      emitOpcode(out, code);
      out.u8(lane);
    });

const replace =
  <B extends ValType>(b: B, code: number) =>
  (x: Value<"v128">, lane: number, y: Operand<B>): Value<"v128"> =>
    make("v128", (out) => {
      x.emit(out);
      emitOperand(out, b, y);
      emitOpcode(out, code);
      out.u8(lane);
    });

const constant =
  <T extends Exclude<ValType, "v128">>(type: T) =>
  (x: Exclude<Operand<T>, Value<T>>): Value<T> =>
    make(type, (out) => emitOperand(out, type, x as Operand<T>));

const constLanes = (lanes: readonly number[]): Value<"v128"> =>
  make("v128", (out) => {
    emitOpcode(out, 0xfd000c);
    out.lanes(lanes);
  });

const V = (n: number): number => 0xfd0000 + n;
const i32u = (code: number) => unary("i32", "i32", code);
const i32b = (code: number) => binary("i32", "i32", "i32", code);
const i64b = (code: number) => binary("i64", "i64", "i64", code);
const i64c = (code: number) => binary("i64", "i64", "i32", code);
const f32u = (code: number) => unary("f32", "f32", code);
const f32b = (code: number) => binary("f32", "f32", "f32", code);
const f32c = (code: number) => binary("f32", "f32", "i32", code);
const f64u = (code: number) => unary("f64", "f64", code);
const f64b = (code: number) => binary("f64", "f64", "f64", code);
const f64c = (code: number) => binary("f64", "f64", "i32", code);
const v1 = (n: number) => unary("v128", "v128", V(n));
const v2 = (n: number) => binary("v128", "v128", "v128", V(n));
const vShift = (n: number) => binary("v128", "i32", "v128", V(n));
const vTest = (n: number) => unary("v128", "i32", V(n));

/** `cond` is not 0 ? `ifTrue` : `ifFalse`; both sides are computed. */
export const select = <T extends ValType>(ifTrue: Value<T>, ifFalse: Value<T>, cond: Operand<"i32">): Value<T> =>
  make(ifTrue.type, (out) => {
    ifTrue.emit(out);
    ifFalse.emit(out);
    emitOperand(out, "i32", cond);
    out.u8(0x1b);
  });

/** 32-bit integers; comparisons give 0 or 1. */
export const i32 = {
  const: constant("i32"),
  load: load("i32", 0x28),
  load8S: load("i32", 0x2c),
  load8U: load("i32", 0x2d),
  load16S: load("i32", 0x2e),
  load16U: load("i32", 0x2f),
  eqz: i32u(0x45),
  eq: i32b(0x46),
  ne: i32b(0x47),
  ltS: i32b(0x48),
  ltU: i32b(0x49),
  gtS: i32b(0x4a),
  gtU: i32b(0x4b),
  leS: i32b(0x4c),
  leU: i32b(0x4d),
  geS: i32b(0x4e),
  geU: i32b(0x4f),
  clz: i32u(0x67),
  ctz: i32u(0x68),
  popcnt: i32u(0x69),
  add: i32b(0x6a),
  sub: i32b(0x6b),
  mul: i32b(0x6c),
  /** Traps when the divisor is 0, and for −2³¹ / −1. */
  divS: i32b(0x6d),
  /** Traps when the divisor is 0; so do the remainders. */
  divU: i32b(0x6e),
  remS: i32b(0x6f),
  remU: i32b(0x70),
  and: i32b(0x71),
  or: i32b(0x72),
  xor: i32b(0x73),
  shl: i32b(0x74),
  shrS: i32b(0x75),
  shrU: i32b(0x76),
  rotl: i32b(0x77),
  rotr: i32b(0x78),
  wrapI64: unary("i64", "i32", 0xa7),
  reinterpretF32: unary("f32", "i32", 0xbc),
  truncSatF32S: unary("f32", "i32", 0xfc0000),
  truncSatF32U: unary("f32", "i32", 0xfc0001),
  truncSatF64S: unary("f64", "i32", 0xfc0002),
  truncSatF64U: unary("f64", "i32", 0xfc0003),
} as const;

/** 64-bit integers; constants are bigints. */
export const i64 = {
  const: constant("i64"),
  load: load("i64", 0x29),
  load32S: load("i64", 0x34),
  load32U: load("i64", 0x35),
  eqz: unary("i64", "i32", 0x50),
  eq: i64c(0x51),
  ne: i64c(0x52),
  ltS: i64c(0x53),
  ltU: i64c(0x54),
  gtS: i64c(0x55),
  gtU: i64c(0x56),
  leS: i64c(0x57),
  leU: i64c(0x58),
  geS: i64c(0x59),
  geU: i64c(0x5a),
  add: i64b(0x7c),
  sub: i64b(0x7d),
  mul: i64b(0x7e),
  and: i64b(0x83),
  or: i64b(0x84),
  xor: i64b(0x85),
  shl: i64b(0x86),
  shrS: i64b(0x87),
  shrU: i64b(0x88),
  extendI32S: unary("i32", "i64", 0xac),
  extendI32U: unary("i32", "i64", 0xad),
  reinterpretF64: unary("f64", "i64", 0xbd),
} as const;

export const f32 = {
  const: constant("f32"),
  load: load("f32", 0x2a),
  eq: f32c(0x5b),
  ne: f32c(0x5c),
  lt: f32c(0x5d),
  gt: f32c(0x5e),
  le: f32c(0x5f),
  ge: f32c(0x60),
  abs: f32u(0x8b),
  neg: f32u(0x8c),
  ceil: f32u(0x8d),
  floor: f32u(0x8e),
  trunc: f32u(0x8f),
  nearest: f32u(0x90),
  sqrt: f32u(0x91),
  add: f32b(0x92),
  sub: f32b(0x93),
  mul: f32b(0x94),
  div: f32b(0x95),
  /** NaN if either is NaN, as `max`. */
  min: f32b(0x96),
  max: f32b(0x97),
  copysign: f32b(0x98),
  convertI32S: unary("i32", "f32", 0xb2),
  convertI32U: unary("i32", "f32", 0xb3),
  demoteF64: unary("f64", "f32", 0xb6),
  reinterpretI32: unary("i32", "f32", 0xbe),
} as const;

export const f64 = {
  const: constant("f64"),
  load: load("f64", 0x2b),
  eq: f64c(0x61),
  ne: f64c(0x62),
  lt: f64c(0x63),
  gt: f64c(0x64),
  le: f64c(0x65),
  ge: f64c(0x66),
  abs: f64u(0x99),
  neg: f64u(0x9a),
  ceil: f64u(0x9b),
  floor: f64u(0x9c),
  trunc: f64u(0x9d),
  nearest: f64u(0x9e),
  sqrt: f64u(0x9f),
  add: f64b(0xa0),
  sub: f64b(0xa1),
  mul: f64b(0xa2),
  div: f64b(0xa3),
  min: f64b(0xa4),
  max: f64b(0xa5),
  convertI32S: unary("i32", "f64", 0xb7),
  convertI32U: unary("i32", "f64", 0xb8),
  convertI64S: unary("i64", "f64", 0xb9),
  promoteF32: unary("f32", "f64", 0xbb),
  reinterpretI64: unary("i64", "f64", 0xbf),
} as const;

/** 128 bits whatever their lanes: memory, logic, shuffles. */
export const v128 = {
  /** Four 32-bit lanes from integers. */
  const: constLanes,
  zero: constLanes([0, 0, 0, 0]),
  load: load("v128", V(0x00)),
  load8x8S: load("v128", V(0x01)),
  load8x8U: load("v128", V(0x02)),
  load16x4S: load("v128", V(0x03)),
  load16x4U: load("v128", V(0x04)),
  load8Splat: load("v128", V(0x07)),
  load16Splat: load("v128", V(0x08)),
  load32Splat: load("v128", V(0x09)),
  load64Splat: load("v128", V(0x0a)),
  /** Loads the low 32 or 64 bits; the rest is 0. */
  load32Zero: load("v128", V(0x5c)),
  load64Zero: load("v128", V(0x5d)),
  load8Lane: loadLane(V(0x54)),
  load16Lane: loadLane(V(0x55)),
  load32Lane: loadLane(V(0x56)),
  load64Lane: loadLane(V(0x57)),
  not: v1(0x4d),
  and: v2(0x4e),
  /** x & ~y */
  andnot: v2(0x4f),
  or: v2(0x50),
  xor: v2(0x51),
  /** Bits of `x` where `mask` is 1, of `y` where it is 0. */
  bitselect: ternary(V(0x52)) as (x: Value<"v128">, y: Value<"v128">, mask: Value<"v128">) => Value<"v128">,
  anyTrue: vTest(0x53),
  /** Sixteen bytes picked from the 32 of `x` (0–15) and `y` (16–31). */
  shuffleBytes: (x: Value<"v128">, y: Value<"v128">, bytes: readonly number[]): Value<"v128"> =>
    make("v128", (out) => {
      x.emit(out);
      y.emit(out);
      emitOpcode(out, V(0x0d));
      for (const b of bytes) out.u8(b);
    }),
  /** Four 32-bit lanes picked from the eight of `x` (0–3) and `y` (4–7). */
  shuffle32: (x: Value<"v128">, y: Value<"v128">, lanes: readonly [number, number, number, number]): Value<"v128"> =>
    v128.shuffleBytes(
      x,
      y,
      lanes.flatMap((l) => [4 * l, 4 * l + 1, 4 * l + 2, 4 * l + 3]),
    ),
} as const;

export const i8x16 = {
  splat: unary("i32", "v128", V(0x0f)),
  extractS: extract("i32", V(0x15)),
  extractU: extract("i32", V(0x16)),
  replace: replace("i32", V(0x17)),
  swizzle: v2(0x0e),
  eq: v2(0x23),
  ne: v2(0x24),
  narrowI16x8S: v2(0x65),
  narrowI16x8U: v2(0x66),
  add: v2(0x6e),
  sub: v2(0x71),
  bitmask: vTest(0x64),
} as const;

export const i16x8 = {
  splat: unary("i32", "v128", V(0x10)),
  extractS: extract("i32", V(0x18)),
  extractU: extract("i32", V(0x19)),
  replace: replace("i32", V(0x1a)),
  narrowI32x4S: v2(0x85),
  narrowI32x4U: v2(0x86),
  extendLowI8x16S: v1(0x87),
  extendHighI8x16S: v1(0x88),
  extendLowI8x16U: v1(0x89),
  extendHighI8x16U: v1(0x8a),
  shl: vShift(0x8b),
  shrS: vShift(0x8c),
  shrU: vShift(0x8d),
  add: v2(0x8e),
  sub: v2(0x91),
  mul: v2(0x95),
} as const;

/** Four 32-bit integer lanes; comparisons give all ones or all zeros a lane. */
export const i32x4 = {
  /** The same constant in every lane. */
  of: (x: number): Value<"v128"> => constLanes([x, x, x, x]),
  splat: unary("i32", "v128", V(0x11)),
  extract: extract("i32", V(0x1b)),
  replace: replace("i32", V(0x1c)),
  eq: v2(0x37),
  ne: v2(0x38),
  ltS: v2(0x39),
  ltU: v2(0x3a),
  gtS: v2(0x3b),
  gtU: v2(0x3c),
  leS: v2(0x3d),
  leU: v2(0x3e),
  geS: v2(0x3f),
  geU: v2(0x40),
  abs: v1(0xa0),
  neg: v1(0xa1),
  allTrue: vTest(0xa3),
  bitmask: vTest(0xa4),
  extendLowI16x8S: v1(0xa7),
  extendHighI16x8S: v1(0xa8),
  extendLowI16x8U: v1(0xa9),
  extendHighI16x8U: v1(0xaa),
  shl: vShift(0xab),
  shrS: vShift(0xac),
  shrU: vShift(0xad),
  add: v2(0xae),
  sub: v2(0xb1),
  mul: v2(0xb5),
  minS: v2(0xb6),
  minU: v2(0xb7),
  maxS: v2(0xb8),
  maxU: v2(0xb9),
  dotI16x8S: v2(0xba),
  truncSatF32x4S: v1(0xf8),
  truncSatF32x4U: v1(0xf9),
  truncSatF64x2SZero: v1(0xfc),
  truncSatF64x2UZero: v1(0xfd),
} as const;

export const i64x2 = {
  splat: unary("i64", "v128", V(0x12)),
  extract: extract("i64", V(0x1d)),
  replace: replace("i64", V(0x1e)),
  shl: vShift(0xcb),
  shrS: vShift(0xcc),
  shrU: vShift(0xcd),
  add: v2(0xce),
  sub: v2(0xd1),
  mul: v2(0xd5),
  /** 64-bit products of lanes 0 and 1 (low), or 2 and 3 (high). */
  extmulLowI32x4S: v2(0xdc),
  extmulHighI32x4S: v2(0xdd),
  extmulLowI32x4U: v2(0xde),
  extmulHighI32x4U: v2(0xdf),
} as const;

/** Four f32 lanes; comparisons give all ones or all zeros a lane. */
export const f32x4 = {
  /** The same constant in every lane. */
  of: (x: number): Value<"v128"> => i32x4.of(f32Bits(x)),
  splat: unary("f32", "v128", V(0x13)),
  extract: extract("f32", V(0x1f)),
  replace: replace("f32", V(0x20)),
  eq: v2(0x41),
  ne: v2(0x42),
  lt: v2(0x43),
  gt: v2(0x44),
  le: v2(0x45),
  ge: v2(0x46),
  ceil: v1(0x67),
  floor: v1(0x68),
  trunc: v1(0x69),
  nearest: v1(0x6a),
  abs: v1(0xe0),
  neg: v1(0xe1),
  sqrt: v1(0xe3),
  add: v2(0xe4),
  sub: v2(0xe5),
  mul: v2(0xe6),
  div: v2(0xe7),
  /** NaN if either is NaN, as `max`. */
  min: v2(0xe8),
  max: v2(0xe9),
  /** y < x ? y : x */
  pmin: v2(0xea),
  /** x < y ? y : x */
  pmax: v2(0xeb),
  convertI32x4S: v1(0xfa),
  convertI32x4U: v1(0xfb),
  demoteF64x2Zero: v1(0x5e),
  /** x·y + z, rounded once or twice as the machine likes. Only where `hasRelaxedSimd()`. */
  relaxedMadd: ternary(V(0x105)),
  /** −x·y + z, likewise. */
  relaxedNmadd: ternary(V(0x106)),
} as const;

export const f64x2 = {
  /** The same constant in both lanes. */
  of: (x: number): Value<"v128"> => {
    const [low, high] = new Int32Array(Float64Array.of(x).buffer);
    return constLanes([low, high, low, high]);
  },
  splat: unary("f64", "v128", V(0x14)),
  extract: extract("f64", V(0x21)),
  replace: replace("f64", V(0x22)),
  eq: v2(0x47),
  ne: v2(0x48),
  lt: v2(0x49),
  gt: v2(0x4a),
  le: v2(0x4b),
  ge: v2(0x4c),
  floor: v1(0x75),
  nearest: v1(0x94),
  abs: v1(0xec),
  neg: v1(0xed),
  sqrt: v1(0xef),
  add: v2(0xf0),
  sub: v2(0xf1),
  mul: v2(0xf2),
  div: v2(0xf3),
  min: v2(0xf4),
  max: v2(0xf5),
  convertLowI32x4S: v1(0xfe),
  convertLowI32x4U: v1(0xff),
  promoteLowF32x4: v1(0x5f),
} as const;
