/** Tensors from nothing, from arrays and from ranges, as torch's functions of the same names. */

import { type ComputeDType, type DType, dtypeInfo, isComputeDType, type TypedArray } from "./dtype.js";
import { ArgumentError, DTypeError, ShapeError } from "./errors.js";
import { convertHost, dtypeOfArray, flattenNested, type NestedArray } from "./host.js";
import { numelOf } from "./node.js";
import { fill, hostLeaf, scalar, uniform } from "./ops/create.js";
import { convert, elementwise, map } from "./ops/map.js";
import { rand as randNode, randn as randnNode } from "./ops/random.js";
import * as S from "./ops/scalar.js";
import { Tensor } from "./tensor.js";

export interface TensorOptions {
  dtype?: DType;
  requiresGrad?: boolean;
}

function checkShape(op: string, shape: readonly number[]): void {
  if (!Array.isArray(shape) || shape.some((d) => !Number.isInteger(d) || d < 0))
    throw new ShapeError(`${op}: a shape is a list of sizes ≥ 0, got ${JSON.stringify(shape)}`);
}

const finish = (t: Tensor, { requiresGrad = false }: TensorOptions): Tensor => (requiresGrad ? t.requiresGrad_() : t);

/**
 * A tensor over an array on the host, which is adopted; the array holds `shape`'s elements of `dtype` in row-major order.
 *
 * @param options.exclusive promises that nobody else has the array, or another over its buffer: its memory is given back
 * as soon as a model that loads the tensor has the values on the device
 */
export function fromHost(
  data: TypedArray,
  shape: readonly number[],
  dtype: DType = dtypeOfArray(data),
  { exclusive = false }: { exclusive?: boolean } = {},
): Tensor {
  checkShape("fromHost", shape);
  const info = dtypeInfo(dtype);
  if (!(data instanceof info.array))
    throw new DTypeError(
      `fromHost: ${dtype} is held by ${(info.array as { name?: string }).name}, got ${data.constructor.name}`,
    );
  if (data.length !== numelOf(shape) * info.entries)
    throw new ShapeError(`fromHost: ${data.length} entries do not fill shape [${shape}] of ${dtype}`);
  return Tensor.made(hostLeaf(data, [...shape], dtype, exclusive));
}

/** A tensor of the numbers in `data`: a number, nested lists, a typed array (with `shape`), or another tensor's value.
 *  Numbers become float32, booleans bool, bigints int64, unless `dtype` says otherwise. */
export function tensor(
  data: NestedArray | TypedArray | Tensor,
  options: TensorOptions & { shape?: readonly number[] } = {},
): Tensor {
  if (data instanceof Tensor) {
    const copy = data.detach();
    return finish(options.dtype ? copy.to(options.dtype) : copy.clone(), options);
  }
  if (ArrayBuffer.isView(data)) {
    const from = dtypeOfArray(data);
    const dtype = options.dtype ?? (from === "float64" ? "float32" : from);
    const values = from === dtype ? data.slice() : convertHost(data, from, dtype);
    return finish(fromHost(values, options.shape ?? [data.length], dtype), options);
  }
  const { shape, values } = flattenNested(data);
  const first = values[0];
  const dtype =
    options.dtype ?? (typeof first === "boolean" ? "bool" : typeof first === "bigint" ? "int64" : "float32");
  const array =
    dtype === "int64" && typeof first === "bigint"
      ? BigInt64Array.from(values as bigint[])
      : convertHost(Float64Array.from(values, Number), "float64", dtype);
  if (options.shape && numelOf(options.shape) !== numelOf(shape))
    throw new ShapeError(`tensor: ${values.length} elements do not fill shape [${options.shape}]`);
  return finish(fromHost(array, options.shape ?? shape, dtype), options);
}

/** Every element is `value`. */
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  checkShape("full", shape);
  const dtype = options.dtype ?? "float32";
  if (!isComputeDType(dtype)) {
    const array = new Float64Array(numelOf(shape)).fill(value);
    return finish(fromHost(convertHost(array, "float64", dtype), shape, dtype), options);
  }
  // A constant needs no memory to stay readable: nobody has to know of it.
  return finish(new Tensor(fill([...shape], scalar(value, dtype))), options);
}

export const zeros = (shape: readonly number[], options: TensorOptions = {}): Tensor => full(shape, 0, options);
export const ones = (shape: readonly number[], options: TensorOptions = {}): Tensor => full(shape, 1, options);
/** As zeros: nothing here has undefined contents. */
export const empty = zeros;
export const zerosLike = (t: Tensor, options: TensorOptions = {}): Tensor =>
  zeros(t.shape, { dtype: t.dtype, ...options });
export const onesLike = (t: Tensor, options: TensorOptions = {}): Tensor =>
  ones(t.shape, { dtype: t.dtype, ...options });

/** start, start + step, … below end. int32 where all are integers, unless `dtype` says otherwise. */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  if (!(step !== 0) || !Number.isFinite(from) || !Number.isFinite(to))
    throw new ArgumentError(`arange: from ${from} to ${to} in steps of ${step} is no range`);
  const n = Math.max(0, Math.ceil((to - from) / step));
  const whole = [from, to, step].every(Number.isInteger);
  const values = Float64Array.from({ length: n }, (_, i) => from + i * step);
  const dtype = options.dtype ?? (whole ? "int32" : "float32");
  return finish(fromHost(convertHost(values, "float64", dtype), [n], dtype), options);
}

/** n numbers from `start` to `end`, both included. */
export function linspace(start: number, end: number, n: number, options: TensorOptions = {}): Tensor {
  const values = Float64Array.from({ length: n }, (_, i) => (n === 1 ? start : start + ((end - start) * i) / (n - 1)));
  const dtype = options.dtype ?? "float32";
  return finish(fromHost(convertHost(values, "float64", dtype), [n], dtype), options);
}

/** The identity matrix. */
export function eye(n: number, options: TensorOptions = {}): Tensor {
  const dtype = options.dtype ?? "float32";
  const values = new Float64Array(n * n);
  for (let i = 0; i < n; i++) values[i * n + i] = 1;
  return finish(fromHost(convertHost(values, "float64", dtype), [n, n], dtype), options);
}

/** Uniform random numbers in [0, 1). */
export function rand(shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkShape("rand", shape);
  return finish(Tensor.made(convert(randNode(shape), floatDType("rand", options))), options);
}

/** Standard normal random numbers. */
export function randn(shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkShape("randn", shape);
  return finish(Tensor.made(convert(randnNode(shape), floatDType("randn", options))), options);
}

function floatDType(op: string, { dtype = "float32" }: TensorOptions): ComputeDType {
  if (dtype !== "float32" && dtype !== "float16")
    throw new DTypeError(`${op}: random numbers are float32 or float16, not ${dtype}`);
  return dtype;
}

/** Random integers in [low, high). */
export function randint(low: number, high: number, shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkShape("randint", shape);
  if (!Number.isInteger(low) || !Number.isInteger(high) || high <= low)
    throw new ArgumentError(`randint: there is no integer from ${low} up to ${high}`);
  const u = randNode(shape);
  const scaled = elementwise("mul", u, uniform(high - low, "float32"));
  const top = S.sub(S.arg(1, "i32"), S.c(1, "i32"));
  const whole = map(
    "randint",
    S.min(S.cast(S.arg(0, "f32"), "i32"), top),
    [scaled, fill(shape, uniform(high - low, "int32"))],
    "int32",
  );
  const shifted = elementwise("add", whole, uniform(low, "int32"));
  return finish(Tensor.made(convert(shifted, (options.dtype ?? "int32") as ComputeDType)), options);
}
