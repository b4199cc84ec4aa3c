/** Philox against the known answers of Random123, and what the generator promises. */

import { philox4x32, Rng } from "@kindling/data";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const seeds = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const words = fc.integer({ min: 0, max: 0xffffffff });
const draws = (rng: Rng, count: number) => Array.from({ length: count }, () => rng.uint32());

describe("philox4x32", () => {
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)("gives the published answer for counter %j, key %j", (counter, key, want) => {
    expect(philox4x32(counter, key)).toEqual(want);
  });
});

describe("Rng", () => {
  it("is a function of seed, epoch, index and stream, and differs when one of them does", () => {
    fc.assert(
      fc.property(seeds, words, words, words, (seed, epoch, index, stream) => {
        const first = draws(new Rng(seed, { epoch, index, stream }), 6);
        expect(draws(new Rng(seed, { epoch, index, stream }), 6)).toEqual(first);
        expect(draws(new Rng(seed, { epoch: epoch ^ 1, index, stream }), 6)).not.toEqual(first);
        expect(draws(new Rng(seed, { epoch, index: index ^ 1, stream }), 6)).not.toEqual(first);
        expect(draws(new Rng(seed, { epoch, index, stream: stream ^ 1 }), 6)).not.toEqual(first);
        expect(draws(new Rng(seed === 0 ? 1 : -seed, { epoch, index, stream }), 6)).not.toEqual(first);
      }),
    );
  });

  it("draws uniform numbers within the range, with the right mean and spread", () => {
    const rng = new Rng(3);
    const values = Array.from({ length: 20_000 }, () => rng.uniform(2, 6));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...values)).toBeLessThan(6);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean - 4)).toBeLessThan(0.04);
    expect(Math.abs(variance - 16 / 12)).toBeLessThan(0.04);
  });

  it("draws normal numbers of mean 0 and variance 1", () => {
    const rng = new Rng(4);
    const values = Array.from({ length: 20_000 }, () => rng.normal());
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + b * b, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  it("permutes: every integer once, every place equally likely", () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 0, max: 200 }), (seed, n) => {
        const sorted = new Rng(seed).permutation(n).sort((a, b) => a - b);
        expect(sorted).toEqual(Array.from({ length: n }, (_, i) => i));
      }),
    );
    const counts = new Array(5).fill(0);
    for (let seed = 0; seed < 5000; seed++) counts[new Rng(seed).permutation(5).indexOf(0)]++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(130);
  });
});
