/** The bytes of a safetensors file, as the reference implementation writes them. */

import { type DType, dtypeInfo } from "@kindling/core";
import { SAFETENSORS_DTYPES } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import { quoted } from "../printable.js";
import { elements, isTensor, type Tensor } from "../tensor.js";
import { LENGTH_BYTES, MAX_HEADER_BYTES } from "./header.js";
import { byCodePoint } from "./text-order.js";

/** A tensor that is yet to be written. */
export interface NewTensor {
  readonly name: string;
  /** The format's name of the dtype. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly data: () => Promise<Uint8Array>;
}

const LABELS: ReadonlyMap<DType, string> = new Map([...SAFETENSORS_DTYPES].map(([label, dtype]) => [dtype, label]));
const RANKS: ReadonlyMap<string, number> = new Map([...SAFETENSORS_DTYPES.keys()].map((label, rank) => [label, rank]));

const LONE_SURROGATE = /\p{Cs}/u;

/** What a file says of a tensor; a `CheckpointError` of kind `unsupported` for what no file can say. */
export function describe(name: unknown, tensor: unknown): Omit<NewTensor, "data"> {
  if (typeof name !== "string")
    throw new CheckpointError(
      "unsupported",
      `a tensor is called ${String(name)}; names in a safetensors file are text`,
    );
  if (name === "__metadata__")
    throw new CheckpointError("unsupported", "a tensor cannot be called __metadata__ in a safetensors file");
  checkText(name);
  if (!isTensor(tensor))
    throw new CheckpointError(
      "unsupported",
      `${quoted(name)} is not a tensor, and a safetensors file holds nothing else. Of a checkpoint with more than ` +
        "weights, save findStateDict(checkpoint), or save all of it with save",
    );
  const dtype = LABELS.get(tensor.dtype);
  if (dtype === undefined)
    throw new CheckpointError(
      "unsupported",
      `${quoted(name)} is ${tensor.dtype}, which safetensors has no name for: save it with save, as a .pth file`,
    );
  return { name, dtype, shape: tensor.shape, bytes: byteLength(tensor) };
}

const byteLength = ({ shape, dtype }: Tensor): number => elements(shape) * dtypeInfo(dtype).bytes;

function checkText(text: string): void {
  if (LONE_SURROGATE.test(text))
    throw new CheckpointError("unsupported", `${quoted(text)} has half of a character, which UTF-8 cannot hold`);
}

/** Order of the file: wide dtypes first, which keeps every tensor aligned, then names. */
function byPlace(a: NewTensor, b: NewTensor): number {
  return (RANKS.get(a.dtype) as number) - (RANKS.get(b.dtype) as number) || byCodePoint(a.name, b.name);
}

/** A file, piece by piece; a tensor is asked for its bytes when its turn comes. */
export async function* safetensorsFile(
  tensors: readonly NewTensor[],
  metadata: ReadonlyMap<string, string> | undefined,
): AsyncGenerator<Uint8Array> {
  const inOrder = [...tensors].sort(byPlace);
  yield header(inOrder, metadata);
  for (const { data } of inOrder) yield await data();
}

/** Written by hand: an object would sort names that look like numbers to the front. */
function header(tensors: readonly NewTensor[], metadata: ReadonlyMap<string, string> | undefined): Uint8Array {
  const items: string[] = [];
  if (metadata) items.push(`"__metadata__":{${[...metadata].map(metadataItem).join(",")}}`);
  let position = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    const end = position + bytes;
    items.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${position},${end}]}`,
    );
    position = end;
  }
  const json = new TextEncoder().encode(`{${items.join(",")}}`);
  const length = 8 * Math.ceil(json.length / 8);
  if (length > MAX_HEADER_BYTES)
    throw new CheckpointError(
      "unsupported",
      `the names take a header of ${length} bytes, a safetensors file may have ${MAX_HEADER_BYTES}`,
    );
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, LENGTH_BYTES);
  return bytes;
}

function metadataItem([key, value]: [string, string]): string {
  if (typeof key !== "string" || typeof value !== "string")
    throw new CheckpointError(
      "unsupported",
      `the metadata ${quoted(String(key))} is ${String(value)}: keys and values are text`,
    );
  checkText(key);
  checkText(value);
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}
