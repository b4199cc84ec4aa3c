/** The names that torch, numpy and safetensors give to the dtypes. */

import type { DType } from "@kindling/core";

/** `torch.<name>`, with torch's aliases. */
export const TORCH_DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["float32", "float32"],
  ["float", "float32"],
  ["float64", "float64"],
  ["double", "float64"],
  ["float16", "float16"],
  ["half", "float16"],
  ["bfloat16", "bfloat16"],
  ["int64", "int64"],
  ["long", "int64"],
  ["int32", "int32"],
  ["int", "int32"],
  ["int16", "int16"],
  ["short", "int16"],
  ["int8", "int8"],
  ["uint8", "uint8"],
  ["uint16", "uint16"],
  ["uint32", "uint32"],
  ["uint64", "uint64"],
  ["bool", "bool"],
  ["complex32", "complex32"],
  ["complex64", "complex64"],
  ["complex128", "complex128"],
  ["float8_e4m3fn", "float8_e4m3fn"],
  ["float8_e4m3fnuz", "float8_e4m3fnuz"],
  ["float8_e5m2", "float8_e5m2"],
  ["float8_e5m2fnuz", "float8_e5m2fnuz"],
  ["float8_e8m0fnu", "float8_e8m0fnu"],
]);

/** `torch.<name>` of what there are no tensors of here: a value of a checkpoint can still name it. */
export const OTHER_TORCH_DTYPES: readonly string[] = [
  "float4_e2m1fn_x2",
  "qint8",
  "quint8",
  "qint32",
  "quint4x2",
  "quint2x4",
  "bits8",
  "bits16",
  "bits1x8",
  "bits2x4",
  "bits4x2",
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((bits) => [`int${bits}`, `uint${bits}`]),
];

/** `torch.<name>` of a typed storage. */
export const TORCH_STORAGES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["FloatStorage", "float32"],
  ["DoubleStorage", "float64"],
  ["HalfStorage", "float16"],
  ["BFloat16Storage", "bfloat16"],
  ["LongStorage", "int64"],
  ["IntStorage", "int32"],
  ["ShortStorage", "int16"],
  ["CharStorage", "int8"],
  ["ByteStorage", "uint8"],
  ["BoolStorage", "bool"],
  ["ComplexHalfStorage", "complex32"],
  ["ComplexFloatStorage", "complex64"],
  ["ComplexDoubleStorage", "complex128"],
]);

/**
 * The typed storage that torch saves a dtype in; undefined for dtypes that came after typed storages, which torch
 * saves in an `UntypedStorage`. (A `ComplexHalfStorage` was never in torch's list of storages to read.)
 */
export function torchStorageName(dtype: DType): string | undefined {
  if (dtype === "complex32") return undefined;
  for (const [name, stored] of TORCH_STORAGES) if (stored === dtype) return name;
  return undefined;
}

/** numpy's kind and size. */
export const NUMPY_DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["f2", "float16"],
  ["f4", "float32"],
  ["f8", "float64"],
  ["i1", "int8"],
  ["i2", "int16"],
  ["i4", "int32"],
  ["i8", "int64"],
  ["u1", "uint8"],
  ["u2", "uint16"],
  ["u4", "uint32"],
  ["u8", "uint64"],
  ["b1", "bool"],
  ["c8", "complex64"],
  ["c16", "complex128"],
]);

/** The names of the safetensors format, in the order in which its reference implementation lays tensors out. */
export const SAFETENSORS_DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["U64", "uint64"],
  ["I64", "int64"],
  ["F64", "float64"],
  ["C64", "complex64"],
  ["F32", "float32"],
  ["U32", "uint32"],
  ["I32", "int32"],
  ["BF16", "bfloat16"],
  ["F16", "float16"],
  ["U16", "uint16"],
  ["I16", "int16"],
  ["F8_E5M2FNUZ", "float8_e5m2fnuz"],
  ["F8_E4M3FNUZ", "float8_e4m3fnuz"],
  ["F8_E8M0", "float8_e8m0fnu"],
  ["F8_E4M3", "float8_e4m3fn"],
  ["F8_E5M2", "float8_e5m2"],
  ["I8", "int8"],
  ["U8", "uint8"],
  ["BOOL", "bool"],
]);

/** Its names for elements of less than a byte, of which there are no tensors here. */
export const SAFETENSORS_SUBBYTE_DTYPES: readonly string[] = ["F6_E3M2", "F6_E2M3", "F4"];
