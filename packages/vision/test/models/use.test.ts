/** Models and building blocks in use: initial values, new heads, sizes, and what blocks compute. */

import { init, noGrad, ones, randn, resetStats, stats, type Tensor, tensor } from "@kindling/core";
import { BatchNorm2d, functional, Linear } from "@kindling/nn";
import { models, ops } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init());

const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);

describe("in use", () => {
  it("starts as torchvision does", async () => {
    const model = models.resnet18({ zeroInitResidual: true });
    const spread = async (t: Tensor): Promise<number> => t.std().item();
    expect((await spread(model.getSubmodule("layer1.0.conv1").parameters()[0])) / Math.sqrt(2 / 576)).toBeCloseTo(1, 1);
    expect(await (model.getSubmodule("layer1.0.bn2") as BatchNorm2d).weight!.abs().sum().item()).toBe(0);
    expect(await (model.getSubmodule("layer1.0.bn1") as BatchNorm2d).weight!.sum().item()).toBe(64);
    const mobile = models.mobilenet_v3_small();
    expect(await spread((mobile.classifier[3] as Linear).weight)).toBeCloseTo(0.01, 3);
  });

  it("takes a new head, and images of any size", async () => {
    const model = models.shufflenet_v2_x0_5().eval();
    model.fc = new Linear(1024, 5);
    expect(model.stateDict().get("fc.weight")!.shape).toEqual([5, 1024]);
    for (const [h, w] of [
      [64, 64],
      [33, 50],
    ])
      expect((await numbers(noGrad(() => model.call(randn([2, 3, h, w]))))).every(Number.isFinite)).toBe(true);
  });

  it("trains a new head on a frozen backbone without a gradient kernel of the backbone", async () => {
    const model = models.shufflenet_v2_x0_5();
    model.requiresGrad_(false);
    model.fc = new Linear(1024, 3);
    const x = randn([4, 3, 32, 32]);
    const labels = tensor([0, 1, 2, 0], { dtype: "int32" });
    const frozen = await numbers(model.conv1.parameters()[0]);
    const losses: number[] = [];
    for (let i = 0; i < 4; i++) {
      resetStats();
      model.zeroGrad();
      const loss = functional.crossEntropy(model.call(x), labels);
      loss.backward();
      noGrad(() => {
        for (const p of model.parameters()) if (p.grad) p.sub_(p.grad.mul(0.1));
      });
      losses.push(await loss.item());
    }
    expect(losses[3]).toBeLessThan(losses[0]);
    expect(Object.keys(stats().byOp).sort()).toEqual(["conv2d", "loop", "matmul"]);
    expect(await numbers(model.conv1.parameters()[0])).toEqual(frozen);
    expect(model.parameters().filter((p) => p.grad)).toHaveLength(2);
  });

  it("dilation keeps the feature map large", () => {
    const model = models.resnet50({ replaceStrideWithDilation: [false, true, true] }).eval();
    const shapes: (readonly number[])[] = [];
    for (const stage of [model.layer2, model.layer3, model.layer4])
      stage.registerForwardHook((_m, _i, y) => void shapes.push(y.shape));
    noGrad(() => model.call(ones([1, 3, 64, 64])));
    expect(shapes).toEqual([
      [1, 512, 8, 8],
      [1, 1024, 8, 8],
      [1, 2048, 8, 8],
    ]);
  });
});

describe("building blocks", () => {
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
    const difference = frozen.train().call(x).sub(bn.call(x)).abs().amax();
    expect(await difference.item()).toBeLessThan(1e-5);
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
});
