/** The head of a classifier is found and replaced, whatever the model calls it. */

import { ArgumentError, type Tensor } from "@kindling/core";
import { AdaptiveAvgPool2d, Conv2d, Dropout, type Layer, Linear, Module, ReLU, Sequential } from "@kindling/nn";
import { models } from "@kindling/vision";
import { describe, expect, it } from "vitest";

/** A model with one field. */
class Classifier extends Module implements Layer {
  features = new Conv2d(3, 8, 1);
  [field: string]: unknown;

  constructor(field: string, head: Layer) {
    super();
    this.addModule(field, head);
  }

  forward(x: Tensor): Tensor {
    return x;
  }
}

const cases: [string, Module, path: string][] = [
  ["ResNet", models.resnet18({ numClasses: 6 }), "fc"],
  ["ShuffleNet", models.shufflenet_v2_x0_5({ numClasses: 6 }), "fc"],
  ["MobileNetV3", models.mobilenet_v3_small({ numClasses: 6 }), "classifier.3"],
  ["DenseNet's linear classifier", new Classifier("classifier", new Linear(8, 6)), "classifier"],
  ["ViT's named heads", new Classifier("heads", new Sequential(new Map([["head", new Linear(8, 6)]]))), "heads.head"],
  ["Swin's head", new Classifier("head", new Linear(8, 6)), "head"],
  [
    "SqueezeNet's convolution",
    new Classifier(
      "classifier",
      new Sequential(new Dropout(), new Conv2d(8, 6, 1), new ReLU(), new AdaptiveAvgPool2d(1)),
    ),
    "classifier.1",
  ],
];

describe.each(cases)("%s", (_, model, path) => {
  it("gets a new head of the same kind and inputs, which alone is trainable", () => {
    const old = models.findHead(model);
    expect(old.path).toBe(path);
    const order = [...model.stateDict().keys()];
    const { weight } = old.layer;
    model.requiresGrad_(false);
    const { path: replaced, layer } = models.replaceHead(model, 4);
    expect(replaced).toBe(path);
    expect(model.getSubmodule(path)).toBe(layer);
    expect(layer.constructor).toBe(old.layer.constructor);
    expect(layer.weight.shape).toEqual([4, ...weight.shape.slice(1)]);
    expect([...model.stateDict().keys()]).toEqual(order);
    const trainable = model.namedParameters().filter(([, parameter]) => parameter.requiresGrad);
    expect(trainable.map(([name]) => name)).toEqual([`${path}.weight`, `${path}.bias`]);
  });
});

it("draws the new head as torch does: uniform within 1 / √inputs", async () => {
  const { layer } = models.replaceHead(models.resnet18(), 50);
  for (const parameter of [layer.weight, layer.bias!]) {
    const values = (await parameter.data()) as Float32Array;
    const bound = 1 / Math.sqrt(512);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound * (1 + 1e-6));
    expect(Math.max(...values)).toBeGreaterThan(0.8 * bound);
    expect(Math.min(...values)).toBeLessThan(-0.8 * bound);
  }
});

it("refuses a model without a head, and a number of classes that is none", () => {
  expect(() => models.replaceHead(new Classifier("decoder", new Linear(8, 6)), 4)).toThrow(ArgumentError);
  expect(() => models.replaceHead(models.resnet18(), 0)).toThrow("expected a whole number, 1 or more");
});
