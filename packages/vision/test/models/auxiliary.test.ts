/** GoogLeNet and Inception v3: auxiliary classifiers, and the form that published weights give them. */

import { init, noGrad, randn, scoped, Tensor, tensor } from "@kindling/core";
import type { Linear, Module } from "@kindling/nn";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";
import { blank, numbers } from "./recorded.js";

beforeAll(() => init({ device: "cpu" }));

/** A model all of zeros, whose statistics stay so: the batches that give them need not be computed. */
function still<M extends Module>(model: M): M {
  blank(model);
  models.freeze(model, { batchNorm: "eval" });
  return model;
}

/** Makes a model give one number, `value`, in the classifier whose last layer is at a path. */
function setLogits(model: Module, path: string, value: number): void {
  noGrad(() => void (model.getSubmodule(path) as Linear).bias!.fill_(value));
}

describe("in training", () => {
  it("GoogLeNet gives the logits of three classifiers, under torchvision's names", async () => {
    const model = still(models.googlenet({ numClasses: 2, initWeights: false }));
    for (const [i, path] of ["fc", "aux1.fc2", "aux2.fc2"].entries()) setLogits(model, path, i);
    const x = randn([2, 3, 32, 32]);
    const outputs = noGrad(() => model.call(x)) as models.GoogLeNetOutputs;
    expect(Object.keys(outputs)).toEqual(["logits", "auxLogits2", "auxLogits1"]);
    // torchvision's record swaps the two.
    expect(await numbers(outputs.logits)).toEqual([0, 0, 0, 0]);
    expect(await numbers(outputs.auxLogits2)).toEqual([1, 1, 1, 1]);
    expect(await numbers(outputs.auxLogits1)).toEqual([2, 2, 2, 2]);
    expect(noGrad(() => model.eval().call(x))).toBeInstanceOf(Tensor);
    model.train().auxLogits = false;
    expect(noGrad(() => model.call(x))).toBeInstanceOf(Tensor);
  });

  it("Inception v3 gives those of two", () => {
    const model = still(models.inception_v3({ numClasses: 5, initWeights: false }));
    // In a scope, which drops the logits before another test has them computed.
    scoped(() => {
      const x = randn([2, 3, 299, 299]);
      const outputs = noGrad(() => model.call(x)) as models.InceptionOutputs;
      expect(Object.entries(outputs).map(([name, t]) => [name, t.shape])).toEqual([
        ["logits", [2, 5]],
        ["auxLogits", [2, 5]],
      ]);
      model.AuxLogits = null;
      expect(noGrad(() => model.call(x))).toBeInstanceOf(Tensor);
    });
  });
});

/** A model in the form of its published weights, and the keys that it had when they were loaded. */
async function published<M extends Module, O>(
  builder: {
    modelName: string;
    pretrained(weights: models.WeightsEntry, options: O, load: (model: M) => void): Promise<M>;
  },
  options: O,
): Promise<{ loaded: string[]; model: M }> {
  let loaded: string[] = [];
  const model = await builder.pretrained(models.getModelWeights(builder).DEFAULT, options, (built) => {
    loaded = [...built.stateDict().keys()];
    blank(built);
  });
  return { loaded, model };
}

describe("with published weights", () => {
  it("GoogLeNet drops the auxiliary classifiers once they are loaded, and transforms its input", async () => {
    const { loaded, model } = await published(models.googlenet, {});
    expect(loaded).toContain("aux2.fc2.weight");
    expect([model.auxLogits, model.aux1, model.aux2, model.transformInput]).toEqual([false, null, null, true]);
    const kept = await published(models.googlenet, { auxLogits: true, transformInput: false });
    expect([kept.model.auxLogits, kept.model.transformInput]).toEqual([true, false]);
    expect(kept.model.aux1).not.toBeNull();
  });

  it("Inception v3 keeps its own unless told otherwise", async () => {
    const { model } = await published(models.inception_v3, {});
    expect([model.auxLogits, model.transformInput]).toEqual([true, true]);
    expect(model.AuxLogits).not.toBeNull();
    const without = await published(models.inception_v3, { auxLogits: false });
    expect(without.loaded).toContain("AuxLogits.fc.weight");
    expect([without.model.auxLogits, without.model.AuxLogits]).toEqual([false, null]);
  });

  it("the transform takes ImageNet's normalisation to the range −1 to 1", async () => {
    const model = still(models.googlenet({ transformInput: true, auxLogits: false, initWeights: false })).eval();
    let seen: Tensor | undefined;
    model.conv1.registerForwardPreHook((_m, [x]) => void (seen = x as Tensor));
    // White and black, normalised.
    const white = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225];
    const black = [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225];
    noGrad(() => model.call(tensor([white, black]).reshape([2, 3, 1, 1]).expand([2, 3, 32, 32])));
    const values = await numbers(seen!.amax([2, 3]));
    expect(values.map((v) => Math.round(v * 1e6) / 1e6)).toEqual([1, 1, 1, -1, -1, -1]);
  });
});
