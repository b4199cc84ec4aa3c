/**
 * The DataLoader: batches of a data set, loaded ahead of the loop that consumes them (torch.utils.data.DataLoader).
 */

import { ArgumentError } from "@kindling/core";
import { type Collated, defaultCollate } from "./collate.js";
import type { Dataset, SampleContext } from "./dataset.js";
import { DataError } from "./errors.js";
import { Rng } from "./rng.js";
import { type BatchOrder, BatchSampler, RandomSampler, type Sampler, SequentialSampler } from "./sampler.js";

export interface DataLoaderOptions<T, B> {
  /** Items in a batch; 1 by default. */
  readonly batchSize?: number;
  /** Visit the items in a new random order each epoch. */
  readonly shuffle?: boolean;
  /** The order of the items; excludes `shuffle`. */
  readonly sampler?: Sampler;
  /** The items of each batch; excludes `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  readonly batchSampler?: BatchOrder;
  /** Leave out a last batch that is not full. */
  readonly dropLast?: boolean;
  /** With the epoch, decides the order and the augmentation; 0 by default. */
  readonly seed?: number;
  /**
   * Items being loaded at the same time. Reading and decoding files runs beside the main thread, on the pool of
   * threads of the platform; transforms, which may be closures, run on the main thread. 0 (the default): one by one,
   * and only when a batch is asked for.
   */
  readonly numWorkers?: number;
  /** Batches made ready ahead of the consumer; by default 2 with workers, else 0. */
  readonly prefetch?: number;
  /** Makes a batch of the samples; `defaultCollate` by default. */
  readonly collate?: (samples: T[]) => B | Promise<B>;
}

/** The batches of one epoch. `return()`, a `break` out of the loop, or `await using` stops loading. */
export interface BatchIterator<B> extends AsyncIterableIterator<B>, AsyncDisposable {
  return(): Promise<IteratorResult<B>>;
}

/**
 * Batches of a data set, for `for await (const batch of loader)`.
 *
 * Each loop is one epoch and gets the next epoch number (`setEpoch` chooses it). Order and augmentation depend on
 * (seed, epoch, index) only, not on the number of workers. An item that fails raises a `DataError` that names its index,
 * at the batch that it belongs to.
 */
export class DataLoader<T, B = Collated<T>> implements AsyncIterable<B> {
  readonly dataset: Dataset<T>;
  readonly seed: number;
  readonly numWorkers: number;
  readonly prefetch: number;
  readonly #order: BatchOrder;
  readonly #collate: (samples: T[]) => B | Promise<B>;
  #epoch = 0;

  constructor(dataset: Dataset<T>, options: DataLoaderOptions<T, B> = {}) {
    this.dataset = dataset;
    this.seed = options.seed ?? 0;
    this.numWorkers = wholeNumber(options.numWorkers ?? 0, "numWorkers");
    this.prefetch = wholeNumber(options.prefetch ?? (this.numWorkers > 0 ? 2 : 0), "prefetch");
    this.#order = batchOrder(dataset, options);
    this.#collate = options.collate ?? ((samples) => defaultCollate(samples) as B);
  }

  /** Batches in an epoch. */
  get length(): number {
    return this.#order.length;
  }

  /** The number that the next epoch gets. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Lets the next loop be epoch `epoch`, for example to resume a run. */
  setEpoch(epoch: number): void {
    this.#epoch = wholeNumber(epoch, "epoch");
  }

  [Symbol.asyncIterator](): BatchIterator<B> {
    const epoch = this.#epoch++;
    const slots = new Slots(Math.max(1, this.numWorkers));
    const batches = this.#order.batches({ seed: this.seed, epoch })[Symbol.iterator]();
    const ahead: Promise<B>[] = [];
    let stopped = false;

    const loadItem = async (index: number): Promise<T | undefined> => {
      await slots.acquire();
      try {
        return stopped ? undefined : await this.#item(index, epoch);
      } finally {
        slots.release();
      }
    };
    const loadBatch = async (indices: readonly number[]): Promise<B> => {
      const results = await Promise.allSettled(indices.map(loadItem));
      const failed = results.find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
      if (stopped) throw new DataError("loading was stopped");
      return this.#collate(results.map((result) => (result as PromiseFulfilledResult<T>).value));
    };
    const fill = (depth: number): void => {
      while (!stopped && ahead.length < depth) {
        const step = batches.next();
        if (step.done) return;
        const batch = loadBatch(step.value);
        // A failure is reported when its turn comes; until then it must not count as unhandled.
        batch.catch(() => {});
        ahead.push(batch);
      }
    };
    const stop = async (): Promise<IteratorResult<B>> => {
      stopped = true;
      batches.return?.();
      await Promise.allSettled(ahead.splice(0));
      return { done: true, value: undefined };
    };
    return {
      next: async () => {
        if (stopped) return { done: true, value: undefined };
        fill(1 + this.prefetch);
        const batch = ahead.shift();
        if (!batch) return stop();
        await turn();
        try {
          const value = await batch;
          fill(this.prefetch);
          return { done: false, value };
        } catch (error) {
          if (stopped) return { done: true, value: undefined };
          await stop();
          throw error;
        }
      },
      return: stop,
      [Symbol.asyncIterator]() {
        return this;
      },
      async [Symbol.asyncDispose]() {
        await stop();
      },
    };
  }

  async #item(index: number, epoch: number): Promise<T> {
    const context: SampleContext = { epoch, index, rng: new Rng(this.seed, { epoch, index }) };
    try {
      return await this.dataset.get(index, context);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DataError(`item ${index} of the data set cannot be loaded: ${reason}`, { cause, index });
    }
  }
}

function wholeNumber(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ArgumentError(`${name} is ${value}; expected a whole number, 0 or more`);
  }
  return value;
}

function batchOrder<T, B>(dataset: Dataset<T>, options: DataLoaderOptions<T, B>): BatchOrder {
  const { batchSampler, sampler, shuffle, batchSize, dropLast } = options;
  if (batchSampler) {
    if (sampler || shuffle || batchSize !== undefined || dropLast) {
      throw new ArgumentError(
        "batchSampler decides the batches; give no batchSize, shuffle, sampler or dropLast beside it",
      );
    }
    return batchSampler;
  }
  if (sampler && shuffle) throw new ArgumentError("sampler decides the order; give no shuffle beside it");
  const order = sampler ?? (shuffle ? new RandomSampler(dataset) : new SequentialSampler(dataset));
  return new BatchSampler(order, batchSize ?? 1, dropLast);
}

/** Lets the event loop turn once, so that signals, timers and finalizers run even if every item is there already. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** A fixed number of places; who finds none free waits in line. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async acquire(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
