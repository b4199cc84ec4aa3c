/** `loadSafetensors`: reads `.safetensors` files, and files sharded by a `.safetensors.index.json`. */

import { inFlight } from "../in-flight.js";
import { Budget, defaultLimits, type LoadOptions } from "../limits.js";
import type { CheckpointInput } from "../open.js";
import { quoted } from "../printable.js";
import { type ByteSource, readRange } from "../source.js";
import { fromBytes, type Tensor } from "../tensor.js";
import { OrderedDict } from "../values.js";
import type { SafetensorsEntry } from "./header.js";
import { type LocatedEntry, type OpenSafetensors, openSafetensors } from "./open.js";

/** Tensors by name; `attributes.get("__metadata__")` is a `Map` of the file's free text, where it has any. */
export type SafetensorsDict = OrderedDict<string, Tensor>;

/**
 * Reads a safetensors file; or, given the path or the address of an index (`….json`), the tensors that it lists, out of
 * the shards that lie beside it. Tensors come in the order of the header, shards in that of the index; the metadata is
 * that of the first shard. Bytes of a bool that are neither 0 nor 1 are true, as in `load`.
 *
 * @throws CheckpointError of kind `io`, `not-a-checkpoint`, `safetensors`, `truncated`, `unsupported` (a dtype),
 * `missing-member` (a tensor that is not where the index says) or `limit`
 */
export async function loadSafetensors(input: CheckpointInput, options: LoadOptions = {}): Promise<SafetensorsDict> {
  const opened = await openSafetensors(input, options);
  try {
    const budget = tensorBudget(opened, options);
    for (const { entry } of opened.entries) budget.spend(entry.bytes);
    const tensors = await readEntries(opened.entries);
    const dict: SafetensorsDict = new OrderedDict();
    for (const located of opened.entries) dict.set(located.entry.name, tensors.get(located) as Tensor);
    if (opened.metadata) dict.attributes.set("__metadata__", new Map(opened.metadata));
    return dict;
  } finally {
    await opened.close();
  }
}

function tensorBudget({ entries }: OpenSafetensors, options: LoadOptions): Budget {
  const sources = new Set(entries.map(({ source }) => source));
  const size = [...sources].reduce((sum, source) => sum + source.size, 0);
  const limit = options.maxTensorBytes ?? defaultLimits(size).maxTensorBytes;
  return new Budget(limit, `${[...sources][0]?.name}: its tensors`, "maxTensorBytes");
}

/** Reads tensors, many at a time. */
export async function readEntries(wanted: Iterable<LocatedEntry>): Promise<Map<LocatedEntry, Tensor>> {
  const tensors = new Map<LocatedEntry, Tensor>();
  const bytesOf = ({ entry }: LocatedEntry): number => entry.bytes;
  await inFlight(wanted, bytesOf, async (located) => {
    tensors.set(located, await readEntry(located.source, located.entry));
  });
  return tensors;
}

async function readEntry(source: ByteSource, entry: SafetensorsEntry): Promise<Tensor> {
  const { name, dtype, shape, offset, bytes } = entry;
  const data = await readRange(source, offset, bytes, quoted(name));
  return fromBytes(dtype, shape, data);
}
