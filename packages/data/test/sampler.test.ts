/** Samplers: which indices an epoch has, and in what order. */

import { ArgumentError } from "@kindling/core";
import {
  BatchSampler,
  RandomSampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from "@kindling/data";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const context = { seed: 1, epoch: 0 };
const ascending = (values: Iterable<number>) => [...values].sort((a, b) => a - b);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

describe("samplers", () => {
  it("visit every index once an epoch, in an order that depends on seed and epoch only", () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(), fc.nat(1000), (length, seed, epoch) => {
        const sampler = new RandomSampler({ length });
        const order = [...sampler.indices({ seed, epoch })];
        expect(ascending(order)).toEqual(range(length));
        expect([...new RandomSampler({ length }).indices({ seed, epoch })]).toEqual(order);
        expect([...new SequentialSampler({ length }).indices()]).toEqual(range(length));
      }),
    );
    const sampler = new RandomSampler({ length: 50 });
    expect([...sampler.indices({ seed: 1, epoch: 0 })]).not.toEqual([...sampler.indices({ seed: 1, epoch: 1 })]);
    expect([...sampler.indices({ seed: 1, epoch: 0 })]).not.toEqual([...sampler.indices({ seed: 2, epoch: 0 })]);
  });

  it("draw with replacement as often as asked", () => {
    const drawn = [...new RandomSampler({ length: 3 }, { replacement: true, numSamples: 300 }).indices(context)];
    expect(drawn.length).toBe(300);
    expect(new Set(drawn)).toEqual(new Set([0, 1, 2]));
    expect(() => new RandomSampler({ length: 3 }, { numSamples: 4 })).toThrow(/without replacement only 3/);
  });

  it("visit the chosen indices only", () => {
    const chosen = [4, 7, 9, 11];
    const order = [...new SubsetRandomSampler(chosen).indices(context)];
    expect(ascending(order)).toEqual(chosen);
  });

  it("draw in proportion to weights, and never what weighs nothing", () => {
    const drawn = [...new WeightedRandomSampler([1, 0, 3], 8000).indices(context)];
    const share = drawn.filter((index) => index === 2).length / drawn.length;
    expect(drawn).not.toContain(1);
    expect(Math.abs(share - 0.75)).toBeLessThan(0.02);
    const once = [...new WeightedRandomSampler([1, 0, 3, 5], 3, { replacement: false }).indices(context)];
    expect(ascending(once)).toEqual([0, 2, 3]);
  });

  it("prefer heavy weights without replacement too", () => {
    let first = 0;
    for (let seed = 0; seed < 4000; seed++) {
      const [index] = new WeightedRandomSampler([1, 3], 1, { replacement: false }).indices({ seed, epoch: 0 });
      first += index;
    }
    expect(Math.abs(first / 4000 - 0.75)).toBeLessThan(0.03);
  });

  it("refuse weights that are none", () => {
    expect(() => new WeightedRandomSampler([1, -1], 1)).toThrow(ArgumentError);
    expect(() => new WeightedRandomSampler([0, 0], 1)).toThrow(/every weight is 0/);
    expect(() => new WeightedRandomSampler([1, 0], 2, { replacement: false })).toThrow(/only the 1 items/);
  });
});

describe("BatchSampler", () => {
  it("cuts the order into batches and leaves out a last one that is not full if asked", () => {
    fc.assert(
      fc.property(fc.nat(60), fc.integer({ min: 1, max: 20 }), fc.boolean(), (length, size, dropLast) => {
        const sampler = new BatchSampler(new SequentialSampler({ length }), size, dropLast);
        const batches = [...sampler.batches(context)];
        const kept = dropLast ? length - (length % size) : length;
        expect(batches.flat()).toEqual(range(kept));
        expect(batches.length).toBe(sampler.length);
        for (const batch of batches.slice(0, -1)) expect(batch.length).toBe(size);
      }),
    );
    expect(() => new BatchSampler(new SequentialSampler({ length: 3 }), 0)).toThrow(/batchSize is 0/);
  });
});
