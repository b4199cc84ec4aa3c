/** `saveSafetensors`: writes `.safetensors` files, in one piece or in shards with an index. */

import { platform } from "#platform";
import { type Snapshot, snapshot, type Tensor } from "../tensor.js";
import { OrderedDict } from "../values.js";
import { concat } from "../zip/writer.js";
import { describe, type NewTensor, safetensorsFile } from "./file.js";
import { saveShards } from "./shards.js";

export interface SaveSafetensorsOptions {
  /**
   * Free text by name; by default that of a dict which `loadSafetensors` gave. Many versions of transformers read only
   * files with `{ format: "pt" }`.
   */
  metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>>;
  /**
   * Most bytes of tensors in one file, for example `5e9`; a tensor of more has a file of its own. Where they do not fit
   * into one, `model.safetensors` becomes `model-00001-of-0000N.safetensors` … and `model.safetensors.index.json`, as
   * transformers has them. Whatever an earlier save left under these names is replaced or removed, so that no old shard
   * is taken for a new one; the index is removed first and written last.
   */
  maxShardBytes?: number;
}

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/**
 * Writes tensors as a safetensors file, whole or not at all, as they are at the time of the call. Equal tensors give
 * equal bytes, which are those of the reference implementation. Tensors that are tied are written under each of their
 * names: every reader finds all names it expects, and `loadStateDict` gives the values to the one tensor again.
 *
 * @throws CheckpointError of kind `unsupported` for what is no tensor, or has a dtype or a name that the format has no
 * place for, or `io`
 */
export async function saveSafetensors(
  tensors: NamedTensors,
  path: string,
  options: SaveSafetensorsOptions = {},
): Promise<void> {
  const metadata = metadataOf(tensors, options);
  await withTensors(tensors, async (news) => {
    if (options.maxShardBytes === undefined) await platform.writeAtomically(path, safetensorsFile(news, metadata));
    else await saveShards(news, metadata, path, options.maxShardBytes);
  });
}

/** The bytes that `saveSafetensors` would write into one file. */
export async function toSafetensorsBytes(
  tensors: NamedTensors,
  options: Pick<SaveSafetensorsOptions, "metadata"> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const metadata = metadataOf(tensors, options);
  return withTensors(tensors, async (news) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of safetensorsFile(news, metadata)) chunks.push(chunk);
    return concat(chunks);
  });
}

function metadataOf(
  tensors: NamedTensors,
  { metadata }: SaveSafetensorsOptions,
): ReadonlyMap<string, string> | undefined {
  if (metadata instanceof Map) return metadata;
  if (metadata) return new Map(Object.entries(metadata));
  const loaded = tensors instanceof OrderedDict ? tensors.attributes.get("__metadata__") : undefined;
  return loaded instanceof Map ? (loaded as Map<string, string>) : undefined;
}

/** Gives a function the tensors as they are now, in their order, and lets go of them after it. */
async function withTensors<T>(tensors: NamedTensors, use: (news: readonly NewTensor[]) => Promise<T>): Promise<T> {
  const entries: [string, Tensor][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const described = entries.map(([name, tensor]) => describe(name, tensor));
  const snapshots: Snapshot[] = entries.map(([, tensor]) => snapshot(tensor));
  try {
    return await use(described.map((news, i) => ({ ...news, data: snapshots[i].read })));
  } finally {
    for (const { release } of snapshots) release();
  }
}
