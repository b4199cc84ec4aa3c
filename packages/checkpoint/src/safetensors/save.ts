/** Writes `.safetensors` files, in one piece or in shards with an index. */

import { type DType, dtypeInfo } from "@kindling/core";
import { platform } from "#platform";
import { SAFETENSORS_DTYPES } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import { elements, hostBytes, type Tensor } from "../tensor.js";
import { OrderedDict, type PythonValue } from "../values.js";
import { concat } from "../zip/writer.js";

export interface SaveSafetensorsOptions {
  /** Free text by name; by default that of a dict which `loadSafetensors` gave. */
  metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
  /**
   * Most bytes of tensors in one file. Where they do not fit into one, `model.safetensors` becomes
   * `model-00001-of-0000N.safetensors` … and `model.safetensors.index.json`.
   */
  maxShardBytes?: number;
}

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

interface Named {
  readonly name: string;
  readonly tensor: Tensor;
  readonly bytes: number;
  readonly data: Promise<Uint8Array>;
}

/**
 * Writes tensors as a safetensors file, whole or not at all. Equal tensors give equal bytes: they are ordered by the
 * width of their dtype, then by name, which keeps each aligned.
 *
 * @throws CheckpointError of kind `unsupported` for a dtype that the format has no name for, or `io`
 */
export async function saveSafetensors(
  tensors: NamedTensors,
  path: string,
  options: SaveSafetensorsOptions = {},
): Promise<void> {
  const metadata = metadataOf(tensors, options);
  const shards = intoShards(ordered(tensors), options.maxShardBytes ?? Infinity);
  if (shards.length === 1) return platform.writeAtomically(path, file(shards[0], metadata));
  const stem = path.replace(/\.safetensors$/, "");
  const weightMap: [string, string][] = [];
  for (const [i, shard] of shards.entries()) {
    const shardPath = `${stem}-${ordinal(i + 1)}-of-${ordinal(shards.length)}.safetensors`;
    await platform.writeAtomically(shardPath, file(shard, metadata));
    for (const { name } of shard) weightMap.push([name, shardPath.replace(/^.*[/\\]/, "")]);
  }
  const total = shards.flat().reduce((sum, { bytes }) => sum + bytes, 0);
  const map = weightMap
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.map((text) => JSON.stringify(text)).join(":"));
  const index = `{"metadata":{"total_size":${total}},"weight_map":{${map.join(",")}}}\n`;
  await platform.writeAtomically(`${stem}.safetensors.index.json`, oneChunk(new TextEncoder().encode(index)));
}

/** The bytes that `saveSafetensors` would write into one file. */
export async function toSafetensorsBytes(
  tensors: NamedTensors,
  options: Pick<SaveSafetensorsOptions, "metadata"> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file(ordered(tensors), metadataOf(tensors, options))) chunks.push(chunk);
  return concat(chunks);
}

const ordinal = (n: number): string => String(n).padStart(5, "0");

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function metadataOf(tensors: NamedTensors, options: SaveSafetensorsOptions): Map<string, string> {
  if (options.metadata instanceof Map) return new Map(options.metadata);
  if (options.metadata) return new Map(Object.entries(options.metadata));
  const attributes: PythonValue = tensors instanceof OrderedDict ? tensors.attributes.get("__metadata__") : null;
  return attributes instanceof Map ? (new Map(attributes) as Map<string, string>) : new Map();
}

/** The tensors in the order of the file, each read as it is at the time of the call. */
function ordered(tensors: NamedTensors): Named[] {
  const entries: [string, Tensor][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const named = entries.map(([name, tensor]) => {
    if (name === "__metadata__")
      throw new CheckpointError("unsupported", "a tensor cannot be called __metadata__ in a safetensors file");
    formatName(name, tensor.dtype);
    const data = hostBytes(tensor);
    data.catch(() => undefined);
    return { name, tensor, bytes: elements(tensor.shape) * dtypeInfo(tensor.dtype).bytes, data };
  });
  const width = ({ tensor }: Named): number => dtypeInfo(tensor.dtype).bytes;
  return named.sort((a, b) => width(b) - width(a) || (a.name < b.name ? -1 : 1));
}

function formatName(name: string, dtype: DType): string {
  for (const [label, known] of SAFETENSORS_DTYPES) if (known === dtype) return label;
  throw new CheckpointError("unsupported", `${JSON.stringify(name)} is ${dtype}, which safetensors has no name for`);
}

function intoShards(tensors: readonly Named[], maxBytes: number): Named[][] {
  const shards: Named[][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    if (filled + tensor.bytes > maxBytes && shards[shards.length - 1].length > 0) {
      shards.push([]);
      filled = 0;
    }
    shards[shards.length - 1].push(tensor);
    filled += tensor.bytes;
  }
  return shards;
}

async function* file(tensors: readonly Named[], metadata: ReadonlyMap<string, string>): AsyncGenerator<Uint8Array> {
  // Written by hand: an object would sort names that look like numbers to the front.
  const items: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    items.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let position = 0;
  for (const { name, tensor, bytes } of tensors) {
    const shape = `[${tensor.shape.join(",")}]`;
    const offsets = `[${position},${(position += bytes)}]`;
    const dtype = formatName(name, tensor.dtype);
    items.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`);
  }
  const json = new TextEncoder().encode(`{${items.join(",")}}`);
  const padded = new Uint8Array(8 * Math.ceil(json.length / 8)).fill(0x20);
  padded.set(json);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(padded.length), true);
  yield length;
  yield padded;
  for (const { data } of tensors) yield await data;
}
