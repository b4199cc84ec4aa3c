/** The building blocks of vision models: what they compute, and how they are printed. */

import { init, noGrad, ones, randn, type Tensor } from "@kindling/core";
import { BatchNorm2d, LayerNorm } from "@kindling/nn";
import { models, ops } from "@kindling/vision";
import { beforeAll, expect, it } from "vitest";

beforeAll(() => init());

const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);
const largestDifference = (a: Tensor, b: Tensor): Promise<number> => a.sub(b).abs().amax().item();

it("FrozenBatchNorm2d is a batch norm in evaluation, without parameters, and takes its files", async () => {
  const bn = new BatchNorm2d(3).eval();
  noGrad(() => {
    for (const t of [bn.weight!, bn.bias!, bn.running_mean!]) t.normal_();
    bn.running_var!.uniform_(0.5, 2);
  });
  const frozen = new ops.FrozenBatchNorm2d(3);
  frozen.loadStateDict(bn.stateDict());
  expect(frozen.parameters()).toEqual([]);
  const x = randn([2, 3, 4, 4]);
  expect(await largestDifference(frozen.train().call(x), bn.call(x))).toBeLessThan(1e-5);
});

it("LayerNorm2d is LayerNorm over the channels", async () => {
  const images = new models.LayerNorm2d(6);
  noGrad(() => {
    for (const p of images.parameters()) p.normal_();
  });
  const rows = new LayerNorm(6);
  rows.loadStateDict(images.stateDict());
  const x = randn([2, 6, 3, 4]);
  const want = rows.call(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
  expect(await largestDifference(images.call(x), want)).toBe(0);
});

it("StochasticDepth drops rows or the batch, and nothing in evaluation", async () => {
  const rows = await numbers(new ops.StochasticDepth(0.5, "row").call(ones([64, 3])));
  const kept = Array.from({ length: 64 }, (_, i) => new Set(rows.slice(3 * i, 3 * i + 3)));
  expect(kept.every((values) => values.size === 1)).toBe(true);
  expect(new Set(rows)).toEqual(new Set([0, 2]));
  const batch = await numbers(new ops.StochasticDepth(0.5, "batch").call(ones([64, 3])));
  expect(new Set(batch).size).toBe(1);
  const x = ones([2]);
  expect(new ops.StochasticDepth(0.5, "row").eval().call(x)).toBe(x);
  expect(() => ops.stochasticDepth(x, { p: 2, mode: "row" })).toThrow(/probability is 2/);
});

it("SqueezeExcitation scales channels by what it makes of their means", async () => {
  const se = new ops.SqueezeExcitation(4, 2);
  noGrad(() => {
    for (const p of se.parameters()) p.zero_();
  });
  const y = await numbers(se.call(ones([1, 4, 2, 2])));
  expect(new Set(y)).toEqual(new Set([0.5]));
});

it("Conv2dNormActivation keeps the size of kernels that are not square", () => {
  const x = randn([1, 2, 9, 10]);
  const block = new ops.Conv2dNormActivation(2, 4, { kernelSize: [1, 5], dilation: [1, 2], inplace: false });
  expect(block.call(x).shape).toEqual([1, 4, 9, 10]);
  expect(`${block.at(0)}`).toContain("padding=(0, 4), dilation=(1, 2)");
  expect(`${block.at(2)}`).toBe("ReLU()");
});

it("MLP normalises its hidden layers, and needs no bias", () => {
  const mlp = new ops.MLP(4, [8, 6, 2], { normLayer: (c) => new LayerNorm(c), bias: false, dropout: 0.5 });
  const kinds = [...mlp].map((layer) => layer.typeName);
  const hidden = ["Linear", "LayerNorm", "ReLU", "Dropout"];
  expect(kinds).toEqual([...hidden, ...hidden, "Linear", "Dropout"]);
  expect(mlp.stateDict().has("0.bias")).toBe(false);
  expect(`${mlp.at(3)}`).toBe("Dropout(p=0.5, inplace=True)");
  expect(mlp.call(randn([3, 5, 4])).shape).toEqual([3, 5, 2]);
});

it("Permute reorders dimensions", () => {
  expect(new ops.Permute([0, 2, 3, 1]).call(randn([1, 2, 3, 4])).shape).toEqual([1, 3, 4, 2]);
});

it("are printed with floats as torch prints them", () => {
  expect(`${new ops.StochasticDepth(0, "row")}`).toBe("StochasticDepth(p=0.0, mode=row)");
  expect(`${new ops.FrozenBatchNorm2d(4)}`).toBe("FrozenBatchNorm2d(4, eps=1e-05)");
});
