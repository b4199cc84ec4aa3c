/** Tensors as safetensors files store them, and ours made of them. Knows no file system: a page runs it as well. */

import { type DType, fromHost, type Tensor, type TypedArray } from "@kindling/core";

/** A tensor as a safetensors file stores it. */
export interface Stored {
  dtype: DType;
  shape: number[];
  data: TypedArray;
}

type Kind = { dtype: DType; array: new (buffer: ArrayBuffer) => TypedArray };

const KINDS: Readonly<Record<string, Kind>> = {
  F32: { dtype: "float32", array: Float32Array },
  F64: { dtype: "float64", array: Float64Array },
  I64: { dtype: "int64", array: BigInt64Array },
  I32: { dtype: "int32", array: Int32Array },
  U8: { dtype: "uint8", array: Uint8Array },
  BOOL: { dtype: "bool", array: Uint8Array },
};

/**
 * The tensors of a safetensors file by name: u64 header length, JSON header, raw little-endian data.
 *
 * @param file what errors call it
 */
export function parseSafetensors(bytes: Uint8Array<ArrayBuffer>, file: string): Map<string, Stored> {
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, Stored>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const kind = KINDS[entry.dtype];
    if (!kind) throw new Error(`${file}: ${name} has the dtype ${entry.dtype}, which no fixture is known to use`);
    const [from, to] = entry.data_offsets.map((offset) => 8 + headerLength + offset);
    const data = new kind.array(bytes.slice(from, to).buffer);
    tensors.set(name, { dtype: kind.dtype, shape: entry.shape, data });
  }
  return tensors;
}

/** A tensor of ours with the values of a stored one. */
export function toTensor(stored: Stored, requiresGrad = false): Tensor {
  const tensor = fromHost(stored.data, stored.shape, stored.dtype);
  tensor.requiresGrad = requiresGrad;
  return tensor;
}
