/**
 * Data sets: a length, and an item for each index (torch.utils.data.Dataset).
 */

import { ArgumentError, dtypeInfo, fromHost, type Tensor } from "@kindling/core";
import { Rng } from "./rng.js";

/** Who is loading an item, and with what randomness. */
export interface SampleContext {
  /** The pass over the data, from 0. */
  readonly epoch: number;
  /** The index that the loader asked for; the same through `Subset` and `ConcatDataset`. */
  readonly index: number;
  /** Random numbers that depend on (seed, epoch, index) only. */
  readonly rng: Rng;
}

/** The context of a sample loaded by hand: epoch 0 and numbers drawn from `seed`, which is random by default. */
export function sampleContext(index = 0, epoch = 0, seed = Math.floor(Math.random() * 2 ** 32)): SampleContext {
  return { epoch, index, rng: new Rng(seed, { epoch, index }) };
}

/** A data set with known length. `get` may be asynchronous, and is called with 0 ≤ index < length. */
export interface Dataset<T> {
  readonly length: number;
  get(index: number, context?: SampleContext): T | Promise<T>;
}

function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new ArgumentError(`index ${index} is outside the data set of ${length} items`);
  }
}

/** Item i is row i of each tensor. All tensors have the same size in dimension 0. */
export class TensorDataset implements Dataset<Tensor[]> {
  readonly tensors: readonly Tensor[];
  readonly length: number;

  constructor(...tensors: Tensor[]) {
    if (tensors.length === 0) throw new ArgumentError("TensorDataset got no tensor; expected one or more");
    const sizes = tensors.map((tensor) => tensor.shape[0]);
    if (sizes.some((size) => size === undefined || size !== sizes[0])) {
      const shapes = tensors.map((tensor) => `[${tensor.shape.join(", ")}]`).join(", ");
      throw new ArgumentError(`TensorDataset got shapes ${shapes}; expected the same size in dimension 0`);
    }
    this.tensors = tensors;
    this.length = sizes[0];
  }

  get(index: number): Tensor[] {
    checkIndex(index, this.length);
    return this.tensors.map((tensor) => row(tensor, index));
  }
}

/** Row `index` of a tensor: without a copy or a kernel where its data are on the host. */
function row(tensor: Tensor, index: number): Tensor {
  const data = tensor.hostData();
  if (!data) return tensor.select(0, index);
  const shape = tensor.shape.slice(1);
  const entries = shape.reduce((n, size) => n * size, dtypeInfo(tensor.dtype).entries);
  return fromHost(data.subarray(index * entries, (index + 1) * entries), shape, tensor.dtype);
}

/** The items of another data set at the given indices. */
export class Subset<T> implements Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: readonly number[];

  constructor(dataset: Dataset<T>, indices: Iterable<number>) {
    this.dataset = dataset;
    this.indices = [...indices];
    for (const index of this.indices) checkIndex(index, dataset.length);
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number, context?: SampleContext): T | Promise<T> {
    checkIndex(index, this.length);
    return this.dataset.get(this.indices[index], context);
  }
}

/** Several data sets one after another. */
export class ConcatDataset<T> implements Dataset<T> {
  readonly datasets: readonly Dataset<T>[];

  constructor(datasets: Iterable<Dataset<T>>) {
    this.datasets = [...datasets];
    if (this.datasets.length === 0) throw new ArgumentError("ConcatDataset got no data set; expected one or more");
  }

  get length(): number {
    return this.datasets.reduce((sum, dataset) => sum + dataset.length, 0);
  }

  get(index: number, context?: SampleContext): T | Promise<T> {
    checkIndex(index, this.length);
    let rest = index;
    for (const dataset of this.datasets) {
      if (rest < dataset.length) return dataset.get(rest, context);
      rest -= dataset.length;
    }
    throw new ArgumentError(`index ${index} is outside the data sets, whose length changed meanwhile`);
  }
}

/**
 * Splits a data set into parts without overlap, in an order drawn from `seed`.
 *
 * @param parts lengths that sum to the data set's length, or fractions that sum to 1. With fractions, items that
 *   rounding down leaves over go to the first parts, one each, as in `torch.utils.data.random_split`.
 */
export function randomSplit<T>(dataset: Dataset<T>, parts: readonly number[], seed = 0): Subset<T>[] {
  const lengths = splitLengths(dataset.length, parts);
  const order = new Rng(seed).permutation(dataset.length);
  let start = 0;
  return lengths.map((length) => new Subset(dataset, order.slice(start, (start += length))));
}

function splitLengths(total: number, parts: readonly number[]): number[] {
  const sum = parts.reduce((a, b) => a + b, 0);
  const bad = parts.length === 0 || parts.some((part) => !(part >= 0));
  if (!bad && parts.every(Number.isInteger) && sum === total) return [...parts];
  if (bad || Math.abs(sum - 1) > 1e-6) {
    throw new ArgumentError(
      `cannot split ${total} items into [${parts.join(", ")}]; expected lengths that sum to ${total}, or fractions that sum to 1`,
    );
  }
  const lengths = parts.map((part) => Math.floor(part * total + 1e-9));
  let left = total - lengths.reduce((a, b) => a + b, 0);
  for (let i = 0; left > 0; i = (i + 1) % lengths.length, left--) lengths[i]++;
  return lengths;
}
