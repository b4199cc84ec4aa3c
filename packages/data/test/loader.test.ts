/** The DataLoader: order, determinism, prefetch, failure, and leaving early. */

import { ArgumentError, fromHost, type Tensor } from "@kindling/core";
import { DataError, DataLoader, type Dataset, type SampleContext } from "@kindling/data";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const pause = (turns: number) => new Promise<void>((resolve) => setTimeout(resolve, turns));
const values = (tensor: Tensor) => Array.from(tensor.hostData()!, Number);

/** Items are [index, a random number of the sample], after a wait that differs from item to item. */
class Numbers implements Dataset<[number, number]> {
  active = 0;
  mostActive = 0;
  calls: number[] = [];

  constructor(
    readonly length: number,
    private readonly wait: (index: number) => number = (index) => (index * 7) % 3,
    private readonly bad: number[] = [],
  ) {}

  async get(index: number, context?: SampleContext): Promise<[number, number]> {
    this.calls.push(index);
    this.mostActive = Math.max(this.mostActive, ++this.active);
    try {
      if (this.wait(index) > 0) await pause(this.wait(index));
      if (this.bad.includes(index)) throw new Error(`picture ${index} is damaged`);
      return [index, context!.rng.uniform() + context!.epoch];
    } finally {
      this.active--;
    }
  }
}

async function epoch(loader: AsyncIterable<Tensor[]>): Promise<[number[], number[]][]> {
  const batches: [number[], number[]][] = [];
  for await (const [indices, randoms] of loader) batches.push([values(indices), values(randoms)]);
  return batches;
}

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(async () => {
  await pause(5);
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

describe("DataLoader", () => {
  it("gives every index once an epoch, and the same batches whatever the number of workers", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          length: fc.nat(23),
          batchSize: fc.integer({ min: 1, max: 6 }),
          seed: fc.nat(),
          numWorkers: fc.nat(5),
          prefetch: fc.nat(4),
          dropLast: fc.boolean(),
        }),
        async ({ length, batchSize, seed, numWorkers, prefetch, dropLast }) => {
          const common = { batchSize, seed, dropLast, shuffle: true };
          const plain = new DataLoader(new Numbers(length, () => 0), common);
          const parallel = new DataLoader(new Numbers(length), { ...common, numWorkers, prefetch });
          for (let pass = 0; pass < 2; pass++) {
            const want = await epoch(plain);
            expect(await epoch(parallel)).toEqual(want);
            const indices = want.flatMap(([batch]) => batch);
            expect(new Set(indices).size).toBe(dropLast ? length - (length % batchSize) : length);
            expect(indices.length).toBe(new Set(indices).size);
            expect(want.length).toBe(plain.length);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it("has a new order and new augmentation each epoch, and repeats them for the same seed", async () => {
    const loader = new DataLoader(new Numbers(12), { batchSize: 12, shuffle: true, seed: 5 });
    const [first] = await epoch(loader);
    const [second] = await epoch(loader);
    expect(second[0]).not.toEqual(first[0]);
    loader.setEpoch(0);
    expect(await epoch(loader)).toEqual([first]);
    expect(loader.epoch).toBe(1);
    const again = new DataLoader(new Numbers(12), { batchSize: 12, shuffle: true, seed: 5 });
    again.setEpoch(1);
    expect(await epoch(again)).toEqual([second]);
  });

  it("draws what depends on seed, epoch and index, not on the order of visits", async () => {
    const shuffled = new DataLoader(new Numbers(20), { batchSize: 20, shuffle: true, seed: 3, numWorkers: 4 });
    const ordered = new DataLoader(new Numbers(20), { batchSize: 20, seed: 3 });
    const [[indices, randoms]] = await epoch(shuffled);
    const [[, want]] = await epoch(ordered);
    expect(indices.map((index) => want[index])).toEqual(randoms);
  });

  it("loads at most numWorkers items at a time, and only as far ahead as prefetch says", async () => {
    const dataset = new Numbers(40, () => 1);
    const loader = new DataLoader(dataset, { batchSize: 4, numWorkers: 3, prefetch: 2 });
    let taken = 0;
    for await (const _ of loader) {
      taken++;
      await pause(12);
      expect(dataset.calls.length).toBeLessThanOrEqual((taken + 2) * 4);
    }
    expect(dataset.mostActive).toBe(3);
  });

  it("loads nothing ahead without workers", async () => {
    const dataset = new Numbers(9);
    for await (const [indices] of new DataLoader(dataset, { batchSize: 3 })) {
      await pause(3);
      expect(dataset.calls.at(-1)).toBe(values(indices).at(-1));
    }
    expect(dataset.mostActive).toBe(1);
  });

  it("lets the event loop turn, though every item is there at once", async () => {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const ready: Dataset<number> = { length: 8, get: (index) => index };
    for await (const _ of new DataLoader(ready));
    expect(turned).toBe(true);
  });

  it("lets go of the samples and batches that it gave", async () => {
    const collect = async () => {
      for (let round = 0; round < 3; round++) {
        globalThis.gc!();
        await pause(5);
      }
      return process.memoryUsage().arrayBuffers;
    };
    const dataset: Dataset<Tensor> = {
      length: 200,
      get: () => fromHost(new Float32Array(25_000), [25_000], "float32"),
    };
    const before = await collect();
    for await (const batch of new DataLoader(dataset, { batchSize: 10, numWorkers: 2 }))
      expect(batch.shape[0]).toBe(10);
    expect((await collect()) - before).toBeLessThan(2e6);
  });

  it("names the item that fails, at its batch, and stops", async () => {
    for (const numWorkers of [0, 4]) {
      const dataset = new Numbers(30, (index) => index % 2, [7]);
      const loader = new DataLoader(dataset, { batchSize: 3, numWorkers });
      let batches = 0;
      const failure = await (async () => {
        for await (const _ of loader) batches++;
      })().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(DataError);
      expect(failure).toMatchObject({
        index: 7,
        message: "item 7 of the data set cannot be loaded: picture 7 is damaged",
        cause: { message: "picture 7 is damaged" },
      });
      expect(batches).toBe(2);
      const calls = dataset.calls.length;
      await pause(5);
      expect(dataset.calls.length).toBe(calls);
    }
  });

  it("stops loading when the loop is left, though later items would fail", async () => {
    const dataset = new Numbers(60, () => 1, [9, 10, 11]);
    const loader = new DataLoader(dataset, { batchSize: 3, numWorkers: 6, prefetch: 5 });
    for await (const [indices] of loader) {
      expect(values(indices)).toEqual([0, 1, 2]);
      break;
    }
    expect(dataset.active).toBe(0);
    const calls = dataset.calls.length;
    await pause(8);
    expect(dataset.calls.length).toBe(calls);
    expect(calls).toBeLessThan(20);
  });

  it("is closed by return(), and by its disposal; then it is done", async () => {
    const dataset = new Numbers(12);
    const loader = new DataLoader(dataset, { batchSize: 3, numWorkers: 2 });
    const batches = loader[Symbol.asyncIterator]();
    expect((await batches.next()).done).toBe(false);
    await batches.return();
    expect(await batches.next()).toEqual({ done: true, value: undefined });
    const others = loader[Symbol.asyncIterator]();
    const pending = others.next();
    await others[Symbol.asyncDispose]();
    expect((await pending).done).toBe(true);
    expect(dataset.active).toBe(0);
  });

  it("takes a sampler, a batch sampler and a collate function", async () => {
    const dataset = new Numbers(6, () => 0);
    const sampler = { length: 2, indices: () => [4, 1] };
    expect((await epoch(new DataLoader(dataset, { batchSize: 2, sampler })))[0][0]).toEqual([4, 1]);
    const batchSampler = { length: 2, batches: () => [[5], [0, 1]] };
    const indices = new DataLoader(dataset, {
      batchSampler,
      collate: async (samples) => samples.map(([index]) => index),
    });
    const batches: number[][] = [];
    for await (const batch of indices) batches.push(batch);
    expect(batches).toEqual([[5], [0, 1]]);
    expect(() => new DataLoader(dataset, { batchSampler, batchSize: 2 })).toThrow(ArgumentError);
    expect(() => new DataLoader(dataset, { sampler, shuffle: true })).toThrow(/sampler decides the order/);
    expect(() => new DataLoader(dataset, { numWorkers: -1 })).toThrow(/numWorkers is -1/);
  });
});
