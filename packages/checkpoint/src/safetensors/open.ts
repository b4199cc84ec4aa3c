/** Opens a safetensors file, or all shards of an index: headers are read, tensors stay in the files. */

import { platform } from "#platform";
import { CheckpointError } from "../errors.js";
import { type LoadOptions, objectBudget } from "../limits.js";
import { type CheckpointInput, limitsFor, openSource, withSource } from "../open.js";
import { quoted } from "../printable.js";
import type { ByteSource } from "../source.js";
import { readHeader, type SafetensorsEntry } from "./header.js";
import { readIndex } from "./shard-index.js";

/** A tensor, and the file that it lies in. */
export interface LocatedEntry {
  readonly source: ByteSource;
  readonly entry: SafetensorsEntry;
}

export interface OpenSafetensors {
  /** File by file, in the order of each header. */
  readonly entries: readonly LocatedEntry[];
  /** `__metadata__` of the file, or of the first shard. */
  readonly metadata: ReadonlyMap<string, string> | undefined;
  /** Closes every file that was opened here. */
  close(): Promise<void>;
}

/** Whether an input is the path or the address of an index of shards: only these say where shards are. */
export const isIndexPath = (input: CheckpointInput): input is string | URL =>
  (typeof input === "string" || input instanceof URL) && /\.json([?#].*)?$/s.test(String(input));

/** @throws CheckpointError of the kinds of `loadSafetensors` */
export async function openSafetensors(input: CheckpointInput, options: LoadOptions): Promise<OpenSafetensors> {
  if (isIndexPath(input)) return openShards(input, options);
  const source = await openSource(input, options);
  try {
    const { entries, metadata } = await readHeader(source, objectBudget(source.name, limitsFor(source, options)));
    return { entries: entries.map((entry) => ({ source, entry })), metadata, close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function openShards(index: string | URL, options: LoadOptions): Promise<OpenSafetensors> {
  const { budget, shards } = await withSource(index, options, async (source) => {
    const budget = objectBudget(source.name, limitsFor(source, options));
    return { budget, shards: await readIndex(source, budget) };
  });
  const sources: ByteSource[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(sources.map((source) => source.close()));
  };
  try {
    const entries: LocatedEntry[] = [];
    let metadata: ReadonlyMap<string, string> | undefined;
    for (const [file, names] of shards) {
      const source = await openShard(index, file, options);
      sources.push(source);
      const header = await readHeader(source, budget);
      if (sources.length === 1) metadata = header.metadata;
      for (const entry of listed(source, header.entries, names)) entries.push({ source, entry });
    }
    return { entries, metadata, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openShard(index: string | URL, file: string, options: LoadOptions): Promise<ByteSource> {
  try {
    return await openSource(beside(index, file), options);
  } catch (cause) {
    if (!(cause instanceof CheckpointError)) throw cause;
    throw new CheckpointError(cause.kind, `${index}: a shard is missing or cannot be read: ${cause.message}`, {
      cause,
    });
  }
}

/** Where a file beside another is; a query such as `?download=true` is meant for both. */
function beside(index: string | URL, file: string): string | URL {
  if (typeof index === "string") return platform.sibling(index, file);
  const address = new URL(encodeURIComponent(file), index);
  address.search = index.search;
  return address;
}

/** The tensors of a shard that the index promises. Others, should there be any, are not read. */
function listed(source: ByteSource, entries: readonly SafetensorsEntry[], names: ReadonlySet<string>) {
  const found = entries.filter(({ name }) => names.has(name));
  if (found.length === names.size) return found;
  const held = new Set(entries.map(({ name }) => name));
  const missing = [...names].filter((name) => !held.has(name));
  const some = missing
    .slice(0, 5)
    .map((name) => quoted(name))
    .join(", ");
  throw new CheckpointError(
    "missing-member",
    `${source.name}: holds no ${some}${missing.length > 5 ? ` and ${missing.length - 5} more` : ""}, ` +
      "which the index says it does: the files are of different checkpoints",
  );
}
