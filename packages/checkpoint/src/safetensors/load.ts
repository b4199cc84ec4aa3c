/** Reads `.safetensors` files, and files sharded by a `.safetensors.index.json`. */

import { platform } from "#platform";
import { CheckpointError } from "../errors.js";
import { Budget, type LoadLimits } from "../limits.js";
import { type CheckpointInput, limitsFor, withSource } from "../open.js";
import { type ByteSource, readRange } from "../source.js";
import { fromHost, type Tensor, typedArray } from "../tensor.js";
import { OrderedDict } from "../values.js";
import { readHeader, type SafetensorsEntry } from "./header.js";

/** An index of shards larger than this is refused. */
const MAX_INDEX_BYTES = 100_000_000;

/** Tensors by name; `attributes.get("__metadata__")` is a `Map` of the file's free text, where it has any. */
export type SafetensorsDict = OrderedDict<string, Tensor>;

/**
 * Reads a safetensors file, or, given the path of an `….index.json`, all its shards (which lie beside it).
 *
 * @throws CheckpointError of kind `safetensors`, `truncated`, `unsupported` (a dtype) or `limit`
 */
export async function loadSafetensors(input: CheckpointInput, options: LoadLimits = {}): Promise<SafetensorsDict> {
  if (typeof input === "string" && input.endsWith(".json")) return loadShards(input, options);
  return withSource(input, (source) => readFile(source, options));
}

async function readFile(source: ByteSource, options: LoadLimits): Promise<SafetensorsDict> {
  const { entries, metadata } = await readHeader(source);
  const budget = new Budget(limitsFor(source, options).maxTensorBytes, `${source.name}: its tensors`, "maxTensorBytes");
  const tensors: SafetensorsDict = new OrderedDict();
  for (const entry of entries) {
    budget.spend(entry.bytes);
    tensors.set(entry.name, await readEntry(source, entry));
  }
  if (metadata.size > 0) tensors.attributes.set("__metadata__", new Map(metadata));
  return tensors;
}

/** Reads one tensor of a file. */
export async function readEntry(source: ByteSource, entry: SafetensorsEntry): Promise<Tensor> {
  const { name, dtype, shape, offset, bytes } = entry;
  const data = await readRange(source, offset, bytes, JSON.stringify(name));
  return fromHost(dtype, shape, typedArray(dtype, data));
}

async function loadShards(indexPath: string, options: LoadLimits): Promise<SafetensorsDict> {
  const weightMap = await withSource(indexPath, readIndex);
  const tensors: SafetensorsDict = new OrderedDict();
  const shards = new Map<string, SafetensorsDict>();
  for (const [name, file] of weightMap) {
    let shard = shards.get(file);
    if (!shard) {
      shard = await loadSafetensors(platform.sibling(indexPath, file), options);
      shards.set(file, shard);
    }
    const tensor = shard.get(name);
    if (!tensor) throw new CheckpointError("missing-member", `${indexPath}: ${file} holds no ${JSON.stringify(name)}`);
    tensors.set(name, tensor);
  }
  return tensors;
}

/** `weight_map` of an index: the file of each tensor. Files are plain names: a path could point anywhere. */
async function readIndex(source: ByteSource): Promise<Map<string, string>> {
  const refuse = (why: string): CheckpointError => new CheckpointError("safetensors", `${source.name}: ${why}`);
  if (source.size > MAX_INDEX_BYTES) throw refuse(`an index of ${source.size} bytes is too long`);
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder().decode(await readRange(source, 0, source.size, "the index")));
  } catch (cause) {
    throw new CheckpointError("safetensors", `${source.name}: the index is not JSON`, { cause });
  }
  const weightMap = new Map<string, unknown>(Object.entries(index ?? {})).get("weight_map");
  if (typeof weightMap !== "object" || weightMap === null) throw refuse("the index has no weight_map");
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(weightMap)) {
    if (typeof file !== "string" || !/^[^/\\\0]+\.safetensors$/.test(file))
      throw refuse(
        `the file of ${JSON.stringify(name)} is ${JSON.stringify(file)}, not the name of a safetensors file`,
      );
    files.set(name, file);
  }
  return files;
}
