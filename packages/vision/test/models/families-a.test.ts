/**
 * AlexNet, VGG, SqueezeNet, DenseNet, MnasNet and MobileNetV2: structure with options and initial values against what
 * torchvision builds (families-a.py records it), older files, and what is refused.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type DType, fromHost, init, noGrad, randn, type Tensor, zeros } from "@kindling/core";
import { GroupNorm, Identity, type Layer, type Module, ModuleState, StateDictError } from "@kindling/nn";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";
import type { InvertedResidualOptions } from "../../dist/models/mobilenetv2.js";

type Entry = [name: string, dtype: DType, shape: number[]];

interface Recorded {
  models: Record<string, { state: Entry[]; tree: string }>;
  spreads: Record<string, [name: string, mean: number, std: number, largest: number][]>;
}

const torchvision: Recorded = JSON.parse(
  gunzipSync(readFileSync(new URL("families-a.json.gz", import.meta.url))).toString(),
);

beforeAll(() => init());

const stateOf = (model: Layer): Entry[] => [...model.stateDict()].map(([name, t]) => [name, t.dtype, [...t.shape]]);
const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);

/** Zeros for initial values that nobody looks at: reading another value would have the random ones computed too. */
function blank(model: Module, except: ReadonlySet<string> = new Set()): void {
  noGrad(() => {
    for (const [name, parameter] of model.namedParameters()) if (!except.has(name)) parameter.zero_();
  });
}

/** A state dict of MnasNet as files of version 1 have it, filled with random numbers. */
function versionOne(): ModuleState {
  const entries = torchvision.models["mnasnet version 1"].state;
  const state = new ModuleState(
    entries.map(([name, dtype, shape]) => [
      name,
      dtype === "int64" ? fromHost(BigInt64Array.of(0n), shape, dtype) : randn(shape),
    ]),
  );
  state.metadata.set("", new Map([["version", 1]]));
  return state;
}

const BUILT: Record<string, () => Layer> = {
  "alexnet options": () => models.alexnet({ numClasses: 5, dropout: 0.25 }),
  "vgg13_bn options": () => models.vgg13_bn({ numClasses: 7, dropout: 0.1, initWeights: false }),
  "squeezenet options": () => models.squeezenet1_1({ numClasses: 9, dropout: 0.2 }),
  "densenet options": () => models.densenet121({ numClasses: 3, bnSize: 2, dropRate: 0.1, memoryEfficient: true }),
  "densenet blocks": () => new models.DenseNet(5, [2, 3], 9, { numClasses: 4 }),
  "mnasnet narrow": () => new models.MNASNet(0.3, { numClasses: 11, dropout: 0.5 }),
  "mnasnet version 1": () => {
    const model = new models.MNASNet(0.75, { numClasses: 3 });
    model.loadStateDict(versionOne());
    return model;
  },
  "mobilenet narrow": () => models.mobilenet_v2({ numClasses: 6, widthMult: 0.35, dropout: 0 }),
  "mobilenet wide": () => models.mobilenet_v2({ widthMult: 1.4, roundNearest: 1 }),
  "mobilenet group norm": () => models.mobilenet_v2({ normLayer: (c) => new GroupNorm(4, c), numClasses: 2 }),
  "mobilenet stages": () =>
    models.mobilenet_v2({
      invertedResidualSetting: [
        [1, 16, 1, 1],
        [2.46875, 24, 2, 2],
        [3.1875, 32, 1, 2],
      ],
      roundNearest: 4,
      numClasses: 5,
    }),
};

describe("structure with options", () => {
  it("covers what was recorded", () => expect(Object.keys(BUILT)).toEqual(Object.keys(torchvision.models)));

  it.each(Object.keys(BUILT))("%s", (name) => {
    const model = BUILT[name]();
    expect(stateOf(model)).toEqual(torchvision.models[name].state);
    expect(`${model}`).toBe(torchvision.models[name].tree);
    blank(model);
  });
});

/** Draws of two generators: how far their means may be apart, in standard errors. */
const SIGMAS = 6;

describe("initial values", () => {
  it.each(Object.keys(torchvision.spreads))("%s", async (name) => {
    const model = models.getModel(name);
    blank(model, new Set(torchvision.spreads[name].map(([key]) => key)));
    const parameters = new Map(model.namedParameters());
    for (const [key, mean, std, largest] of torchvision.spreads[name]) {
      const values = await numbers(parameters.get(key)!);
      const gotMean = values.reduce((sum, v) => sum + v, 0) / values.length;
      const gotStd = Math.sqrt(values.reduce((sum, v) => sum + (v - gotMean) ** 2, 0) / values.length);
      const slack = SIGMAS * Math.sqrt(2 / values.length);
      expect(Math.abs(gotMean - mean), `mean of ${key}`).toBeLessThanOrEqual(std * slack);
      expect(Math.abs(gotStd - std), `deviation of ${key}`).toBeLessThanOrEqual(std * slack);
      // Uniform values end at 1.73 deviations, and of a thousand normal ones some lie beyond 2.5.
      const gotLargest = values.reduce((most, v) => Math.max(most, Math.abs(v - gotMean)), 0);
      expect(gotLargest > 2 * gotStd, `shape of ${key}`).toBe(largest > 2 * std);
    }
  });
});

describe("DenseNet", () => {
  it("takes files with dots in the layers' names, and files without", async () => {
    const model = new models.DenseNet(4, [2, 1], 8, { numClasses: 3 });
    const current = new Map(model.stateDict());
    const old = new Map(
      [...current].flatMap(([name, tensor]): [string, Tensor][] =>
        name.endsWith("num_batches_tracked")
          ? []
          : [[name.replace(/(denselayer\d+\.(?:norm|conv))([12])/, "$1.$2"), tensor]],
      ),
    );
    expect(old.has("features.denseblock1.denselayer2.conv.1.weight")).toBe(true);
    const x = randn([1, 3, 32, 32]);
    const logits = async (m: Layer): Promise<number[]> => numbers(noGrad(() => m.eval().call(x)));
    const want = await logits(model);
    for (const state of [old, current]) {
      const loaded = new models.DenseNet(4, [2, 1], 8, { numClasses: 3 });
      expect(loaded.loadStateDict(state)).toEqual({ missingKeys: [], unexpectedKeys: [] });
      expect(await logits(loaded)).toEqual(want);
    }
    old.set("features.denseblock1.denselayer1.conv1.weight", zeros([16, 8, 1, 1]));
    expect(() => model.loadStateDict(old)).toThrow(/unexpected \(1\): features.denseblock1.denselayer1.conv.1.weight/);
  });

  it("drops what a layer adds, in training", async () => {
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

describe("MnasNet", () => {
  const build = () => new models.MNASNet(0.75, { numClasses: 3 });

  it("becomes one of version 1 by a file of version 1, and stays so when it is saved", async () => {
    const state = versionOne();
    const model = build().eval();
    model.loadStateDict(state);
    expect(model.modules().every((m) => !m.training)).toBe(true);
    const again = build();
    again.loadStateDict(model.stateDict());
    expect(again.stateVersion).toBe(1);
    const block = "layers.8.0.layers.0.weight";
    expect(await numbers(again.stateDict().get(block)!)).toEqual(await numbers(state.get(block)!));
    expect(() => again.loadStateDict(build().stateDict())).toThrow(StateDictError);
  });

  it("knows a file of version 1 by its version alone", () => {
    const model = build();
    const before = stateOf(model);
    const state = versionOne();
    expect(() => model.loadStateDict(new Map(state))).toThrow(/shape of layers.0.weight: \[32, .* \[24, /);
    state.metadata.set("", new Map([["version", 2]]));
    expect(() => model.loadStateDict(state)).toThrow(StateDictError);
    expect(stateOf(model)).toEqual(before);
  });

  it("of alpha 1 is the same in both versions", () => {
    const model = models.mnasnet1_0({ numClasses: 3 });
    const [first] = model.parameters();
    const state = models.mnasnet1_0({ numClasses: 3 }).stateDict();
    state.metadata.set("", new Map([["version", 1]]));
    model.loadStateDict(state);
    expect(model.parameters()[0]).toBe(first);
  });
});

describe("MobileNetV2", () => {
  it("takes another block", () => {
    const asked: InvertedResidualOptions[] = [];
    const block = (options: InvertedResidualOptions): Layer => {
      asked.push(options);
      return new Identity();
    };
    const model = models.mobilenet_v2({ block, widthMult: 0.5, invertedResidualSetting: [[2, 32, 2, 2]] });
    expect(asked.map(({ inputs, outputs, stride, expandRatio }) => [inputs, outputs, stride, expandRatio])).toEqual([
      [16, 16, 2, 2],
      [16, 16, 1, 2],
    ]);
    expect(model.features[1]).toBeInstanceOf(Identity);
    expect(model.lastChannel).toBe(1280);
  });
});

it("says what is wrong with options", () => {
  const squeezenet = (version: string) => () => new models.SqueezeNet(version as "1_0");
  expect(squeezenet("1_2")).toThrow(/no version 1_2; it is 1_0 or 1_1/);
  expect(squeezenet("toString")).toThrow(/no version toString/);
  expect(() => new models.MNASNet(0)).toThrow(/alpha is 0; it is above 0/);
  expect(() => models.mobilenet_v2({ invertedResidualSetting: [] })).toThrow(/one or more rows .*given: \[\]/);
  const short = [[1, 16, 1]] as unknown as [[number, number, number, number]];
  expect(() => models.mobilenet_v2({ invertedResidualSetting: short })).toThrow(/given: \[\[1,16,1\]\]/);
  expect(() => models.mobilenet_v2({ invertedResidualSetting: [[1, 16, 1, 3]] })).toThrow(/stride 3; it is 1 or 2/);
  expect(() => models.getModel("vgg11", { drop: 0.1 } as object)).toThrow(
    /VGG: unknown option "drop"; it takes: numClasses, initWeights, dropout/,
  );
});
