/** Models in use: new heads, images of all sizes, dilation, dropout. */

import { init, noGrad, ones, randn, resetStats, stats, type Tensor, tensor } from "@kindling/core";
import { functional, Linear } from "@kindling/nn";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init());

const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);

describe("in use", () => {
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
    const options = { replaceStrideWithDilation: [false, true, true] } as const;
    const model = new models.ResNet(models.Bottleneck, [1, 1, 1, 1], options).eval();
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

  it("DenseNet drops what a layer adds, in training", async () => {
    const model = new models.DenseNet(4, [1], 8, { numClasses: 2, dropRate: 1 });
    const added: Tensor[] = [];
    model
      .getSubmodule("features.denseblock1.denselayer1")
      .registerForwardHook((_m, _i, y) => void added.push(y as Tensor));
    const x = randn([2, 3, 32, 32]);
    noGrad(() => model.call(x));
    noGrad(() => model.eval().call(x));
    expect(await added[0].abs().sum().item()).toBe(0);
    expect(await added[1].abs().sum().item()).toBeGreaterThan(0);
  });
});
