/** Saves tensors in shards with an index, under the names and in the division of Hugging Face. */

import { platform } from "#platform";
import { CheckpointError } from "../errors.js";
import { type NewTensor, safetensorsFile } from "./file.js";
import { indexText } from "./shard-index.js";

const ENDING = ".safetensors";

/**
 * Writes the tensors beside `path`: as one file where they fit into one, else as shards and their index.
 *
 * @param maxBytes of the tensors in one file
 */
export async function saveShards(
  tensors: readonly NewTensor[],
  metadata: ReadonlyMap<string, string> | undefined,
  path: string,
  maxBytes: number,
): Promise<void> {
  if (!(maxBytes > 0)) throw new CheckpointError("unsupported", `maxShardBytes is ${maxBytes}, not a number of bytes`);
  const stem = path.endsWith(ENDING) ? path.slice(0, -ENDING.length) : path;
  const index = `${stem}${ENDING}.index.json`;
  const shards = intoShards(tensors, maxBytes);
  const paths = shards.length === 1 ? [path] : shards.map((_, i) => shardPath(stem, i, shards.length));
  // A crash from here on must not leave an index that takes new shards for those it was written with.
  await platform.remove(index);
  for (const [i, shard] of shards.entries()) await platform.writeAtomically(paths[i], safetensorsFile(shard, metadata));
  if (shards.length > 1)
    await platform.writeAtomically(index, oneChunk(new TextEncoder().encode(indexOf(shards, paths))));
  await removeOthers(path, stem, paths);
}

const ordinal = (n: number): string => String(n).padStart(5, "0");

const shardPath = (stem: string, i: number, count: number): string =>
  `${stem}-${ordinal(i + 1)}-of-${ordinal(count)}${ENDING}`;

const nameOf = (path: string): string => path.replace(/^.*[/\\]/s, "");

/** In the order given, so that the tensors of a layer lie together. */
function intoShards(tensors: readonly NewTensor[], maxBytes: number): NewTensor[][] {
  const shards: NewTensor[][] = [];
  let current: NewTensor[] = [];
  let filled = 0;
  for (const tensor of tensors) {
    if (tensor.bytes > maxBytes) {
      shards.push([tensor]);
      continue;
    }
    if (filled + tensor.bytes > maxBytes) {
      shards.push(current);
      [current, filled] = [[], 0];
    }
    current.push(tensor);
    filled += tensor.bytes;
  }
  if (current.length > 0 || shards.length === 0) shards.push(current);
  return shards;
}

function indexOf(shards: readonly (readonly NewTensor[])[], paths: readonly string[]): string {
  const fileOf = new Map(shards.flatMap((shard, i) => shard.map(({ name }) => [name, nameOf(paths[i])] as const)));
  return indexText(
    fileOf,
    shards.flat().reduce((sum, { bytes }) => sum + bytes, 0),
  );
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Removes the files of an earlier save that readers might prefer to the index, or mix with its shards. */
async function removeOthers(path: string, stem: string, written: readonly string[]): Promise<void> {
  const kept = new Set(written.map(nameOf));
  const beginning = `${nameOf(stem)}-`;
  for (const name of await platform.siblings(path)) {
    const isShard = name.startsWith(beginning) && /^\d{5}-of-\d{5}\.safetensors$/.test(name.slice(beginning.length));
    if ((isShard || name === nameOf(path)) && !kept.has(name)) await platform.remove(platform.sibling(path, name));
  }
}
