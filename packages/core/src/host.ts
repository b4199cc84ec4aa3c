/** Values on the host: dtypes that only live there, and conversions between all of them. */

import { type DType, dtypeInfo, type TypedArray } from "./dtype.js";
import { ArgumentError, DTypeError, ShapeError } from "./errors.js";
import { float16ToNumber, numberToFloat16 } from "./float16.js";

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

const fromBfloat = (b: number): number => {
  u32[0] = b << 16;
  return f32[0];
};

function toBfloat(x: number): number {
  f32[0] = x;
  const bits = u32[0];
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** What the bit patterns at the end of the range mean; torch's letters: fn is finite, uz has an unsigned zero. */
type Float8Kind = "ieee" | "fn" | "fnuz";

function fromFloat8(b: number, exponentBits: number, bias: number, kind: Float8Kind): number {
  const fractionBits = 7 - exponentBits;
  const sign = b & 0x80 ? -1 : 1;
  const exponent = (b & 0x7f) >> fractionBits;
  const fraction = (b & ((1 << fractionBits) - 1)) / (1 << fractionBits);
  if (kind === "fn" && (b & 0x7f) === 0x7f) return Number.NaN;
  if (kind === "fnuz" && b === 0x80) return Number.NaN;
  if (kind === "ieee" && exponent === (1 << exponentBits) - 1) return fraction ? Number.NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** A scale of the microscaling formats: a power of two without a sign or a zero. */
const fromFloat8Scale = (b: number): number => (b === 0xff ? Number.NaN : 2 ** (b - 127));

type Decode = (x: number | bigint) => number;

const DECODE: Partial<Record<DType, Decode>> = {
  float16: (x) => float16ToNumber(Number(x)),
  bfloat16: (x) => fromBfloat(Number(x)),
  float8_e4m3fn: (x) => fromFloat8(Number(x), 4, 7, "fn"),
  float8_e4m3fnuz: (x) => fromFloat8(Number(x), 4, 8, "fnuz"),
  float8_e5m2: (x) => fromFloat8(Number(x), 5, 15, "ieee"),
  float8_e5m2fnuz: (x) => fromFloat8(Number(x), 5, 16, "fnuz"),
  float8_e8m0fnu: (x) => fromFloat8Scale(Number(x)),
};

/** The number that an entry of a host array stands for. */
export function decode(dtype: DType, entry: number | bigint): number {
  return (DECODE[dtype] ?? Number)(entry);
}

/** Another dtype of the same values. Floats become integers by truncation. */
export function convertHost(data: TypedArray, from: DType, to: DType): TypedArray {
  if (from === to) return data;
  const target = dtypeInfo(to);
  if (dtypeInfo(from).kind === "complex" || target.kind === "complex")
    throw new DTypeError(`to: there is no conversion from ${from} to ${to}; complex tensors are only kept`);
  const out = new target.array(data.length);
  const read = DECODE[from] ?? Number;
  for (let i = 0; i < data.length; i++) {
    const v = read(data[i]);
    if (out instanceof BigInt64Array || out instanceof BigUint64Array) out[i] = BigInt(Math.trunc(v) || 0);
    else if (to === "bool") out[i] = v !== 0 ? 1 : 0;
    else if (to === "float16") out[i] = numberToFloat16(v);
    else if (to === "bfloat16") out[i] = toBfloat(v);
    else if (to.startsWith("float8")) throw new DTypeError(`to: ${to} is only read, not written`);
    else out[i] = target.kind === "int" ? Math.trunc(v) : v;
  }
  return out;
}

/** Numbers, booleans or bigints in nested lists of equal lengths. */
export type NestedArray = number | boolean | bigint | readonly NestedArray[];

/** Shape and elements of a nested list; a `ShapeError` where its rows differ in length. */
export function flattenNested(data: NestedArray): { shape: number[]; values: (number | boolean | bigint)[] } {
  const shape: number[] = [];
  for (let d: NestedArray = data; Array.isArray(d); d = d[0] as NestedArray) shape.push(d.length);
  const values: (number | boolean | bigint)[] = [];
  const visit = (d: NestedArray, depth: number): void => {
    if (!Array.isArray(d)) {
      if (depth !== shape.length)
        throw new ShapeError(
          `tensor: the nested list is ragged: a scalar where a list of ${shape[depth]} was expected`,
        );
      values.push(d as number);
      return;
    }
    if (d.length !== shape[depth])
      throw new ShapeError(
        `tensor: the nested list is ragged: lengths ${shape[depth] ?? "none"} and ${d.length} at depth ${depth}`,
      );
    for (const x of d) visit(x as NestedArray, depth + 1);
  };
  visit(data, 0);
  return { shape, values };
}

const ARRAY_DTYPES: [unknown, DType][] = [
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [Int32Array, "int32"],
  [Uint8Array, "uint8"],
  [BigInt64Array, "int64"],
  [Int16Array, "int16"],
  [Int8Array, "int8"],
  [Uint16Array, "uint16"],
  [Uint32Array, "uint32"],
  [BigUint64Array, "uint64"],
];

/** The dtype that holds what a typed array holds. */
export function dtypeOfArray(data: TypedArray): DType {
  const found = ARRAY_DTYPES.find(([type]) => data instanceof (type as new () => object));
  if (!found)
    throw new ArgumentError(
      `tensor: expected numbers, nested lists or a typed array, got ${Object.prototype.toString.call(data)}`,
    );
  return found[1];
}

/** Nested lists of the elements; bool gives booleans, 64-bit integers bigints. */
export function nest(data: TypedArray, shape: readonly number[], dtype: DType): NestedArray {
  const read = DECODE[dtype];
  const value = (i: number): number | boolean | bigint =>
    dtype === "bool" ? data[i] !== 0 : read ? read(data[i]) : data[i];
  const build = (depth: number, start: number): NestedArray => {
    if (depth === shape.length) return value(start);
    const stride = shape.slice(depth + 1).reduce((a, b) => a * b, 1);
    return Array.from({ length: shape[depth] }, (_, i) => build(depth + 1, start + i * stride));
  };
  return build(0, 0);
}
