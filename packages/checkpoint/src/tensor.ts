/** The boundary to `@kindling/core`: tensors out of arrays on the host, and back. */

import { type DType, dtypeInfo, type TypedArray } from "@kindling/core";

/** Row-major elements on the host. */
export interface HostArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** A tensor whose elements are on the host. */
export class Tensor implements HostArray {
  constructor(
    readonly dtype: DType,
    readonly shape: readonly number[],
    readonly data: TypedArray,
    readonly requiresGrad = false,
  ) {}
}

export const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;

/** A tensor over an array, which is adopted without a copy. No device is started. */
export function fromHost(host: HostArray, requiresGrad = false): Tensor {
  return new Tensor(host.dtype, host.shape, host.data, requiresGrad);
}

/** The elements of a tensor as they are at the time of the call. */
export async function toHost(tensor: Tensor): Promise<HostArray> {
  return tensor;
}

/** Number of elements of a shape. */
export const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** The typed array of a dtype over bytes (aligned at the start of their buffer), without a copy. */
export function typedArray(dtype: DType, bytes: Uint8Array<ArrayBuffer>): TypedArray {
  const info = dtypeInfo(dtype);
  const entryBytes = info.bytes / info.entries;
  return new info.array(bytes.buffer, bytes.byteOffset, bytes.byteLength / entryBytes);
}

/** The bytes of an array, without a copy. */
export function bytesOf(array: TypedArray): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}

/** Reverses the bytes of every element in place: big-endian to little-endian. Complex numbers are pairs. */
export function swapBytes(bytes: Uint8Array, dtype: DType): void {
  const info = dtypeInfo(dtype);
  const width = info.bytes / info.entries;
  if (width > 1) for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
}
