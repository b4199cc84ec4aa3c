/**
 * A tensor that is still in the file: a view (offset, shape, strides) of a storage, checked but not read.
 */

import { type DType, dtypeInfo } from "@kindling/core";
import { CheckpointError } from "../errors.js";
import { quoted } from "../printable.js";

/** A run of bytes in a checkpoint, read when it is used. Several tensors may be views of one storage. */
export interface Storage {
  /** The name under which the pickle knows it. */
  readonly key: string;
  /** How many bytes it holds. */
  readonly bytes: number;
  /** A byte of the file in its neighbourhood: storages are read in this order. */
  readonly position: number;
  /** Whether its numbers are big-endian. */
  readonly bigEndian: boolean;
  /** All its bytes, in a buffer of their own. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** What the pickle says about a storage: its type and its length in elements. */
export class StorageReference {
  constructor(
    readonly storage: Storage,
    /** null for an untyped storage, which is counted in bytes. */
    readonly dtype: DType | null,
    readonly length: number,
    /** First element, counted from the beginning of the storage (old files have views of storages). */
    readonly start = 0,
  ) {}

  /** Bytes of what it counts. */
  get elementBytes(): number {
    return this.dtype === null ? 1 : dtypeInfo(this.dtype).bytes;
  }

  get bytes(): number {
    return this.length * this.elementBytes;
  }
}

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

/** More dimensions than this are refused; torch itself prints and indexes at most 64. */
const MAX_RANK = 64;

type Negated = readonly [real: boolean, imaginary: boolean];

export class StoredTensor {
  private constructor(
    readonly storage: Storage,
    readonly dtype: DType,
    readonly shape: readonly number[],
    /** In elements, one for each dimension. */
    readonly strides: readonly number[],
    /** First element, counted from the beginning of the storage. */
    readonly offset: number,
    readonly requiresGrad: boolean,
    /** Whether its numbers are the negatives of those in the storage; of complex ones, each part. */
    readonly negated: Negated = [false, false],
  ) {}

  /** Number of elements. */
  get length(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Bytes of its elements, laid out row by row. */
  get bytes(): number {
    return this.length * dtypeInfo(this.dtype).bytes;
  }

  /** Whether its elements lie row by row without gaps. */
  get isContiguous(): boolean {
    if (this.length === 0) return true;
    let expected = 1;
    for (let i = this.shape.length - 1; i >= 0; i--) {
      if (this.shape[i] !== 1 && this.strides[i] !== expected) return false;
      expected *= this.shape[i];
    }
    return true;
  }

  /** Whether it is its storage from the first byte to the last, so that the storage's bytes can be its own. */
  get isWholeStorage(): boolean {
    return this.offset === 0 && this.isContiguous && this.bytes === this.storage.bytes;
  }

  private knownIdentity: string | undefined;

  /** Equal for tensors that are the same view of the same storage. Kept, since one may stand in a list very often. */
  get identity(): string {
    const { storage, dtype, offset, shape, strides, requiresGrad, negated } = this;
    this.knownIdentity ??= JSON.stringify([storage.key, dtype, offset, shape, strides, requiresGrad, negated]);
    return this.knownIdentity;
  }

  withRequiresGrad(requiresGrad: boolean): StoredTensor {
    return new StoredTensor(
      this.storage,
      this.dtype,
      this.shape,
      this.strides,
      this.offset,
      requiresGrad,
      this.negated,
    );
  }

  /** The tensor with torch's bits for a conjugate and a negative that were not computed when it was saved. */
  withBits(conj: boolean, neg: boolean): StoredTensor {
    const { storage, dtype, shape, strides, offset, requiresGrad } = this;
    const { kind, bytes } = dtypeInfo(dtype);
    if (conj && kind !== "complex") throw bad(`a tensor of ${dtype} is marked as a conjugate`);
    // Numbers of one byte have no negatives in torch, and not all of them a bit for the sign.
    if (neg && (bytes === 1 || (kind !== "float" && kind !== "complex")))
      throw bad(`a tensor of ${dtype} is marked as a negative`);
    return new StoredTensor(storage, dtype, shape, strides, offset, requiresGrad, [neg, conj !== neg]);
  }

  /** A view of a storage; refused unless every element of it lies inside. */
  static view(
    reference: StorageReference,
    dtype: DType,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
    requiresGrad: boolean,
  ): StoredTensor {
    const storage = quoted(reference.storage.key);
    if (shape.length > MAX_RANK || strides.length > MAX_RANK)
      throw new CheckpointError("bounds", `a tensor on storage ${storage} has more than ${MAX_RANK} dimensions`);
    const describe = () => `a tensor of shape [${shape}], strides [${strides}], offset ${offset}`;
    const refuse = (why: string): never => {
      throw new CheckpointError("bounds", `${describe()}, on storage ${storage}: ${why}`);
    };
    if (shape.length !== strides.length) refuse(`${shape.length} sizes and ${strides.length} strides`);
    for (const number of [offset, ...shape, ...strides]) if (number < 0) refuse(`${number} is negative`);
    const elementBytes = dtypeInfo(dtype).bytes;
    const length = shape.reduce((product, size) => product * size, 1);
    // With a 0 among the sizes too: the strides of such a tensor, which saving computes, would not be exact.
    if (!Number.isSafeInteger(shape.reduce((product, size) => product * Math.max(size, 1), elementBytes)))
      throw new CheckpointError("limit", `${describe()} has more elements than any memory`);
    if (length > 0) {
      const last = shape.reduce((position, size, i) => position + (size - 1) * strides[i], offset);
      const available = Math.floor(reference.bytes / elementBytes);
      if (!(last < available)) refuse(`its last element is number ${last} of ${available}`);
    }
    const start = reference.start * reference.elementBytes;
    if (start % elementBytes !== 0) refuse(`its storage begins inside an element`);
    return new StoredTensor(reference.storage, dtype, shape, strides, offset + start / elementBytes, requiresGrad);
  }

  /** The whole of a storage, as a tensor of one dimension. */
  static whole(reference: StorageReference): StoredTensor {
    return StoredTensor.view(reference, reference.dtype ?? "uint8", 0, [reference.length], [1], false);
  }
}

/** The elements of a strided view, row by row, out of the bytes of its storage. */
export function gather(bytes: Uint8Array<ArrayBuffer>, tensor: StoredTensor): Uint8Array<ArrayBuffer> {
  const elementBytes = dtypeInfo(tensor.dtype).bytes;
  if (tensor.isContiguous) {
    const start = tensor.offset * elementBytes;
    return bytes.slice(start, start + tensor.bytes);
  }
  // Elements are moved as integers, so that no NaN changes its bits; what is wider than 4 bytes moves in parts.
  const unit = Math.min(elementBytes, 4);
  const parts = elementBytes / unit;
  const array = unit === 4 ? Uint32Array : unit === 2 ? Uint16Array : Uint8Array;
  const from = new array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / unit));
  const to = new array(tensor.length * parts);
  // Dimensions of size 1 move nothing, and are passed once an element where they stand inside.
  const moving = tensor.shape.flatMap((size, i) => (size === 1 ? [] : [i]));
  const [shape, strides] = [tensor.shape, tensor.strides].map((list) => moving.map((i) => list[i]));
  const rank = shape.length;
  const index = new Array<number>(rank).fill(0);
  const [innerSize, innerStride] = [shape[rank - 1], strides[rank - 1] * parts];
  let row = tensor.offset;
  for (let written = 0; written < to.length; ) {
    for (let i = 0, position = row * parts; i < innerSize; i++, position += innerStride)
      for (let part = 0; part < parts; part++) to[written++] = from[position + part];
    for (let d = rank - 2; d >= 0; d--) {
      row += strides[d];
      if (++index[d] < shape[d]) break;
      row -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return new Uint8Array(to.buffer);
}

/** Turns the signs of the parts that a tensor negates, in its elements (little-endian, row by row). */
export function applySigns(bytes: Uint8Array, { dtype, negated }: StoredTensor): void {
  const { bytes: elementBytes, entries } = dtypeInfo(dtype);
  const width = elementBytes / entries;
  for (let part = 0; part < entries; part++)
    if (negated[part]) for (let i = (part + 1) * width - 1; i < bytes.length; i += elementBytes) bytes[i] ^= 0x80;
}
