/** What a checkpoint of any format holds, with its tensors still in the file. */

import { LazyTensor, type TensorInfo } from "./lazy-tensor.js";
import { type Budget, type LoadOptions, objectBudget } from "./limits.js";
import { type CheckpointInput, limitsFor, naming, openSource, readValue } from "./open.js";
import { readTensors } from "./read-tensors.js";
import { beginsLikeSafetensors } from "./recognise.js";
import { readEntries } from "./safetensors/load.js";
import { isIndexPath, type LocatedEntry, type OpenSafetensors, openSafetensors } from "./safetensors/open.js";
import type { ByteSource } from "./source.js";
import type { Tensor } from "./tensor.js";
import type { Storage, StoredTensor } from "./torch/stored-tensor.js";
import { OrderedDict } from "./values.js";
import { containers, namedTensors, replaceLeaves, storedTensor } from "./walk.js";

/** `zip`: torch since 1.6; `legacy`: torch before that. */
export type CheckpointFormat = "zip" | "legacy" | "safetensors";

/** Reads tensors, those that lie on one storage together. */
export type ReadMany = (tensors: readonly LazyTensor[]) => Promise<Map<LazyTensor, Tensor>>;

/** A run of bytes that tensors lie on. */
export interface Extent {
  readonly bytes: number;
}

export interface Contents {
  readonly name: string;
  readonly format: CheckpointFormat;
  /** Bytes of the file, or of all shards. */
  readonly fileBytes: number;
  /** Under every name that they have, in the order of the file. */
  readonly tensors: readonly LazyTensor[];
  readonly extentOf: ReadonlyMap<LazyTensor, Extent>;
  /** What `load` gives, with a `LazyTensor` in the place of each tensor. */
  readonly value: unknown;
  /** What `value` and the names of tensors have cost is spent. */
  readonly budget: Budget;
  readonly maxDepth: number;
  readonly readMany: ReadMany;
  close(): Promise<void>;
}

/** Reads directory and pickle, or header. What is opened is closed again where that fails. */
export async function openContents(input: CheckpointInput, options: LoadOptions): Promise<Contents> {
  if (isIndexPath(input)) return safetensorsContents(await openSafetensors(input, options), String(input), options);
  const source = await openSource(input, options);
  try {
    if (!(await beginsLikeSafetensors(source))) return await torchContents(source, options);
    const opened = await openSafetensors(source, options);
    return safetensorsContents({ ...opened, close: () => source.close() }, source.name, options, source.size);
  } catch (error) {
    await source.close();
    throw naming(source.name, error);
  }
}

async function torchContents(source: ByteSource, options: LoadOptions): Promise<Contents> {
  const limits = limitsFor(source, options);
  const { format, value: stored } = await readValue(source, limits);
  const found = containers(stored, limits.maxDepth);
  const budget = objectBudget(source.name, limits);

  const storedOf = new Map<LazyTensor, StoredTensor>();
  const extentOf = new Map<LazyTensor, Storage>();
  const readMany: ReadMany = async (wanted) => {
    const views = wanted.map((tensor) => storedOf.get(tensor) as StoredTensor);
    const read = await readTensors(views, limits, source.name);
    return new Map(wanted.map((tensor, i) => [tensor, read.get(views[i].identity) as Tensor]));
  };
  const firstOn = new Map<Storage, string>();
  const handles = new Map<string, LazyTensor>();
  const makeHandle = (tensor: StoredTensor, name: string): LazyTensor => {
    const { shape, dtype, bytes, requiresGrad, storage } = tensor;
    const info: TensorInfo = { name, shape, dtype, bytes, requiresGrad, sharesWith: firstOn.get(storage) };
    const handle = new LazyTensor(info, readMany);
    if (!firstOn.has(storage)) firstOn.set(storage, name);
    storedOf.set(handle, tensor);
    extentOf.set(handle, storage);
    if (!handles.has(tensor.identity)) handles.set(tensor.identity, handle);
    return handle;
  };

  const tensors = namedTensors(stored, budget).map(({ name, tensor }) => makeHandle(tensor, name));
  const value = replaceLeaves(stored, found, (leaf) => {
    const tensor = storedTensor(leaf);
    return tensor && (handles.get(tensor.identity) ?? makeHandle(tensor, ""));
  });
  const { name, size: fileBytes } = source;
  const { maxDepth } = limits;
  return { name, format, fileBytes, tensors, extentOf, value, budget, maxDepth, readMany, close: () => source.close() };
}

function safetensorsContents(
  { entries, metadata, close }: OpenSafetensors,
  name: string,
  options: LoadOptions,
  size?: number,
): Contents {
  const sources = new Set(entries.map(({ source }) => source));
  const fileBytes = size ?? [...sources].reduce((sum, source) => sum + source.size, 0);
  const limits = limitsFor({ size: fileBytes }, options);
  const locatedOf = new Map<LazyTensor, LocatedEntry>();
  const readMany: ReadMany = async (wanted) => {
    const located = wanted.map((tensor) => locatedOf.get(tensor) as LocatedEntry);
    const read = await readEntries(located);
    return new Map(wanted.map((tensor, i) => [tensor, read.get(located[i]) as Tensor]));
  };
  const value = new OrderedDict<string, never>();
  const extentOf = new Map<LazyTensor, Extent>();
  for (const located of entries) {
    const { name, shape, dtype, bytes } = located.entry;
    const info: TensorInfo = { name, shape, dtype, bytes, requiresGrad: false, sharesWith: undefined };
    const tensor = new LazyTensor(info, readMany);
    locatedOf.set(tensor, located);
    extentOf.set(tensor, located.entry);
    value.set(name, tensor as never);
  }
  if (metadata) value.attributes.set("__metadata__", new Map(metadata));
  const budget = objectBudget(name, limits);
  const tensors = [...locatedOf.keys()];
  const { maxDepth } = limits;
  return { name, format: "safetensors", fileBytes, tensors, extentOf, value, budget, maxDepth, readMany, close };
}
