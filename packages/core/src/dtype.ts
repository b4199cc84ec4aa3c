/**
 * Data types: which ones compute on a device, which ones are only kept on the host, and how two of them promote.
 */

import { DTypeError } from "./errors.js";

/** Types that kernels compute with. */
export type ComputeDType = "float32" | "float16" | "int32" | "uint8" | "bool";

/** Types that are kept exactly on the host, for checkpoints; `.to(...)` converts them to a computing type. */
export type HostDType =
  | "float64"
  | "bfloat16"
  | "int64"
  | "int16"
  | "int8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "complex32"
  | "complex64"
  | "complex128"
  | "float8_e4m3fn"
  | "float8_e4m3fnuz"
  | "float8_e5m2"
  | "float8_e5m2fnuz"
  | "float8_e8m0fnu";

export type DType = ComputeDType | HostDType;

/** Arrays that hold tensor data on the host, one element an entry; dtypes without an array of their own use raw bytes. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | BigInt64Array
  | BigUint64Array;

interface DTypeInfo {
  /** Bytes of one element, in a file and on the host. */
  readonly bytes: number;
  readonly kind: "float" | "int" | "bool" | "complex";
  readonly compute: boolean;
  /** The array that holds it on the host. float16, bfloat16 and float8 keep their bits; complex keeps pairs. */
  readonly array: { new (n: number): TypedArray; new (b: ArrayBufferLike, o?: number, n?: number): TypedArray };
  /** Array entries an element takes (2 for complex). */
  readonly entries: number;
}

const row = (bytes: number, kind: DTypeInfo["kind"], compute: boolean, array: unknown, entries = 1): DTypeInfo => ({
  bytes,
  kind,
  compute,
  array: array as DTypeInfo["array"],
  entries,
});

const TABLE: Record<DType, DTypeInfo> = {
  float32: row(4, "float", true, Float32Array),
  float16: row(2, "float", true, Uint16Array),
  int32: row(4, "int", true, Int32Array),
  uint8: row(1, "int", true, Uint8Array),
  bool: row(1, "bool", true, Uint8Array),
  float64: row(8, "float", false, Float64Array),
  bfloat16: row(2, "float", false, Uint16Array),
  int64: row(8, "int", false, BigInt64Array),
  int16: row(2, "int", false, Int16Array),
  int8: row(1, "int", false, Int8Array),
  uint16: row(2, "int", false, Uint16Array),
  uint32: row(4, "int", false, Uint32Array),
  uint64: row(8, "int", false, BigUint64Array),
  complex32: row(4, "complex", false, Uint16Array, 2),
  complex64: row(8, "complex", false, Float32Array, 2),
  complex128: row(16, "complex", false, Float64Array, 2),
  float8_e4m3fn: row(1, "float", false, Uint8Array),
  float8_e4m3fnuz: row(1, "float", false, Uint8Array),
  float8_e5m2: row(1, "float", false, Uint8Array),
  float8_e5m2fnuz: row(1, "float", false, Uint8Array),
  float8_e8m0fnu: row(1, "float", false, Uint8Array),
};

/** Facts of a dtype; a `DTypeError` for a name that is none. */
export function dtypeInfo(dtype: DType): DTypeInfo {
  const info = TABLE[dtype];
  if (!info) throw new DTypeError(`unknown dtype ${String(dtype)}; known: ${Object.keys(TABLE).join(", ")}`);
  return info;
}

export const isComputeDType = (dtype: DType): dtype is ComputeDType => dtypeInfo(dtype).compute;
export const isFloat = (dtype: DType): boolean => dtypeInfo(dtype).kind === "float";
export const isInteger = (dtype: DType): boolean => dtypeInfo(dtype).kind === "int";

const ORDER: readonly ComputeDType[] = ["bool", "uint8", "int32", "float16", "float32"];

/** The dtype of an elementwise result of two tensors, as `torch.promote_types` within the computing set. */
export function promote(a: ComputeDType, b: ComputeDType): ComputeDType {
  return ORDER[Math.max(ORDER.indexOf(a), ORDER.indexOf(b))];
}
