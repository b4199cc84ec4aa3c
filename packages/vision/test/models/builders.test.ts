/** What builders give by the options they get, as the compiler sees it, and what they refuse. */

import { ArgumentError } from "@kindling/core";
import { models } from "@kindling/vision";
import { describe, expect, expectTypeOf, it } from "vitest";

const { getModel, resnet18, ResNet50_Weights } = models;

/** Functions that only the compiler looks into: nothing is downloaded. */
describe("the type of a model", () => {
  it("is the model's own with random weights", () => {
    const random = [
      () => resnet18(),
      () => resnet18({ numClasses: 10 }),
      () => resnet18({ weights: null }),
      () => resnet18({ pretrained: false, zeroInitResidual: true }),
      () => resnet18({ progress: false }),
      () => resnet18({ progress: true, weights: null }),
      () => getModel("resnet18"),
      () => getModel("resnet18", { numClasses: 10, progress: false }),
    ] as const;
    expectTypeOf<ReturnType<(typeof random)[number]>>().toEqualTypeOf<models.ResNet>();
    for (const make of random) expect(make()).toBeInstanceOf(models.ResNet);
  });

  it("is a promise of it with published weights", () => {
    const published = [
      () => resnet18({ weights: "DEFAULT" }),
      () => resnet18({ pretrained: true }),
      () => resnet18({ weights: models.ResNet18_Weights.IMAGENET1K_V1, progress: false }),
      (weights: string) => resnet18({ weights }),
      () => getModel("resnet18", { weights: "DEFAULT" }),
      () => getModel("resnet18", { pretrained: true }),
    ] as const;
    expectTypeOf<ReturnType<(typeof published)[number]>>().toEqualTypeOf<Promise<models.ResNet>>();
  });

  it("is either where only the running program knows", () => {
    const options = { pretrained: true };
    const either = [
      () => resnet18(options),
      (flag: boolean) => resnet18({ pretrained: flag }),
      (flag: boolean) => resnet18({ weights: flag ? "DEFAULT" : null }),
      (flag: boolean) => getModel("resnet18", { pretrained: flag, numClasses: 1000 }),
    ] as const;
    expectTypeOf<ReturnType<(typeof either)[number]>>().toEqualTypeOf<models.ResNet | Promise<models.ResNet>>();
    for (const make of either.slice(1)) expect(make(false)).toBeInstanceOf(models.ResNet);
  });

  it("is any classifier for a name that only the running program knows", () => {
    const name: string = "resnet18";
    const random = () => getModel(name, { numClasses: 10, progress: false });
    const published = () => getModel(name, { weights: "DEFAULT" });
    const either = (flag: boolean) => getModel(name, { pretrained: flag });
    expectTypeOf(random).returns.toEqualTypeOf<models.Classifier>();
    expectTypeOf(published).returns.toEqualTypeOf<Promise<models.Classifier>>();
    expectTypeOf(either).returns.toEqualTypeOf<models.Classifier | Promise<models.Classifier>>();
    for (const model of [random(), either(false)]) expect(model).toBeInstanceOf(models.ResNet);
  });

  it("does not hide a misspelt option", () => {
    // @ts-expect-error no builder takes it
    expect(() => resnet18({ numClases: 10 })).toThrow(/unknown option "numClases"; did you mean numClasses/);
    // @ts-expect-error nor with weights
    const published = () => resnet18({ weights: "DEFAULT", numClases: 10 });
    expectTypeOf(published).toBeFunction();
  });
});

describe("a builder refuses", () => {
  it.each([true, null, "DEFAULT", 10, [], ResNet50_Weights.DEFAULT.transforms])("%s in place of options", (given) => {
    const plain: (options: unknown) => unknown = resnet18 as never;
    expect(() => plain(given)).toThrow(ArgumentError);
    expect(() => plain(given)).toThrow(/^resnet18: .* was given; expected an object of options, as in resnet18\({ wei/);
    if (given !== null) expect(() => getModel("resnet18", given as object)).toThrow(/^resnet18: .* was given/);
  });

  it.each([0, -1, 2.5, "10", null, Number.NaN])("numClasses %j, as every class does", (given) => {
    const numClasses = given as number;
    const message = new RegExp(
      `^\\w+: numClasses is ${JSON.stringify(given).replace("null", "(null|NaN)")}; expected a`,
    );
    for (const name of ["resnet18", "squeezenet1_0", "swin_t", "shufflenet_v2_x0_5"] as const) {
      expect(() => getModel(name, { numClasses })).toThrow(ArgumentError);
      expect(() => getModel(name, { numClasses })).toThrow(message);
    }
    expect(() => new models.DenseNet(4, [1], 8, { numClasses })).toThrow(message);
    expect(() => models.replaceHead(models.resnet18(), numClasses)).toThrow(message);
  });

  it("all weights of a model in place of one of them", async () => {
    const weights = ResNet50_Weights as unknown as models.WeightsEntry;
    await expect(models.resnet50({ weights })).rejects.toThrow(ArgumentError);
    await expect(models.resnet50({ weights })).rejects.toThrow(
      "Invalid weights for resnet50: ResNet50_Weights is all of a model's weights; take one entry of it, such as " +
        "ResNet50_Weights.DEFAULT",
    );
  });
});

describe("the registry refuses", () => {
  it.each([undefined, null, 18, {}])("%j in place of a name", (given) => {
    const name = given as unknown as string;
    for (const find of [models.getModel, models.getModelBuilder, models.getModelWeights]) {
      expect(() => find(name)).toThrow(ArgumentError);
      expect(() => find(name)).toThrow(/the name of a model is .*; expected one of listModels\(\)/);
    }
    expect(() => models.getWeight(name)).toThrow(/Invalid weight name provided/);
  });

  it("patterns that are none", () => {
    const list: (select: unknown) => unknown = models.listModels as never;
    expect(() => list("resnet*")).toThrow(/listModels: "resnet\*" was given; expected an object with include, exclude/);
    expect(() => list({ includes: "resnet*" })).toThrow(/unknown option "includes"; did you mean include/);
    for (const odd of [5, [null], ["vgg*", undefined], /resnet/, { name: "resnet*" }]) {
      expect(() => list({ include: odd })).toThrow(ArgumentError);
      expect(() => list({ exclude: odd })).toThrow(/a pattern of names is .*; expected text such as/);
    }
  });
});
