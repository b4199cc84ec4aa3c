/** Looking at a model (its summary, its nodes) computes nothing, holds nothing and changes nothing. */

import { flush, init, memory, noGrad, randn, resetStats, stats } from "@kindling/core";
import { models } from "@kindling/vision";
import { expect, it } from "vitest";

it("computes nothing, now or later", async () => {
  await init({ device: "cpu" });
  const model = models.shufflenet_v2_x0_5();
  await flush();
  resetStats();
  const before = memory();
  models.summary(model, [8, 3, 224, 224]);
  models.getGraphNodeNames(model);
  models.createFeatureExtractor(model, ["stage3"]);
  await flush();
  expect(stats()).toMatchObject({ dispatches: 0, submits: 0, plansBuilt: 0 });
  expect(memory()).toEqual(before);
});

it("leaves a model as it was: modes, statistics and forward", () => {
  const model = models.shufflenet_v2_x0_5();
  model.stage2.eval();
  const modes = model.modules().map(({ training }) => training);
  models.summary(model, [1, 3, 64, 64]);
  expect(model.modules().map(({ training }) => training)).toEqual(modes);
  expect(model.stateDict().get("conv1.1.num_batches_tracked")!.hostData()).toEqual(BigInt64Array.of(0n));
  expect(model.modules().some((module) => Object.hasOwn(module, "forward"))).toBe(false);
  expect(() => models.summary(model, [1, 1, 64, 64])).toThrow(/1 channels/);
  expect(model.modules().map(({ training }) => training)).toEqual(modes);
  expect(noGrad(() => model.call(randn([2, 3, 64, 64]))).shape).toEqual([2, 1000]);
});
