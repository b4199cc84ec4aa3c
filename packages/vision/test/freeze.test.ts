/** Which parameters learn after freeze and unfreeze, and what frozen batch norms do. */

import { ArgumentError, flush, init, randn, tensor } from "@kindling/core";
import { type BatchNorm2d, functional, type Layer, Linear, type Module } from "@kindling/nn";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init({ device: "cpu" }));

const trainable = (model: Module): string[] =>
  model.namedParameters().flatMap(([name, parameter]) => (parameter.requiresGrad ? [name] : []));

const names = (model: Module): string[] => model.namedParameters().map(([name]) => name);

const numbers = async (model: Module, key: string): Promise<number[]> =>
  Array.from(await model.stateDict().get(key)!.data(), Number);

// What computes comes first: a flush computes the initial values of all models that were made before.

describe("frozen batch norms", () => {
  async function trained(options: models.FreezeOptions): Promise<{ model: models.ShuffleNetV2; before: number[] }> {
    const model = models.shufflenet_v2_x0_5({ numClasses: 3 });
    models.freeze(model, { except: "head", ...options });
    model.train();
    const before = await numbers(model, "stage2.0.branch1.1.running_mean");
    functional.crossEntropy(model.call(randn([2, 3, 32, 32])), tensor([0, 2], { dtype: "int32" })).backward();
    await flush();
    return { model, before };
  }

  it("go on collecting statistics, as in torch", async () => {
    const { model, before } = await trained({});
    expect(await numbers(model, "stage2.0.branch1.1.running_mean")).not.toEqual(before);
    expect(await numbers(model, "stage2.0.branch1.1.num_batches_tracked")).toEqual([1]);
  });

  it('keep their statistics and use them with batchNorm: "eval", in training mode too', async () => {
    const { model, before } = await trained({ batchNorm: "eval" });
    expect(await numbers(model, "stage2.0.branch1.1.running_mean")).toEqual(before);
    expect(await numbers(model, "stage2.0.branch1.1.num_batches_tracked")).toEqual([0]);
    const x = randn([2, 3, 32, 32]);
    const gap = model.train().call(x).sub(model.eval().call(x)).abs().amax();
    expect(await gap.item()).toBe(0);
  });

  it("thaw with their parameters; those of an excepted part were never frozen", () => {
    const model = models.resnet18();
    const norm = (path: string) => model.getSubmodule(path) as BatchNorm2d;
    models.freeze(model, { except: "layer4", batchNorm: "eval" });
    expect([norm("bn1"), norm("layer4.0.bn1")].map((bn) => bn.frozenStatistics)).toEqual([true, false]);
    models.unfreeze(model, "layer3");
    expect([norm("bn1"), norm("layer3.0.bn1")].map((bn) => bn.frozenStatistics)).toEqual([true, false]);
    models.unfreeze(model);
    expect(norm("bn1").frozenStatistics).toBe(false);
  });
});

it("a layer alone can be all that learns", async () => {
  const model: Layer = models.shufflenet_v2_x0_5({ numClasses: 3 });
  models.freeze(model, { except: "conv5.0", batchNorm: "eval" });
  functional.crossEntropy(model.call(randn([2, 3, 32, 32])), tensor([0, 2], { dtype: "int32" })).backward();
  expect(model.namedParameters().flatMap(([name, p]) => (p.grad ? [name] : []))).toEqual(["conv5.0.weight"]);
});

describe("freeze", () => {
  it("freezes everything, or all but a part named in one of several ways", () => {
    const under = (...paths: string[]) =>
      names(models.resnet18()).filter((name) => paths.some((p) => name.startsWith(p)));
    const cases: [except: (model: models.ResNet) => models.ModelPart | models.ModelPart[], left: string[]][] = [
      [() => [], []],
      [() => "head", ["fc.weight", "fc.bias"]],
      [(model) => model.fc, ["fc.weight", "fc.bias"]],
      [() => "layer4", under("layer4.")],
      [() => ["layer4.1", "fc"], under("layer4.1.", "fc.")],
      [(model) => [model.layer4, "head"], under("layer4.", "fc.")],
      [() => "layer1.0.conv1.weight", ["layer1.0.conv1.weight"]],
      [() => /bn\d\.bias$/g, names(models.resnet18()).filter((name) => /bn\d\.bias$/.test(name))],
      [
        () => (_name, parameter) => parameter.ndim === 4,
        names(models.resnet18()).filter((name) => /conv|downsample.0/.test(name)),
      ],
    ];
    for (const [except, left] of cases) {
      const model = models.resnet18();
      const learning = models.freeze(model, { except: except(model) });
      expect(trainable(model)).toEqual(left);
      expect(learning).toEqual(left.map((name) => new Map(model.namedParameters()).get(name)));
    }
  });

  it("does not take a layer for another whose name begins alike", () => {
    const model = models.mobilenet_v2();
    models.freeze(model, { except: "features.1" });
    expect(trainable(model).every((name) => name.startsWith("features.1."))).toBe(true);
    expect(trainable(model)).toHaveLength(6);
  });

  it("takes auxiliary heads for heads", () => {
    const model = models.googlenet();
    models.freeze(model, { except: "head" });
    expect(trainable(model).sort()).toEqual(
      ["aux1.fc2", "aux2.fc2", "fc"].flatMap((path) => [`${path}.bias`, `${path}.weight`]),
    );
  });

  it("leaves what is excepted as it is", () => {
    const model = models.resnet18();
    models.freeze(model, { except: ["layer4", "head"] });
    models.freeze(model, { except: "head" });
    expect(trainable(model)).toEqual(["fc.weight", "fc.bias"]);
    models.freeze(model, { except: "layer4" });
    expect(trainable(model)).toEqual([]);
  });

  it("refuses a part that is none, and says what is near", () => {
    const model = models.resnet18();
    expect(() => models.freeze(model, { except: "layer5" })).toThrow(ArgumentError);
    expect(() => models.freeze(model, { except: "layer5" })).toThrow(
      /no parameters under "layer5"; did you mean layer1/,
    );
    expect(() => models.freeze(model, { except: ["fc", "decoder"] })).toThrow(
      /under "decoder"; the model has conv1, bn1/,
    );
    expect(() => models.freeze(model, { except: /^blocks/ })).toThrow(/no parameter's name matches .*conv1.weight/);
    expect(() => models.freeze(model, { except: () => false })).toThrow(/chose no parameter/);
    expect(() => models.freeze(model, { except: new Linear(2, 2) })).toThrow(/Linear given is not in the model/);
    expect(() => models.freeze(model, { except: model.relu })).toThrow(/has no parameters/);
    expect(() => models.freeze(model, { batchNorm: "fixed" as "eval" })).toThrow(/expected "train" or "eval"/);
    expect(trainable(model)).toEqual(names(model));
  });

  it("refuses what no compiler would let pass", () => {
    const model = models.resnet18();
    const freeze: (model: Module, options: unknown) => unknown = models.freeze as never;
    for (const options of ["head", null, true, ["head"]]) {
      expect(() => freeze(model, options)).toThrow(ArgumentError);
      expect(() => freeze(model, options)).toThrow(/^freeze: .* was given; expected an object with except, batchNorm/);
    }
    expect(() => freeze(model, { excpt: "head" })).toThrow(/unknown option "excpt"; did you mean except/);
    for (const except of [null, 4, {}, ["head", null]]) {
      expect(() => freeze(model, { except })).toThrow(ArgumentError);
      expect(() => freeze(model, { except })).toThrow(/^freeze: a part of the model is .*; expected a module, a path/);
    }
    expect(() => models.unfreeze(model, null as unknown as string)).toThrow(/^unfreeze: a part of the model is null/);
    expect(trainable(model)).toEqual(names(model));
  });
});

describe("unfreeze", () => {
  it("thaws a part after the other, and then all", () => {
    const model = models.resnet18();
    models.freeze(model, { except: "head" });
    expect(models.unfreeze(model, "layer4")).toEqual(model.layer4.parameters());
    expect(models.unfreeze(model, ["layer4", "layer3"])).toEqual(model.layer3.parameters());
    models.unfreeze(model);
    expect(trainable(model)).toEqual(names(model));
    expect(() => models.unfreeze(model, "layer9")).toThrow(/unfreeze: there are no parameters under "layer9"/);
  });
});
