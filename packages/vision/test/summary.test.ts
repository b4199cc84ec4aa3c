/**
 * Summaries against numbers that torchvision and torchinfo publish, against what `feature-extraction.py` counted in torch,
 * and against counts done by hand.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { ShapeError, type Tensor } from "@kindling/core";
import {
  Conv2d,
  ConvTranspose2d,
  Dropout,
  type Layer,
  Linear,
  Module,
  MultiheadAttention,
  Sequential,
} from "@kindling/nn";
import { models } from "@kindling/vision";
import { describe, expect, it } from "vitest";

const image = (side = 224): number[] => [1, 3, side, side];

describe("multiply-adds", () => {
  /** torchvision's table of weights: GFLOPS at the resolution of the weights. */
  const published: [name: models.ModelName, gflops: number, side?: number][] = [
    ["alexnet", 0.71],
    ["convnext_tiny", 4.46],
    ["densenet121", 2.83],
    ["efficientnet_b0", 0.39],
    ["googlenet", 1.5],
    ["inception_v3", 5.71, 299],
    ["maxvit_t", 5.56],
    ["mnasnet1_0", 0.31],
    ["mobilenet_v2", 0.3],
    ["mobilenet_v3_large", 0.22],
    ["regnet_y_400mf", 0.4],
    ["resnet50", 4.09],
    ["resnext50_32x4d", 4.23],
    ["shufflenet_v2_x1_0", 0.14],
    ["squeezenet1_0", 0.82],
    ["swin_t", 4.49],
    ["swin_v2_t", 5.94, 256],
    ["vgg16", 15.47],
    ["vit_b_16", 17.56],
    ["wide_resnet50_2", 11.4],
  ];

  it.each(published)("of %s are the published %f G", (name, gflops, side) => {
    const { multiplyAdds } = models.summary(models.getModel(name), image(side));
    expect(Math.abs(multiplyAdds / 1e9 - gflops)).toBeLessThan(0.0051);
  });

  it("of all networks without attention are exactly torch's", () => {
    const counted: { multiplyAdds: Record<string, number> } = JSON.parse(
      gunzipSync(readFileSync(new URL("feature-extraction.json.gz", import.meta.url))).toString(),
    );
    const names = models.listModels().filter((name) => !/^(vit|swin|maxvit)/.test(name));
    const ours = names.map((name) => [name, models.summary(models.getModel(name), image()).multiplyAdds]);
    expect(Object.fromEntries(ours)).toEqual(counted.multiplyAdds);
  });

  const of = (model: Module, shape: number[]): number => models.summary(model, shape).multiplyAdds;

  it("are those of each kind of layer", () => {
    expect(of(new Linear(5, 7), [3, 2, 5])).toBe(3 * 2 * 5 * 7);
    expect(of(new Conv2d(8, 12, 3, { groups: 4, stride: 2, padding: 1 }), [2, 8, 9, 9])).toBe(2 * 12 * 5 * 5 * (2 * 9));
    expect(of(new ConvTranspose2d(4, 6, 3, { stride: 2 }), [1, 4, 5, 5])).toBe(4 * 5 * 5 * 6 * 9);
    expect(of(new Dropout(), [1, 4])).toBe(0);
  });

  it("of attention hold its products of queries, keys and values", () => {
    class SelfAttention extends Module implements Layer {
      attention = new MultiheadAttention(8, 2, { batchFirst: true });
      forward(x: Tensor): Tensor {
        return this.attention.call(x, x, x, { needWeights: false })[0];
      }
    }
    const [batch, length, width] = [3, 5, 8];
    const projections = batch * length * width * (3 * width + width);
    const products = 2 * batch * length * length * width;
    const { layers, multiplyAdds } = models.summary(new SelfAttention(), [batch, length, width]);
    expect(multiplyAdds).toBe(projections + products);
    expect(layers.map(({ path, params }) => [path, params])).toEqual([
      ["", 288],
      ["attention", 288],
    ]);
  });

  it("go to the layer that does them, whoever uses the result", () => {
    class Mixed extends Module implements Layer {
      inner = new Linear(4, 4, { bias: false });
      forward(x: Tensor): Tensor {
        const own = x.matmul(x.t());
        return own.add(this.inner.call(own).matmul(own));
      }
    }
    const { layers } = models.summary(new Sequential(new Mixed()), [4, 4]);
    expect(layers.map(({ path, multiplyAdds }) => [path, multiplyAdds])).toEqual([
      ["", 192],
      ["0", 192],
      ["0.inner", 64],
    ]);
  });
});

describe("sizes", () => {
  /** Forward and backward, parameters and total of torchinfo's tables for [1, 3, 224, 224], in MB. */
  it("are torchinfo's", () => {
    const mb = (bytes: number): number => Math.round(bytes / 1e4) / 100;
    const resnet152 = models.summary(models.resnet152(), image());
    expect([resnet152.totalParams, mb(resnet152.forwardBackwardBytes), mb(resnet152.paramBytes)]).toEqual([
      60_192_808, 360.87, 240.77,
    ]);
    const resnet18 = models.summary(models.resnet18(), image());
    expect([mb(resnet18.inputBytes), mb(resnet18.forwardBackwardBytes), mb(resnet18.totalBytes)]).toEqual([
      0.6, 39.75, 87.11,
    ]);
  });

  it("grow with the batch where they should", () => {
    const one = models.summary(models.resnet18(), [1, 3, 64, 64]);
    const two = models.summary(models.resnet18(), [2, 3, 64, 64]);
    expect(two.multiplyAdds).toBe(2 * one.multiplyAdds);
    expect(two.forwardBackwardBytes).toBe(2 * one.forwardBackwardBytes);
    expect(two.paramBytes).toBe(one.paramBytes);
  });
});

describe("a summary", () => {
  it("lists layers as they are called, each with those in it", () => {
    const model = models.resnet18({ numClasses: 10 });
    models.freeze(model, { except: ["layer4.1.conv2", "head"] });
    const { layers, totalParams, trainableParams } = models.summary(model, [2, 3, 64, 64]);
    const row = (path: string) => layers.find((layer) => layer.path === path)!;
    expect(row("")).toMatchObject({ type: "ResNet", depth: 0, outputShape: [2, 10], params: totalParams });
    expect(row("layer4.0.downsample.0")).toMatchObject({
      name: "0",
      type: "Conv2d",
      depth: 4,
      outputShape: [2, 512, 2, 2],
      params: 256 * 512,
      trainableParams: 0,
      multiplyAdds: 2 * 256 * 512 * 4,
    });
    expect(trainableParams).toBe(512 * 512 * 9 + 512 * 10 + 10);
    expect(row("layer4").trainableParams).toBe(512 * 512 * 9);
    expect(layers.filter(({ path }) => path === "relu")).toHaveLength(1);
    expect(layers.filter(({ path }) => path === "layer1.0.relu").map(({ repeated }) => repeated)).toEqual([
      false,
      true,
    ]);
    expect(layers.map(({ path }) => path).slice(0, 6)).toEqual(["", "conv1", "bn1", "relu", "maxpool", "layer1"]);
  });

  it("shows layers that evaluation does not call", () => {
    const { layers, totalParams } = models.summary(models.inception_v3(), image(299));
    expect(layers.find(({ path }) => path === "AuxLogits")).toMatchObject({
      outputShape: null,
      multiplyAdds: 0,
      depth: 1,
    });
    expect(layers.some(({ path }) => path.startsWith("AuxLogits."))).toBe(false);
    expect(totalParams).toBe(27_161_264);
  });

  it("prints a table", () => {
    const model = new Sequential(new Conv2d(3, 4, 3), new Sequential(new Conv2d(4, 2, 1, { bias: false })));
    models.freeze(model, { except: "1" });
    expect(models.summary(model, [1, 3, 6, 6], { depth: 1 }).toString()).toBe(
      [
        "─────────────────────────────────────────────────────────────",
        "Layer (type)       Output shape  Params  Trainable  Mult-adds",
        "─────────────────────────────────────────────────────────────",
        "Sequential         [1, 2, 4, 4]     120  partly         1,856",
        "├─ 0 (Conv2d)      [1, 4, 4, 4]     112  no             1,728",
        "├─ 1 (Sequential)  [1, 2, 4, 4]       8  yes              128",
        "─────────────────────────────────────────────────────────────",
        "Params: 120 (trainable 8, frozen 112)",
        "Mult-adds: 1,856",
        "Memory, MB: input 0.00, forward and backward 0.00, parameters 0.00, total 0.00",
        "─────────────────────────────────────────────────────────────",
      ].join("\n"),
    );
  });

  it("refuses shapes that the model does not take, and is gone without a trace", () => {
    const model = models.resnet18();
    expect(() => models.summary(model, [1, 1, 64, 64])).toThrow(ShapeError);
    expect(Object.hasOwn(model, "forward")).toBe(false);
    expect(model.training).toBe(true);
  });
});

it("refuses options that it does not have", () => {
  const options = { dept: 1 } as models.SummaryOptions;
  expect(() => models.summary(models.resnet18(), [1, 3, 32, 32], options)).toThrow(/"dept"; did you mean depth/);
});
