/** The boundary to `@kindling/core`: tensors out of arrays on the host, and back. */

import { type DType, dtypeInfo, fromHost, isFloat, Tensor, type TypedArray } from "@kindling/core";

export type { Tensor };

/** Whether a value is a tensor (or a parameter, which is one). */
export const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;

/**
 * A tensor over the bytes of its elements, row by row, in a buffer of their own, which is adopted without a copy. Bytes
 * of a bool that are neither 0 nor 1 become 1. No device is started.
 */
export function fromBytes(
  dtype: DType,
  shape: readonly number[],
  bytes: Uint8Array<ArrayBuffer>,
  requiresGrad = false,
): Tensor {
  if (dtype === "bool") for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i] === 0 ? 0 : 1;
  const tensor = fromHost(typedArray(dtype, bytes), shape, dtype, { exclusive: true });
  if (requiresGrad && isFloat(dtype)) tensor.requiresGrad = true;
  return tensor;
}

/** The bytes of a tensor's elements, row by row, as they were at one moment; see `Tensor.snapshot`. */
export interface Snapshot {
  read(): Promise<Uint8Array<ArrayBuffer>>;
  /** To be called once they have been read, or are not wanted any more. */
  release(): void;
}

export function snapshot(tensor: Tensor): Snapshot {
  const { read, release } = tensor.snapshot();
  return { read: async () => bytesOf(await read()), release };
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
function bytesOf(array: TypedArray): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}

/** Reverses the bytes of every element in place: big-endian to little-endian. Complex numbers are pairs. */
export function swapBytes(bytes: Uint8Array<ArrayBuffer>, dtype: DType): void {
  const info = dtypeInfo(dtype);
  const width = info.bytes / info.entries;
  const { buffer, byteOffset, byteLength } = bytes;
  if (width === 2) {
    const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
    for (let i = 0; i < halves.length; i++) halves[i] = (halves[i] << 8) | (halves[i] >>> 8);
  }
  if (width < 4) return;
  const words = new Int32Array(buffer, byteOffset, byteLength / 4);
  for (let i = 0; i < words.length; i++) words[i] = swapped(words[i]);
  if (width === 8) for (let i = 0; i < words.length; i += 2) [words[i], words[i + 1]] = [words[i + 1], words[i]];
}

/** The four bytes of a number in the opposite order. */
const swapped = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
