/**
 * The registry of models and weights against torchvision's. The file beside this one holds what torchvision 0.14 says of
 * its classifiers, and which names Python's fnmatch finds (make.py writes it).
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { init } from "@kindling/core";
import { io, models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";
import { fnmatch } from "../../dist/models/fnmatch.js";
import { selectNames } from "../../dist/models/registry.js";
import { resolveWeights } from "../../dist/weights/pretrained.js";

interface RecordedEntry {
  name: string;
  url: string;
  preset: Record<string, unknown>;
  numParams: number;
  minSize: [number, number];
  categories: number | null;
  accuracy: [top1: number | null, top5: number | null];
  license: string | null;
}

interface RecordedModel {
  enum: string;
  best: string;
  legacy: string | null;
  entries: Record<string, RecordedEntry>;
}

interface Recorded {
  models: Record<string, RecordedModel>;
  categories: string[];
  selections: [pattern: string, names: string[]][];
  matches: Record<"fit" | "differ", [name: string, pattern: string][]>;
}

const torchvision: Recorded = JSON.parse(
  gunzipSync(readFileSync(new URL("torchvision.json.gz", import.meta.url))).toString(),
);
const names = Object.keys(torchvision.models);

/** An entry in the form in which torchvision's were recorded. */
function recorded({ name, url, preset, meta }: models.WeightsEntry): RecordedEntry {
  const { numParams, minSize, metrics, categories, license = null } = meta;
  const measured = (measure: string): number | null => {
    const value = metrics["ImageNet-1K"][measure];
    return Number.isNaN(value) ? null : value;
  };
  const accuracy: [number | null, number | null] = [measured("acc@1"), measured("acc@5")];
  const count = categories?.length ?? null;
  return { name, url, preset: { ...preset }, numParams, minSize: [...minSize], categories: count, accuracy, license };
}

describe("weights", () => {
  it("there are 80 models with 115 sets of weights", () => {
    const entries = names.flatMap((name) => Object.values(models.getModelWeights(name)));
    expect([names.length, entries.length, new Set(entries).size]).toEqual([80, 115, 115]);
  });

  it.each(names)("of %s are torchvision's", (name) => {
    const want = torchvision.models[name];
    const weights = models.getModelWeights(name);
    expect(Object.keys(weights)).toEqual(Object.keys(want.entries));
    expect(weights.DEFAULT).toBe(weights[want.best]);
    expect(models).toHaveProperty(want.enum, weights);
    for (const [entry, given] of Object.entries(weights)) {
      expect(recorded(given)).toEqual(want.entries[entry]);
      expect(given).toMatchObject({ model: name, enumName: want.enum, entry });
      expect(given.url.endsWith(`/${given.file}`)).toBe(true);
      expect(given.file).toMatch(new RegExp(`-${given.hashPrefix}\\.pth$`));
      expect(given.hashPrefix).toMatch(/^[0-9a-f]{8,}$/);
      if (given.meta.categories) expect(given.meta.categories).toEqual(torchvision.categories);
    }
  });

  it("know the types of their entries", () => {
    const best: models.WeightsEntry<readonly string[]> = models.ResNet50_Weights.DEFAULT;
    expect(best).toBe(models.ResNet50_Weights.IMAGENET1K_V2);
    const features: null = models.VGG16_Weights.IMAGENET1K_FEATURES.meta.categories;
    expect(features).toBeNull();
    // @ts-expect-error there is no third version
    expect(models.ResNet50_Weights.IMAGENET1K_V3).toBeUndefined();
  });

  it("cannot be changed", () => {
    expect(() => Object.assign(models.ResNet50_Weights.DEFAULT, { url: "http://elsewhere" })).toThrow(TypeError);
    expect(() => Object.assign(models.ResNet50_Weights, { DEFAULT: null })).toThrow(TypeError);
    const { meta, preset } = models.ResNet50_Weights.DEFAULT;
    for (const part of [meta, meta.categories, meta.minSize, meta.metrics, meta.metrics["ImageNet-1K"], preset])
      expect(() => Object.assign(part, { 0: "cat", "acc@1": 100 })).toThrow(TypeError);
    expect(() => (preset.mean as number[]).push(0)).toThrow(TypeError);
    expect(models.ResNet18_Weights.DEFAULT.meta.categories[0]).toBe("tench");
  });

  it("print as their names", () => {
    expect(String(models.ResNet50_Weights.DEFAULT)).toBe("ResNet50_Weights.IMAGENET1K_V2");
    expect(Object.keys(models.ResNet50_Weights.DEFAULT)).not.toContain("toString");
  });

  it("are found by full name", () => {
    expect(models.getWeight("ResNet50_Weights.IMAGENET1K_V2")).toBe(models.ResNet50_Weights.IMAGENET1K_V2);
    expect(models.getWeight("VGG16_Weights.DEFAULT")).toBe(models.VGG16_Weights.IMAGENET1K_V1);
    for (const name of ["ResNet50_Weights", "IMAGENET1K_V2", "a.b.c"])
      expect(() => models.getWeight(name)).toThrow(`Invalid weight name provided: '${name}'; expected one like`);
    expect(() => models.getWeight("Resnet50Weights.DEFAULT")).toThrow(
      /weight enum 'Resnet50Weights' for the specific method couldn't be retrieved; did you mean ResNet50_Weights/,
    );
    expect(() => models.getWeight("toString.DEFAULT")).toThrow(/couldn't be retrieved; listModels\(\)/);
    expect(() => models.getWeight("ResNet50_Weights.IMAGENET1K_V3")).toThrow(
      "Unknown value 'IMAGENET1K_V3' for ResNet50_Weights; it has DEFAULT, IMAGENET1K_V1, IMAGENET1K_V2",
    );
    expect(() => models.getWeight("ResNet50_Weights.constructor")).toThrow(/Unknown value 'constructor'/);
  });

  it("are found by a builder or its name", () => {
    expect(models.getModelWeights(models.resnet50)).toBe(models.ResNet50_Weights);
    expect(models.getModelWeights("ResNet50")).toBe(models.ResNet50_Weights);
    expect(() => models.getModelWeights("resnet51")).toThrow(/unknown model "resnet51"; did you mean resnet50/);
    expect(() => models.getModelWeights("DEFAULT")).toThrow(
      /unknown model "default"; there are: alexnet, convnext_base/,
    );
  });
});

describe("transforms", () => {
  beforeAll(() => init());

  it.each([
    ["vit_h_14", "DEFAULT", 518],
    ["inception_v3", "DEFAULT", 299],
    ["vgg16", "IMAGENET1K_FEATURES", 224],
  ])("of %s.%s are those of the preset", async (model, entry, side) => {
    const weights = models.getModelWeights(model)[entry];
    const { mean, std } = weights.preset;
    const grey = new io.Image(new Uint8Array(20 * 30 * 3).fill(51), 20, 30, 3);
    const input = weights.transforms()(grey);
    expect(input.shape).toEqual([3, side, side]);
    const middle = await Promise.all([0, 1, 2].map((channel) => input.select(0, channel).mean().item()));
    for (const [channel, value] of middle.entries()) expect(value).toBeCloseTo((0.2 - mean[channel]) / std[channel], 4);
  });
});

describe("weights for a builder", () => {
  const { ResNet50_Weights, ResNet18_Weights } = models;

  it("by name, by full name, and an entry itself", () => {
    const { IMAGENET1K_V1, IMAGENET1K_V2 } = ResNet50_Weights;
    const resolve = (weights: models.WeightsChoice) => resolveWeights("resnet50", { weights });
    expect(resolve("DEFAULT")).toBe(IMAGENET1K_V2);
    expect(resolve("IMAGENET1K_V1")).toBe(IMAGENET1K_V1);
    expect(resolve("ResNet50_Weights.DEFAULT")).toBe(IMAGENET1K_V2);
    expect(resolve("ResNet50_Weights.IMAGENET1K_V1")).toBe(IMAGENET1K_V1);
    expect(resolve(IMAGENET1K_V1)).toBe(IMAGENET1K_V1);
  });

  it.each(names)("pretrained: true of %s is what torchvision takes it for", (name) => {
    const { legacy } = torchvision.models[name];
    const resolve = () => resolveWeights(name, { pretrained: true });
    if (legacy) expect(resolve()).toBe(models.getModelWeights(name)[legacy]);
    else
      expect(resolve).toThrow(new RegExp(`No weights available for model ${name} .*"DEFAULT" or one of IMAGENET1K_S`));
  });

  it("an entry of one's own, for the model", () => {
    const own = { ...ResNet50_Weights.DEFAULT, url: "https://example.org/own.pth" };
    expect(resolveWeights("resnet50", { weights: own })).toBe(own);
  });

  it("refuses those of another model, and names that there are not", () => {
    const asked = (weights: models.WeightsChoice) => () => resolveWeights("resnet50", { weights });
    const belongs = "Invalid weights for resnet50: ResNet18_Weights.IMAGENET1K_V1 belongs to resnet18. Give weights:";
    expect(asked(ResNet18_Weights.DEFAULT)).toThrow(belongs);
    expect(asked("ResNet18_Weights.DEFAULT")).toThrow(belongs);
    expect(asked("IMAGENET1K_V3")).toThrow(/Unknown value 'IMAGENET1K_V3' for ResNet50_Weights; it has DEFAULT, IMA/);
    expect(asked("ResNet50_Weights.V3")).toThrow(/Unknown value 'V3' for ResNet50_Weights/);
    expect(asked(true as unknown as string)).toThrow(/Invalid weights for resnet50: true. Give weights: "DEFAULT"/);
    expect(asked({} as models.WeightsEntry)).toThrow(/Invalid weights for resnet50: {}/);
    expect(() => resolveWeights("resnet50", { weights: "DEFAULT", pretrained: true })).toThrow(/leave pretrained out/);
    expect(() => resolveWeights("mine", { weights: "DEFAULT" })).toThrow("No weights available for model mine");
    expect(() => resolveWeights("mine", { pretrained: true })).toThrow("No weights available for model mine");
  });

  it("refuses another number of classes before anything is downloaded", async () => {
    const fetch = () => expect.unreachable("nothing was to be downloaded");
    await expect(models.resnet50({ weights: "DEFAULT", numClasses: 10, fetch })).rejects.toThrow(
      /^The parameter 'numClasses' expected value 1000 but got 10 instead\. .*replaceHead/,
    );
  });
});

describe("names", () => {
  it.each(torchvision.selections)("that fit %j", (pattern, want) => {
    expect(names.filter((name) => fnmatch(name, pattern))).toEqual(want);
  });

  it("fit patterns as Python's do", () => {
    const { fit, differ } = torchvision.matches;
    expect(fit.filter(([name, pattern]) => !fnmatch(name, pattern))).toEqual([]);
    expect(differ.filter(([name, pattern]) => fnmatch(name, pattern))).toEqual([]);
  });

  it("are chosen by patterns, and sorted", () => {
    const select = (patterns: models.NamePatterns) => selectNames(names.toReversed(), patterns);
    expect(select({})).toEqual(names);
    for (const nothing of ["", [], null, undefined])
      expect(select({ include: nothing, exclude: nothing })).toEqual(names);
    expect(select({ include: "vgg1?" })).toEqual(["vgg11", "vgg13", "vgg16", "vgg19"]);
    expect(select({ include: new Set(["swin_t", "*_t"]), exclude: "swin_v2*" })).toEqual(["maxvit_t", "swin_t"]);
    expect(select({ include: ["vgg*"], exclude: ["*_bn", "*1[1-6]"] })).toEqual(["vgg19"]);
    expect(select({ exclude: "*" })).toEqual([]);
    expect(models.listModels()).toEqual(names);
    expect(models.listModels({ include: "*resnet*", exclude: "wide*" })).toEqual([
      "resnet101",
      "resnet152",
      "resnet18",
      "resnet34",
      "resnet50",
    ]);
  });

  it("of builders are found in whatever case", () => {
    expect(models.getModelBuilder("ResNet18")).toBe(models.resnet18);
    expect(() => models.getModelBuilder("ResNet-18")).toThrow(/unknown model "ResNet-18"; did you mean resnet18/);
  });
});
