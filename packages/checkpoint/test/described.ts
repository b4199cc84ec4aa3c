/** Describes a loaded value in the words of the fixtures' `expected.json`, so that both can be compared as they are. */

import { crc32 } from "node:zlib";
import {
  Complex,
  FrozenSet,
  OrderedDict,
  PythonObject,
  type PythonValue,
  Size,
  TorchDevice,
  TorchDtype,
  Tuple,
} from "@kindling/checkpoint";
import { Tensor, type TypedArray } from "@kindling/core";

const SHORT: Readonly<Record<string, string>> = {
  float64: "f64",
  float32: "f32",
  float16: "f16",
  bfloat16: "bf16",
  int64: "i64",
  int32: "i32",
  int16: "i16",
  int8: "i8",
  uint8: "u8",
  bool: "bool",
  complex64: "c64",
};

export type Described = { t: string; [key: string]: unknown };

export function describeValue(value: PythonValue): Described {
  if (value instanceof Tensor) return describeTensor(value);
  if (value instanceof Map) return describeMap(value);
  if (value instanceof Size) return { t: "size", v: [...value] };
  if (Array.isArray(value))
    return { t: value instanceof Tuple ? "tuple" : "list", v: Array.from(value, describeValue) };
  if (value instanceof Set)
    return { t: value instanceof FrozenSet ? "frozenset" : "set", v: Array.from(value, describeValue) };
  if (value instanceof Uint8Array) return { t: "bytes", hex: Buffer.from(value).toString("hex") };
  if (value instanceof TorchDtype) return { t: "torch.dtype", v: String(value) };
  if (value instanceof TorchDevice) return { t: "torch.device", v: String(value) };
  if (value instanceof Complex) return { t: "complex", v: [value.re, value.im] };
  if (value instanceof PythonObject) return { ...describeMap(value.attributes), t: value.className };
  if (typeof value === "string") return { t: "str", v: value };
  if (typeof value === "bigint") return { t: "int", v: String(value) };
  if (typeof value === "number") return describeNumber(value);
  return { t: "const", v: value };
}

function describeNumber(value: number): Described {
  if (Number.isInteger(value) && !Object.is(value, -0)) return { t: "int", v: value };
  return { t: "float", v: Number.isFinite(value) ? value : String(value).toLowerCase().replace("infinity", "inf") };
}

/** The elements of a tensor that was loaded or made from an array. */
export function elementsOf(tensor: Tensor): TypedArray {
  const data = tensor.hostData();
  if (!data) throw new Error("the tensor has no data on the host");
  return data;
}

function describeTensor(tensor: Tensor): Described {
  const { dtype, shape, requiresGrad } = tensor;
  const data = elementsOf(tensor);
  const crc = crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const described = { t: "tensor", dtype: SHORT[dtype] ?? dtype, shape: [...shape], crc32: crc };
  return requiresGrad ? { ...described, requires_grad: true } : described;
}

function describeMap(map: Map<PythonValue, PythonValue>): Described {
  const items = [...map].map((pair) => pair.map(describeValue));
  if (!(map instanceof OrderedDict)) return { t: "dict", items };
  if (!(map.metadata instanceof Map)) return { t: "ordereddict", items };
  const metadata = [...map.metadata].map(([module, facts]) => [module, [...(facts as Map<PythonValue, PythonValue>)]]);
  return { t: "ordereddict", items, metadata };
}
