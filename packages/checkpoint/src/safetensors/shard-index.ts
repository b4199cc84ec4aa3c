/** The index of a sharded checkpoint: a JSON file that names the shard of every tensor, as Hugging Face writes it. */

import { CheckpointError } from "../errors.js";
import type { Budget } from "../limits.js";
import { quoted } from "../printable.js";
import { type ByteSource, readRange } from "../source.js";
import { JsonReader } from "./json.js";
import { byCodePoint } from "./text-order.js";

/** An index larger than this is refused. */
const MAX_INDEX_BYTES = 100_000_000;

/** Shards lie beside their index: a path could lead anywhere. */
const SHARD_NAME = /^[^/\\\p{Cc}]+\.safetensors$/u;

/**
 * The names of the tensors in each shard. Whatever else an index says, as `metadata.total_size`, is for people: the
 * shards themselves say how large they are.
 */
export async function readIndex(source: ByteSource, budget: Budget): Promise<Map<string, Set<string>>> {
  const refuse = (why: string): CheckpointError => new CheckpointError("safetensors", `${source.name}: ${why}`);
  if (source.size > MAX_INDEX_BYTES) throw refuse(`an index of ${source.size} bytes is too long`);
  budget.spend(source.size);
  const json = new JsonReader(
    await readRange(source, 0, source.size, "the index"),
    `${source.name}: the index`,
    budget,
  );
  let shards: Map<string, Set<string>> | undefined;
  for (const key of json.keys()) {
    if (key === "weight_map") shards = parseWeightMap(json, refuse);
    else json.skip();
  }
  json.end();
  if (!shards) throw refuse("is no index of a sharded checkpoint: it has no weight_map");
  return shards;
}

function parseWeightMap(json: JsonReader, refuse: (why: string) => CheckpointError): Map<string, Set<string>> {
  const shards = new Map<string, Set<string>>();
  for (const name of json.keys()) {
    const file = json.string();
    if (!SHARD_NAME.test(file))
      throw refuse(`the file of ${quoted(name)} is ${quoted(file)}, not the plain name of a .safetensors file`);
    const names = shards.get(file) ?? new Set();
    shards.set(file, names.add(name));
  }
  return shards;
}

/** The text of an index, byte by byte as transformers writes it: sorted, indented, in ASCII. */
export function indexText(fileOf: ReadonlyMap<string, string>, totalBytes: number): string {
  const lines = [...fileOf]
    .sort(([a], [b]) => byCodePoint(a, b))
    .map(([name, file]) => `    ${ascii(name)}: ${ascii(file)}`);
  const weightMap = `  "weight_map": {\n${lines.join(",\n")}\n  }`;
  return `{\n  "metadata": {\n    "total_size": ${totalBytes}\n  },\n${weightMap}\n}\n`;
}

const ascii = (text: string): string =>
  JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
