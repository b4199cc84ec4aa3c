/** Initialisers: the distributions that they draw from, and torch's defaults of the layers. */

import { empty, manualSeed, init as start, type Tensor } from "@kindling/core";
import { Conv2d, init, Linear, MultiheadAttention } from "@kindling/nn";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => start({ threads: 1 }));

async function summary(t: Tensor): Promise<{ mean: number; std: number; min: number; max: number }> {
  const values = Array.from(await t.data(), Number);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return { mean, std, min: Math.min(...values), max: Math.max(...values) };
}

describe("initialisers", () => {
  it("Kaiming and Xavier have the spread of their fans", async () => {
    manualSeed(0);
    const shape = [64, 32, 3, 3];
    const [fanIn, fanOut] = [32 * 9, 64 * 9];
    const cases: [Tensor, number][] = [
      [init.kaimingNormal_(empty(shape), { mode: "fan_out", nonlinearity: "relu" }), Math.sqrt(2 / fanOut)],
      [init.kaimingUniform_(empty(shape), { a: Math.sqrt(5) }), Math.sqrt(1 / 3 / fanIn)],
      [init.xavierUniform_(empty(shape)), Math.sqrt(2 / (fanIn + fanOut))],
      [init.xavierNormal_(empty(shape), 2), 2 * Math.sqrt(2 / (fanIn + fanOut))],
    ];
    for (const [t, std] of cases) {
      const got = await summary(t);
      expect(got.std / std).toBeGreaterThan(0.97);
      expect(got.std / std).toBeLessThan(1.03);
      expect(Math.abs(got.mean)).toBeLessThan(0.03 * std);
    }
    const uniform = await summary(cases[1][0]);
    expect(uniform.max).toBeLessThanOrEqual(1 / Math.sqrt(fanIn));
    expect(uniform.max).toBeGreaterThan(0.99 / Math.sqrt(fanIn));
  });

  it("truncNormal_ stays within its limits and has the truncated spread", async () => {
    manualSeed(1);
    const { mean, std, min, max } = await summary(init.truncNormal_(empty([40_000]), 1, 0.5, 0, 2));
    expect(min).toBeGreaterThanOrEqual(0);
    expect(max).toBeLessThanOrEqual(2);
    expect(mean).toBeCloseTo(1, 1);
    // A standard normal cut at two deviations has deviation 0.8796.
    expect(std / 0.5).toBeGreaterThan(0.865);
    expect(std / 0.5).toBeLessThan(0.895);
  });

  it("give the same numbers for the same seed, others for another", async () => {
    const draw = async (seed: number): Promise<number[]> => {
      manualSeed(seed);
      return Array.from(await new Linear(4, 4).weight.data(), Number);
    };
    expect(await draw(3)).toEqual(await draw(3));
    expect(await draw(3)).not.toEqual(await draw(4));
  });

  it("write constants, identities and Dirac kernels", async () => {
    expect(await init.eye_(empty([2, 3])).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    const dirac = await init.dirac_(empty([2, 2, 1, 3])).toArray();
    expect(dirac).toEqual([
      [[[0, 1, 0]], [[0, 0, 0]]],
      [[[0, 0, 0]], [[0, 1, 0]]],
    ]);
    expect(await init.constant_(empty([2]), 3).toArray()).toEqual([3, 3]);
    expect(() => init.kaimingNormal_(empty([3]))).toThrow(/need two dimensions or more; the tensor is \[3\]/);
  });
});

describe("defaults of the layers", () => {
  it("are torch's: uniform within 1 / √fanIn", async () => {
    manualSeed(2);
    const conv = new Conv2d(16, 64, 3, { groups: 2 });
    const linear = new Linear(256, 128);
    for (const [t, fanIn] of [
      [conv.weight, 72],
      [conv.bias!, 72],
      [linear.weight, 256],
      [linear.bias!, 256],
    ] as const) {
      const { min, max } = await summary(t);
      const bound = 1 / Math.sqrt(fanIn);
      expect(max).toBeLessThanOrEqual(bound);
      expect(min).toBeGreaterThanOrEqual(-bound);
      expect(max).toBeGreaterThan(0.85 * bound);
    }
    const attention = new MultiheadAttention(8, 2);
    expect(await attention.in_proj_bias!.abs().sum().item()).toBe(0);
    expect(await attention.out_proj.bias!.abs().sum().item()).toBe(0);
  });
});
