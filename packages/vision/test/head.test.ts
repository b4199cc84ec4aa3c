/** The head of a classifier is found and replaced, whatever the model calls it. Nothing is computed. */

import { ArgumentError, type Tensor } from "@kindling/core";
import { Conv2d, type Layer, Linear, Module } from "@kindling/nn";
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

/** One model of each family; where its last layer is in torchvision, what that takes, and the auxiliary heads. */
const families: [name: models.ModelName, path: string, inputs: number[], auxiliary?: Record<string, number[]>][] = [
  ["alexnet", "classifier.6", [4096]],
  ["vgg11_bn", "classifier.6", [4096]],
  ["resnet18", "fc", [512]],
  ["resnext50_32x4d", "fc", [2048]],
  ["squeezenet1_0", "classifier.1", [512, 1, 1]],
  ["densenet121", "classifier", [1024]],
  ["inception_v3", "fc", [2048], { "AuxLogits.fc": [768] }],
  ["googlenet", "fc", [1024], { "aux1.fc2": [1024], "aux2.fc2": [1024] }],
  ["shufflenet_v2_x0_5", "fc", [1024]],
  ["mobilenet_v2", "classifier.1", [1280]],
  ["mobilenet_v3_small", "classifier.3", [1024]],
  ["mnasnet0_5", "classifier.1", [1280]],
  ["efficientnet_b0", "classifier.1", [1280]],
  ["efficientnet_v2_s", "classifier.1", [1280]],
  ["regnet_y_400mf", "fc", [440]],
  ["convnext_tiny", "classifier.2", [768]],
  ["vit_b_32", "heads.head", [768]],
  ["swin_t", "head", [768]],
  ["swin_v2_t", "head", [768]],
  ["maxvit_t", "classifier.5", [512]],
];

describe.each(families)("%s", (name, path, inputs, auxiliary = {}) => {
  it("gets new heads of the same kind and inputs, which alone are trainable", () => {
    const model = models.getModel(name);
    const old = models.findHead(model);
    expect(old.path).toBe(path);
    expect(old.auxiliary.map((head) => head.path)).toEqual(Object.keys(auxiliary));
    const state = [...model.stateDict()].map(([key, { shape }]) => [
      key,
      shape[0] === 1000 ? [7, ...shape.slice(1)] : shape,
    ]);
    model.requiresGrad_(false);

    const fresh = models.replaceHead(model, 7);
    const heads = [fresh, ...fresh.auxiliary];
    expect(heads.map((head) => head.path)).toEqual([path, ...Object.keys(auxiliary)]);
    expect(heads.map(({ layer }) => layer.weight.shape)).toEqual(
      [inputs, ...Object.values(auxiliary)].map((shape) => [7, ...shape]),
    );
    for (const head of heads) expect(model.getSubmodule(head.path)).toBe(head.layer);
    expect(fresh.layer.constructor).toBe(old.layer.constructor);
    expect([...model.stateDict()].map(([key, { shape }]) => [key, shape])).toEqual(state);
    const trainable = model.namedParameters().filter(([, parameter]) => parameter.requiresGrad);
    expect(trainable.map(([key]) => key).sort()).toEqual(
      heads.flatMap((head) => head.layer.namedParameters().map(([field]) => `${head.path}.${field}`)).sort(),
    );
    expect(models.summary(model, [2, 3, 224, 224]).layers[0].outputShape).toEqual([2, 7]);
  });
});

it("keeps a head without bias as it is", () => {
  const { layer } = models.replaceHead(models.maxvit_t(), 3);
  expect(layer.bias).toBeNull();
});

it("finds heads where auxiliary classifiers are left out", () => {
  const model = models.googlenet({ auxLogits: false });
  expect(models.replaceHead(model, 3).auxiliary).toEqual([]);
});

it("leaves a model in evaluation mode there", () => {
  const model = models.resnet18().eval();
  expect(models.replaceHead(model, 2).layer.training).toBe(false);
});

it("refuses a model without a head, and a number of classes that is none", () => {
  expect(() => models.replaceHead(new Classifier("decoder", new Linear(8, 6)), 4)).toThrow(ArgumentError);
  expect(() => models.replaceHead(models.resnet18(), 0)).toThrow("expected a whole number, 1 or more");
});
