/**
 * GoogLeNet, Inception v3, EfficientNet, ConvNeXt and RegNet with options: structure against what torchvision builds for
 * the same ones (families-b.py records it), auxiliary classifiers, the forms of published weights, and initial values.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { init, noGrad, randn, Tensor, tensor } from "@kindling/core";
import { BatchNorm2d, Conv2d, GroupNorm, LayerNorm, Linear, type Module, type Parameter, SiLU } from "@kindling/nn";
import { models, ops } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";
import { LayerNorm2d } from "../../dist/models/convnext.js";
import { FusedMBConv, MBConv } from "../../dist/models/efficientnet.js";
import { InceptionAux } from "../../dist/models/inception.js";
import { basicConv2d } from "../../dist/models/inception-parts.js";
import { BlockParams } from "../../dist/models/regnet.js";

interface Recorded {
  models: Record<string, { state: [name: string, dtype: string, shape: number[]][]; tree: string }>;
  designs: [design: number[], stages: Record<"depths" | "widths" | "groupWidths", number[]>][];
}

const torchvision: Recorded = JSON.parse(
  gunzipSync(readFileSync(new URL("families-b.json.gz", import.meta.url))).toString(),
);

beforeAll(() => init());

const BUILT: Record<string, () => Module> = {
  "googlenet without aux": () =>
    models.googlenet({ auxLogits: false, numClasses: 7, dropout: 0.3, initWeights: false }),
  "googlenet dropout": () => models.googlenet({ numClasses: 7, dropout: 0.3, dropoutAux: 0.1 }),
  "inception without aux": () =>
    models.inception_v3({ auxLogits: false, numClasses: 7, dropout: 0.3, initWeights: false }),
  "efficientnet options": () =>
    models.efficientnet_b1({ numClasses: 5, stochasticDepthProb: 0.5, normLayer: (c) => new GroupNorm(8, c) }),
  "efficientnet stages": () =>
    new models.EfficientNet(
      [
        { block: FusedMBConv, expandRatio: 2, kernel: 3, stride: 1, inputChannels: 16, outChannels: 24, numLayers: 2 },
        { block: MBConv, expandRatio: 3.5, kernel: 5, stride: 2, inputChannels: 24, outChannels: 40, numLayers: 2 },
      ],
      { dropout: 0.7, stochasticDepthProb: 0.1, lastChannel: 100, numClasses: 3 },
    ),
  "convnext options": () =>
    models.convnext_tiny({ numClasses: 4, stochasticDepthProb: 0.3, normLayer: (c) => new GroupNorm(1, c) }),
  "convnext stages": () =>
    new models.ConvNeXt(
      [
        { inputChannels: 8, outChannels: 16, numLayers: 2 },
        { inputChannels: 16, outChannels: 24, numLayers: 1 },
      ],
      { numClasses: 3 },
    ),
  "regnet options": () =>
    models.regnet_y_400mf({
      numClasses: 4,
      stemWidth: 16,
      activation: (options) => new SiLU(options),
      normLayer: (c) => new BatchNorm2d(c, { eps: 1e-3 }),
    }),
  "regnet stages": () => {
    const lists = { depths: [1, 2], widths: [24, 48], groupWidths: [8, 12], strides: [1, 2] };
    const params = new BlockParams({ ...lists, bottleneckMultipliers: [1.5, 0.5], seRatio: 0.3 });
    return new models.RegNet(params, { numClasses: 3 });
  },
};

describe("structure with options", () => {
  it("covers what was recorded", () => expect(Object.keys(BUILT)).toEqual(Object.keys(torchvision.models)));

  it.each(Object.keys(BUILT))("%s", (name) => {
    const model = BUILT[name]();
    const { state, tree } = torchvision.models[name];
    expect([...model.stateDict()].map(([key, t]) => [key, t.dtype, [...t.shape]])).toEqual(state);
    expect(`${model}`).toBe(tree);
  });

  it.each(torchvision.designs)("stages of the design %j", (design, stages) => {
    const [depth, w0, wa, wm, groupWidth, bottleneckMultiplier] = design;
    const params = BlockParams.fromInitParams({ depth, w0, wa, wm, groupWidth, bottleneckMultiplier });
    expect(params).toMatchObject(stages);
  });

  it("refuses what no network can be built from", () => {
    const design = { depth: 4, w0: 20, wa: 8, wm: 2, groupWidth: 8 };
    expect(() => BlockParams.fromInitParams(design)).toThrow(/w0 20.*multiple of 8/);
    const lists = { widths: [8], groupWidths: [8], bottleneckMultipliers: [1], strides: [2] };
    expect(() => new BlockParams({ ...lists, depths: [1, 2] })).toThrow(/have 2, 1, 1, 1, 1 entries/);
    expect(() => new models.EfficientNet([])).toThrow(/no stages/);
    expect(() => new models.ConvNeXt([])).toThrow(/no stages/);
    expect(() => models.googlenet({ blocks: [] as never })).toThrow(/0 blocks; give three/);
    expect(() => models.inception_v3({ inceptionBlocks: [] as never })).toThrow(/0 inceptionBlocks; give seven/);
    const stage = { block: MBConv, expandRatio: 1, kernel: 3, inputChannels: 8, outChannels: 8, numLayers: 1 };
    expect(() => new models.EfficientNet([{ ...stage, stride: 3 }])).toThrow(/MBConv: stride 3/);
  });
});

const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);
const same = async (a: Tensor, b: Tensor): Promise<boolean> => (await a.sub(b).abs().amax().item()) === 0;

describe("auxiliary classifiers", () => {
  it("GoogLeNet gives theirs in training, under torchvision's names", async () => {
    const model = models.googlenet({ numClasses: 5, dropoutAux: 0, initWeights: false });
    const heads: Record<string, Tensor> = {};
    for (const name of ["aux1", "aux2"] as const)
      model[name]!.registerForwardHook((_m, _i, y) => void (heads[name] = y));
    const x = randn([2, 3, 64, 64]);
    const outputs = noGrad(() => model.call(x)) as models.GoogLeNetOutputs;
    expect(Object.keys(outputs)).toEqual(["logits", "auxLogits2", "auxLogits1"]);
    expect(Object.values(outputs).map((t) => t.shape)).toEqual([
      [2, 5],
      [2, 5],
      [2, 5],
    ]);
    // torchvision's record swaps the two.
    expect(await same(outputs.auxLogits2, heads.aux1)).toBe(true);
    expect(await same(outputs.auxLogits1, heads.aux2)).toBe(true);
    expect(noGrad(() => model.eval().call(x))).toBeInstanceOf(Tensor);
    model.train().auxLogits = false;
    expect(noGrad(() => model.call(x))).toBeInstanceOf(Tensor);
  });

  it("Inception v3 gives its own in training", () => {
    const model = models.inception_v3({ numClasses: 5, initWeights: false });
    const x = randn([2, 3, 299, 299]);
    const outputs = noGrad(() => model.call(x)) as models.InceptionOutputs;
    expect(Object.entries(outputs).map(([name, t]) => [name, t.shape])).toEqual([
      ["logits", [2, 5]],
      ["auxLogits", [2, 5]],
    ]);
    model.AuxLogits = null;
    expect(noGrad(() => model.call(x))).toBeInstanceOf(Tensor);
  });

  it("are made by the blocks that are given", () => {
    const stem: number[] = [];
    const heads: number[][] = [];
    models.googlenet({
      numClasses: 3,
      dropoutAux: 0.4,
      blocks: [
        (inChannels, outChannels, options) => {
          stem.push(outChannels);
          return basicConv2d(inChannels, outChannels, options);
        },
        (inChannels, ...widths) => basicConv2d(inChannels, widths[0], { kernelSize: 1 }),
        (inChannels, numClasses, { dropout }) => {
          heads.push([inChannels, numClasses, dropout]);
          return new InceptionAux(inChannels, numClasses);
        },
      ],
    });
    expect(stem).toEqual([64, 64, 192]);
    expect(heads).toEqual([
      [512, 3, 0.4],
      [528, 3, 0.4],
    ]);
  });
});

describe("with published weights", () => {
  const published = async <M extends Module, O>(
    builder: { pretrained(weights: never, options: O, load: (model: M) => void): Promise<M> },
    name: string,
    options: O,
  ): Promise<{ loaded: string[]; model: M }> => {
    let loaded: string[] = [];
    const weights = models.getModelWeights(name).DEFAULT as never;
    const model = await builder.pretrained(weights, options, (built) => {
      loaded = [...built.stateDict().keys()];
    });
    return { loaded, model };
  };

  it("GoogLeNet drops the auxiliary classifiers once they are loaded, and transforms its input", async () => {
    const { loaded, model } = await published(models.googlenet, "googlenet", {});
    expect(loaded).toContain("aux2.fc2.weight");
    expect([model.auxLogits, model.aux1, model.aux2, model.transformInput]).toEqual([false, null, null, true]);
    const kept = await published(models.googlenet, "googlenet", { auxLogits: true, transformInput: false });
    expect([kept.model.auxLogits, kept.model.transformInput]).toEqual([true, false]);
    expect(kept.model.aux1).not.toBeNull();
  });

  it("Inception v3 keeps its own unless told otherwise", async () => {
    const { model } = await published(models.inception_v3, "inception_v3", {});
    expect([model.auxLogits, model.transformInput]).toEqual([true, true]);
    expect(model.AuxLogits).not.toBeNull();
    const without = await published(models.inception_v3, "inception_v3", { auxLogits: false });
    expect(without.loaded).toContain("AuxLogits.fc.weight");
    expect([without.model.auxLogits, without.model.AuxLogits]).toEqual([false, null]);
  });

  it("the transform takes ImageNet's normalisation to the range −1 to 1", async () => {
    const model = models.googlenet({ transformInput: true, auxLogits: false, initWeights: false }).eval();
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

describe("initial values", () => {
  const weights = (model: Module, kind: typeof Conv2d | typeof Linear): Parameter[] =>
    model
      .modules()
      .filter((m) => m instanceof kind)
      .map((m) => (m as Conv2d | Linear).weight);
  /** The deviation of a weight over the one it should have. */
  const ratio = async (weight: Tensor, deviation: number): Promise<number> => (await weight.std().item()) / deviation;
  const largest = (model: Module, kind: typeof Conv2d | typeof Linear): Parameter =>
    weights(model, kind).reduce((a, b) => (b.numel > a.numel ? b : a));

  it("GoogLeNet and Inception v3: truncated normal", async () => {
    const googlenet = models.googlenet({ numClasses: 10 });
    expect(await ratio(largest(googlenet, Conv2d), 0.01)).toBeCloseTo(1, 1);
    expect(await ratio(largest(googlenet, Linear), 0.01)).toBeCloseTo(1, 1);
    const inception = models.inception_v3();
    expect(await ratio(largest(inception, Conv2d), 0.1)).toBeCloseTo(1, 1);
    expect(await ratio((inception.fc as Linear).weight, 0.1)).toBeCloseTo(1, 1);
    const head = inception.AuxLogits as InceptionAux;
    expect(await ratio((head.fc as Linear).weight, 0.001)).toBeCloseTo(1, 1);
    expect(await ratio(weights(head, Conv2d)[1], 0.1)).toBeCloseTo(1, 1);
  });

  it("without initWeights: the layers' own", async () => {
    const model = models.googlenet({ initWeights: false, auxLogits: false });
    expect(await ratio((model.fc as Linear).weight, 1 / Math.sqrt(3 * 1024))).toBeCloseTo(1, 1);
  });

  it("EfficientNet: fan out, and uniform over the classes", async () => {
    const model = models.efficientnet_b0({ numClasses: 100 });
    const depthwise = weights(model, Conv2d).find((w) => w.shape[1] === 1 && w.shape[0] === 1152 && w.shape[2] === 5)!;
    expect(await ratio(depthwise, Math.sqrt(2 / (1152 * 25)))).toBeCloseTo(1, 1);
    const { weight, bias } = model.classifier[1] as Linear;
    expect(await ratio(weight, 0.1 / Math.sqrt(3))).toBeCloseTo(1, 1);
    expect(await bias!.abs().sum().item()).toBe(0);
  });

  it("ConvNeXt: truncated normal, and branches that start near zero", async () => {
    const model = models.convnext_tiny({ layerScale: 0.25 });
    expect(await ratio(largest(model, Conv2d), 0.02)).toBeCloseTo(1, 1);
    expect(await ratio(largest(model, Linear), 0.02)).toBeCloseTo(1, 1);
    const scale = model.getSubmodule("features.1.0").parameters()[0];
    expect(scale.shape).toEqual([96, 1, 1]);
    expect(new Set(await numbers(scale))).toEqual(new Set([0.25]));
    const biases = model.namedParameters().filter(([name, p]) => name.endsWith("bias") && p.numel === 96);
    for (const [, bias] of biases) expect(await bias.abs().sum().item()).toBe(0);
  });

  it("RegNet: fan out, and the bias of squeeze-and-excitation as it is", async () => {
    const model = models.regnet_y_400mf();
    const grouped = model.getSubmodule("trunk_output.block4.block4-1.f.b.0") as Conv2d;
    expect(await ratio(grouped.weight, Math.sqrt(2 / (9 * grouped.outChannels)))).toBeCloseTo(1, 1);
    expect(await ratio((model.fc as Linear).weight, 0.01)).toBeCloseTo(1, 1);
    const squeeze = model.getSubmodule("trunk_output.block4.block4-1.f.se.fc1") as Conv2d;
    expect(await ratio(squeeze.weight, Math.sqrt(2 / squeeze.outChannels))).toBeCloseTo(1, 1);
    expect(await squeeze.bias!.abs().sum().item()).toBeGreaterThan(0);
  });
});

describe("building blocks", () => {
  it("LayerNorm2d is LayerNorm over the channels", async () => {
    const images = new LayerNorm2d(6);
    noGrad(() => {
      for (const p of images.parameters()) p.normal_();
    });
    const rows = new LayerNorm(6);
    rows.loadStateDict(images.stateDict());
    const x = randn([2, 6, 3, 4]);
    const want = rows.call(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
    expect(await same(images.call(x), want)).toBe(true);
  });

  it("Conv2dNormActivation keeps the size of kernels that are not square", () => {
    const x = randn([1, 2, 9, 10]);
    const block = new ops.Conv2dNormActivation(2, 4, { kernelSize: [1, 5], dilation: [1, 2], inplace: false });
    expect(block.call(x).shape).toEqual([1, 4, 9, 10]);
    expect(`${block.at(0)}`).toContain("padding=(0, 4), dilation=(1, 2)");
    expect(`${block.at(2)}`).toBe("ReLU()");
  });

  it("are printed with floats as torch prints them", () => {
    expect(`${new ops.StochasticDepth(0, "row")}`).toBe("StochasticDepth(p=0.0, mode=row)");
    expect(`${new ops.FrozenBatchNorm2d(4)}`).toBe("FrozenBatchNorm2d(4, eps=1e-05)");
  });
});
