/**
 * Samplers: in which order, and how often, the items of a data set are visited in an epoch (torch.utils.data.sampler).
 *
 * The order is a function of (seed, epoch) alone, so a run can be repeated, or resumed at any epoch.
 */

import { ArgumentError } from "@kindling/core";
import { Rng } from "./rng.js";

/** What the order of an epoch may depend on. */
export interface EpochContext {
  readonly seed: number;
  readonly epoch: number;
}

/** Visits indices one by one. */
export interface Sampler {
  /** Indices an epoch has. */
  readonly length: number;
  indices(context: EpochContext): Iterable<number>;
}

/** Visits indices in groups, one group a batch. */
export interface BatchOrder {
  /** Batches an epoch has. */
  readonly length: number;
  batches(context: EpochContext): Iterable<readonly number[]>;
}

/** The stream of random numbers that orders draw from; augmentation draws from stream 0. */
export const ORDER_STREAM = 1;

const orderRng = ({ seed, epoch }: EpochContext): Rng => new Rng(seed, { epoch, stream: ORDER_STREAM });

function count(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ArgumentError(`${name} is ${value}; expected a whole number, 0 or more`);
  }
  return value;
}

/** 0, 1, 2 … in order. */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(source: { readonly length: number }) {
    this.length = count(source.length, "the length of the data set");
  }

  *indices(): Iterable<number> {
    for (let index = 0; index < this.length; index++) yield index;
  }
}

/** Every index once in random order, or `numSamples` draws with replacement. */
export class RandomSampler implements Sampler {
  readonly length: number;
  readonly #size: number;
  readonly #replacement: boolean;

  constructor(source: { readonly length: number }, options: { replacement?: boolean; numSamples?: number } = {}) {
    this.#size = count(source.length, "the length of the data set");
    this.#replacement = options.replacement ?? false;
    this.length = count(options.numSamples ?? this.#size, "numSamples");
    if (this.length > 0 && this.#size === 0) throw new ArgumentError("cannot draw from an empty data set");
    if (!this.#replacement && this.length > this.#size) {
      throw new ArgumentError(
        `numSamples is ${this.length}, but without replacement only ${this.#size} items can be drawn; set replacement: true`,
      );
    }
  }

  *indices(context: EpochContext): Iterable<number> {
    const rng = orderRng(context);
    if (this.#replacement) {
      for (let i = 0; i < this.length; i++) yield rng.int(this.#size);
    } else {
      yield* rng.permutation(this.#size).slice(0, this.length);
    }
  }
}

/** The given indices, each once, in random order. */
export class SubsetRandomSampler implements Sampler {
  readonly #chosen: readonly number[];

  constructor(indices: Iterable<number>) {
    this.#chosen = [...indices];
  }

  get length(): number {
    return this.#chosen.length;
  }

  *indices(context: EpochContext): Iterable<number> {
    for (const position of orderRng(context).permutation(this.#chosen.length)) yield this.#chosen[position];
  }
}

/**
 * Index i with a probability in proportion to `weights[i]`; for classes of unequal size.
 * Without replacement, an index that was drawn is not drawn again in that epoch.
 */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly #weights: Float64Array;
  readonly #replacement: boolean;

  constructor(weights: Iterable<number>, numSamples: number, options: { replacement?: boolean } = {}) {
    this.#weights = Float64Array.from(weights);
    this.#replacement = options.replacement ?? true;
    this.length = count(numSamples, "numSamples");
    const bad = this.#weights.findIndex((weight) => !(weight >= 0 && Number.isFinite(weight)));
    if (bad >= 0) {
      throw new ArgumentError(`weight ${bad} is ${this.#weights[bad]}; expected a finite number, 0 or more`);
    }
    const drawable = this.#weights.reduce((n, weight) => n + (weight > 0 ? 1 : 0), 0);
    if (this.length > 0 && drawable === 0) throw new ArgumentError("every weight is 0; expected at least one above 0");
    if (!this.#replacement && this.length > drawable) {
      throw new ArgumentError(
        `numSamples is ${this.length}, but without replacement only the ${drawable} items with a weight above 0 can be drawn`,
      );
    }
  }

  *indices(context: EpochContext): Iterable<number> {
    const rng = orderRng(context);
    if (this.#replacement) {
      const cumulative = cumulate(this.#weights);
      for (let i = 0; i < this.length; i++) yield search(cumulative, rng.uniform(0, cumulative[cumulative.length - 1]));
      return;
    }
    // Efraimidis and Spirakis (2006): the largest u^(1/w) are a weighted sample without replacement.
    const keys = this.#weights.map((weight) => {
      const draw = 1 - rng.uniform();
      return weight > 0 ? Math.log(draw) / weight : Number.NEGATIVE_INFINITY;
    });
    const order = Array.from(keys, (_, index) => index).sort((a, b) =>
      keys[a] === keys[b] ? a - b : keys[b] - keys[a],
    );
    yield* order.slice(0, this.length);
  }
}

function cumulate(weights: Float64Array): Float64Array {
  let sum = 0;
  return weights.map((weight) => (sum += weight));
}

/** The first position whose cumulative weight exceeds `value`. */
function search(cumulative: Float64Array, value: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Groups the indices of a sampler into batches; `dropLast` leaves out a last batch that is not full. */
export class BatchSampler implements BatchOrder {
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, dropLast = false) {
    if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
      throw new ArgumentError(`batchSize is ${batchSize}; expected a whole number, 1 or more`);
    }
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }

  get length(): number {
    const full = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(full) : Math.ceil(full);
  }

  *batches(context: EpochContext): Iterable<readonly number[]> {
    let batch: number[] = [];
    for (const index of this.sampler.indices(context)) {
      batch.push(index);
      if (batch.length === this.batchSize) {
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}
