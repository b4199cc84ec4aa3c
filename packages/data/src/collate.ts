/**
 * Collation: from a list of samples to one batch (torch.utils.data.default_collate).
 */

import { type DType, dtypeInfo, fromHost, stack, Tensor, type TypedArray } from "@kindling/core";
import { DataError } from "./errors.js";

/** What a sample of type T becomes in a batch. */
export type Collated<T> = T extends Tensor | TypedArray | number | boolean | bigint
  ? Tensor
  : T extends string
    ? string[]
    : T extends readonly unknown[]
      ? { -readonly [K in keyof T]: Collated<T[K]> }
      : T extends object
        ? { [K in keyof T]: Collated<T[K]> }
        : never;

const ARRAY_DTYPES: readonly [{ new (n: number): TypedArray }, DType][] = [
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [Int32Array, "int32"],
  [Uint8Array, "uint8"],
  [Int8Array, "int8"],
  [Int16Array, "int16"],
  [Uint16Array, "uint16"],
  [Uint32Array, "uint32"],
  [BigInt64Array, "int64"],
  [BigUint64Array, "uint64"],
];

/**
 * Stacks samples along a new first dimension:
 *
 * - tensors and typed arrays of one shape and dtype → a tensor `[batch, ...shape]`;
 * - numbers → a tensor `[batch]`, int32 where every number of the batch is a whole 32-bit number, else float32. Targets
 *   that are real numbers by nature should be `Float32Array.of(x)`, so that a batch of whole ones stays float32;
 * - booleans → bool, bigints → int64, strings → a list;
 * - arrays and plain objects → the same structure, each place collated by itself.
 *
 * Raises a `DataError` that says where samples differ, or what cannot be put into a batch.
 */
export function defaultCollate<T>(samples: readonly T[]): Collated<T> {
  return collate(samples, "sample") as Collated<T>;
}

function collate(samples: readonly unknown[], where: string): unknown {
  const first = samples[0];
  if (samples.length === 0) throw new DataError("cannot collate an empty batch");
  if (first instanceof Tensor) return stackTensors(sameKind(samples, where, isTensor), where);
  if (isTypedArray(first)) return stackTensors(sameKind(samples, where, isTypedArray).map(asTensor), where);
  if (typeof first === "number") return numbers(sameKind(samples, where, isNumber));
  if (typeof first === "boolean") {
    return fromHost(Uint8Array.from(sameKind(samples, where, isBoolean), Number), [samples.length], "bool");
  }
  if (typeof first === "bigint") {
    return fromHost(BigInt64Array.from(sameKind(samples, where, isBigint)), [samples.length], "int64");
  }
  if (typeof first === "string") return sameKind(samples, where, isString);
  if (Array.isArray(first)) return tuples(sameKind(samples, where, Array.isArray), where);
  if (isPlainObject(first)) return records(sameKind(samples, where, isPlainObject), where);
  throw new DataError(
    `cannot put ${describe(first)} (${where}) into a batch; return tensors, numbers or strings (a picture: end its transform with toTensor()), or give the loader a collate function`,
  );
}

const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;
const isNumber = (value: unknown): value is number => typeof value === "number";
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isBigint = (value: unknown): value is bigint => typeof value === "bigint";
const isString = (value: unknown): value is string => typeof value === "string";
const isTypedArray = (value: unknown): value is TypedArray => ARRAY_DTYPES.some(([array]) => value instanceof array);

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return `an object of class ${value.constructor?.name ?? "unknown"}`;
}

function sameKind<K>(samples: readonly unknown[], where: string, is: (value: unknown) => value is K): K[] {
  const other = samples.findIndex((sample) => !is(sample));
  if (other >= 0) {
    throw new DataError(
      `samples differ in kind (${where}): the first is ${describe(samples[0])}, number ${other} of the batch is ${describe(samples[other])}`,
    );
  }
  return samples as K[];
}

function asTensor(array: TypedArray): Tensor {
  const [, dtype] = ARRAY_DTYPES.find(([kind]) => array instanceof kind)!;
  return fromHost(array, [array.length], dtype);
}

function stackTensors(tensors: readonly Tensor[], where: string): Tensor {
  const [{ shape, dtype }] = tensors;
  for (const [position, tensor] of tensors.entries()) {
    const same = tensor.dtype === dtype && tensor.shape.length === shape.length;
    if (!same || tensor.shape.some((size, dim) => size !== shape[dim])) {
      throw new DataError(
        `samples differ in shape or dtype (${where}): the first is ${dtype} [${shape.join(", ")}], number ${position} of the batch is ${tensor.dtype} [${tensor.shape.join(", ")}]; bring them to one size in the transform`,
      );
    }
  }
  const rows = tensors.map((tensor) => tensor.hostData());
  if (!rows.every((row) => row !== undefined)) return stack(tensors, 0);
  const info = dtypeInfo(dtype);
  const entries = shape.reduce((n, size) => n * size, info.entries);
  const batch = new info.array(entries * rows.length);
  rows.forEach((row, i) => {
    batch.set(row as never, i * entries);
  });
  return fromHost(batch, [rows.length, ...shape], dtype);
}

function numbers(values: readonly number[]): Tensor {
  const whole = values.every((value) => (value | 0) === value);
  return fromHost(
    whole ? Int32Array.from(values) : Float32Array.from(values),
    [values.length],
    whole ? "int32" : "float32",
  );
}

function tuples(samples: readonly unknown[][], where: string): unknown[] {
  const other = samples.findIndex((sample) => sample.length !== samples[0].length);
  if (other >= 0) {
    throw new DataError(
      `samples differ in length (${where}): the first has ${samples[0].length} parts, number ${other} of the batch has ${samples[other].length}`,
    );
  }
  return samples[0].map((_, part) =>
    collate(
      samples.map((sample) => sample[part]),
      `${where}[${part}]`,
    ),
  );
}

function records(samples: readonly Record<string, unknown>[], where: string): Record<string, unknown> {
  const keys = Object.keys(samples[0]);
  return Object.fromEntries(
    keys.map((key) => {
      const values = samples.map((sample) => sample[key]);
      return [key, collate(values, `${where}.${key}`)];
    }),
  );
}
