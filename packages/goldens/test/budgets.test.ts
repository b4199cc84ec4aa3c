/** Budgets: kernels, plans and bytes of ResNet-18, asserted on real runs. Time belongs to the benchmarks. */

import {
  fromHost,
  init,
  manualSeed,
  memory,
  noGrad,
  resetPeak,
  resetStats,
  stats,
  type Tensor,
  tensor,
} from "@kindling/core";
import * as nn from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";
import { BASELINE } from "../../core/dist/testing/baseline.js";
import { PlanningDevice } from "../../core/dist/testing/planning-device.js";
import { workspaceBytes } from "../../core/dist/webgpu/programs.js";
import { printKernel } from "../../core/dist/webgpu/wgsl/print.js";

const images = (n: number, size: number): Tensor =>
  fromHost(
    Float32Array.from({ length: n * 3 * size * size }, (_, i) => Math.sin(i)),
    [n, 3, size, size],
  );
const labels = (n: number): Tensor =>
  fromHost(
    Int32Array.from({ length: n }, (_, i) => (37 * i) % 1000),
    [n],
  );

describe.each(["cpu", "webgpu"] as const)("ResNet-18 on %s", { timeout: 300_000 }, (device) => {
  /** Counts do not depend on it, and adapters in software are slow. */
  const batch = device === "cpu" ? 8 : 2;

  beforeAll(async () => {
    await init({ device });
    manualSeed(0);
  });

  it("evaluates in at most 30 kernels, batch norm and activations in the convolutions' epilogues", async () => {
    const model = models.resnet18().eval();
    await noGrad(() => model.call(images(1, 64))).data();
    resetStats();
    await noGrad(() => model.call(images(1, 64))).data();
    expect(stats().dispatches).toBeLessThanOrEqual(30);
    expect(stats().byOp.conv2d).toBe(20);
    expect(stats().submits).toBe(1);
  });

  it("trains in at most 260 kernels and one submit a step, compiles nothing from the third step on", async () => {
    const model = models.resnet18();
    const sgd = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    for (let i = 0; i < 5; i++) {
      if (i >= 2) resetStats();
      sgd.zeroGrad();
      nn.functional.crossEntropy(model.call(images(batch, 64)), labels(batch)).backward();
      await sgd.step();
      if (i < 2) continue;
      const s = stats();
      expect(s.dispatches).toBeLessThanOrEqual(260);
      expect(s.submits).toBe(1);
      expect(s.plansBuilt).toBe(0);
      expect(s.kernelsCompiled).toBe(0);
    }
  });

  it("updates all parameters in at most 4 kernels, also where the loss was read in between", async () => {
    const model = models.resnet18();
    const sgd = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    for (let i = 0; i < 4; i++) {
      sgd.zeroGrad();
      const loss = nn.functional.crossEntropy(model.call(images(2, 64)), labels(2));
      loss.backward();
      await loss.item();
      resetStats();
      await sgd.step();
      if (i > 0) expect(stats().dispatches).toBeLessThanOrEqual(4);
    }
  });

  it("launches no gradient kernel of frozen layers", async () => {
    const model = models.resnet18();
    model.requiresGrad_(false);
    model.fc = new nn.Linear(512, 4);
    const sgd = new SGD(
      model.parameters().filter((p) => p.requiresGrad),
      { lr: 0.01, momentum: 0.9 },
    );
    for (let i = 0; i < 2; i++) {
      resetStats();
      sgd.zeroGrad();
      nn.functional.crossEntropy(model.call(images(2, 64)), tensor([0, 3], { dtype: "int32" })).backward();
      await sgd.step();
      expect(stats().byOp.conv2d).toBe(20);
      expect(stats().byOp.conv2dInputGrad ?? 0).toBe(0);
      expect(stats().byOp.conv2dWeightGrad ?? 0).toBe(0);
    }
  });
});

/** Training steps at 224×224, batch 8: the first, which moves the parameters into an arena, and more. */
async function* trainLarge(): AsyncGenerator<void> {
  const model = models.resnet18();
  const sgd = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  for (;;) {
    sgd.zeroGrad();
    const loss = nn.functional.crossEntropy(model.call(images(8, 224)), labels(8));
    loss.backward();
    await sgd.step();
    expect(Number.isFinite(await loss.item())).toBe(true);
    yield;
  }
}

describe("a training step of ResNet-18 at 224×224, batch 8, everything counted, takes", () => {
  it("on cpu at most 330 MB at first and 290 MB from then on", async () => {
    await init({ device: "cpu" });
    resetPeak();
    const steps = trainLarge();
    await steps.next();
    expect(memory().peak).toBeLessThanOrEqual(330e6);
    resetPeak();
    await steps.next();
    expect(memory().peak).toBeLessThanOrEqual(290e6);
  }, 180_000);

  it("on webgpu at most 330 MB, by its plans", async () => {
    const device = new PlanningDevice(4);
    await init({ device });
    const steps = trainLarge();
    for (let i = 0; i < 2; i++) await steps.next();
    const workspace = Math.max(...device.plans.map((plan) => workspaceBytes(plan, printKernel, BASELINE)));
    expect(workspace).toBeGreaterThan(90e6);
    expect(device.memory().peak + workspace).toBeLessThanOrEqual(330e6);
  });
});
