/**
 * Vision transformers, Swin and MaxViT against torchvision: logits and gradients of small models, also where maps do not
 * fit the windows, and position embeddings for images of other sizes.
 */

import { init, noGrad, ones, randn, stack, type Tensor } from "@kindling/core";
import { type Layer, type Module, SiLU } from "@kindling/nn";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";
import { difference, expectStructure, fill, noiseTensor, numbers, type Run, torchvision } from "./recorded.js";

beforeAll(() => init({ device: "cpu" }));

const VIT = { patchSize: 8, numLayers: 2, numHeads: 3, hiddenDim: 12, mlpDim: 20 };
const SWIN = { patchSize: [2, 4], embedDim: 12, depths: [1, 2], numHeads: [2, 3], windowSize: [3, 5] } as const;
const MAXVIT = { stemChannels: 8, partitionSize: 3, blockChannels: [8, 12], blockLayers: [2, 1], headDim: 4 };
const V2 = { block: models.SwinTransformerBlockV2, downsampleLayer: models.PatchMergingV2 };

const SMALL: Record<string, () => Layer> = {
  vit: () => new models.VisionTransformer(VIT, { imageSize: 32, numClasses: 4 }),
  "vit with convolutions": () =>
    new models.VisionTransformer(
      { ...VIT, numLayers: 1 },
      {
        imageSize: 32,
        numClasses: 4,
        representationSize: 9,
        convStemConfigs: [
          { outChannels: 5, kernelSize: 3, stride: 2 },
          { outChannels: 6, kernelSize: 3, stride: 4, activationLayer: (options) => new SiLU(options) },
        ],
      },
    ),
  swin: () => new models.SwinTransformer(SWIN, { stochasticDepthProb: 0.05, numClasses: 3 }),
  "swin v2": () => new models.SwinTransformer(SWIN, { stochasticDepthProb: 0.05, numClasses: 3, ...V2 }),
  maxvit: () => new models.MaxVit(MAXVIT, { inputSize: [48, 48], numClasses: 3, expansionRatio: 2.5, mlpRatio: 2 }),
};

/** The norms of tensors, and their sums with weights, in turn. */
function measures(tensors: readonly Tensor[]): Promise<number[]> {
  const weighted = (t: Tensor): Tensor => t.flatten().mul(noiseTensor([t.numel], 1002));
  return numbers(stack(tensors.flatMap((t) => [t.square().sum().sqrt(), weighted(t).sum()])));
}

async function expectRun(model: Module & Layer, { shape, logits, gradients }: Run): Promise<void> {
  const x = noiseTensor(shape, 1000).requiresGrad_();
  model.zeroGrad();
  const y = model.call(x);
  y.mul(noiseTensor(y.shape, 1001)).sum().backward();
  expect(difference(await numbers(y), logits), "logits").toBeLessThan(1e-5);
  const leaves = new Map<string, Tensor>([["<input>", x], ...model.namedParameters()]);
  expect([...leaves.keys()]).toEqual(gradients.map(([name]) => name));
  const largest = Math.max(...gradients.map(([, norm]) => norm));
  const got = await measures([...leaves.values()].map((leaf) => leaf.grad!));
  for (const [i, [name, norm, sum]] of gradients.entries()) {
    const tolerance = 2e-4 * norm + 1e-6 * largest;
    expect(Math.abs(got[2 * i] - norm), `norm of the gradient of ${name}`).toBeLessThan(tolerance);
    expect(Math.abs(got[2 * i + 1] - sum), `gradient of ${name}`).toBeLessThan(tolerance);
  }
}

describe("logits and gradients", () => {
  it("are tested of all that was recorded", () =>
    expect(Object.keys(SMALL)).toEqual(Object.keys(torchvision.attention)));

  it.each(Object.keys(SMALL))("%s", async (name) => {
    const model = SMALL[name]().eval();
    const { runs, ...structure } = torchvision.attention[name];
    expectStructure(model, structure);
    fill(model);
    // The first size comes again, after others for which windows lie otherwise.
    for (const run of [...runs, runs[0]]) await expectRun(model, run);
  });

  it("differ from call to call by dropped attention, in training alone", async () => {
    const model = new models.SwinTransformer(SWIN, { numClasses: 3, attentionDropout: 0.5, stochasticDepthProb: 0 });
    fill(model);
    const x = noiseTensor([1, 3, 12, 40], 1);
    const logits = (): Promise<number[]> => numbers(noGrad(() => model.call(x)));
    model.eval();
    expect(await logits()).toEqual(await logits());
    model.train();
    expect(await logits()).not.toEqual(await logits());
  });
});

describe("position embeddings", () => {
  it.each(torchvision.positions)("of another size: $arguments", async ({ arguments: given, ...want }) => {
    const [imageSize, patchSize, interpolationMode] = given;
    const state = { "encoder.pos_embedding": noiseTensor([1, 17, 3], 0), "heads.head.bias": ones([2]) };
    const resized = models.interpolateEmbeddings(imageSize, patchSize, state, { interpolationMode });
    const embedding = resized.get("encoder.pos_embedding")!;
    expect(embedding.shape).toEqual(want.shape);
    expect(difference(await numbers(embedding), want.values)).toBeLessThan(1e-5);
    expect(resized.get("heads.head.bias")).toBe(state["heads.head.bias"]);
    const headless = models.interpolateEmbeddings(imageSize, patchSize, state, { resetHeads: true });
    expect([...headless.keys()]).toEqual(["encoder.pos_embedding"]);
  });

  it("that are none of a square image are refused", () => {
    expect(() => models.interpolateEmbeddings(32, 8, {})).toThrow(/no "encoder.pos_embedding"/);
    const state = { "encoder.pos_embedding": ones([1, 16, 3]) };
    expect(() => models.interpolateEmbeddings(32, 8, state)).toThrow(/\[1, 16, 3\].*side²/);
  });
});

describe("sizes of images", () => {
  const nothing = (): void => {};

  it("are those of the published weights", async () => {
    const swag = models.getWeight("ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1");
    const model = await models.vit_b_16.pretrained(swag, {}, nothing);
    expect([model.imageSize, model.encoder.pos_embedding.shape]).toEqual([384, [1, 577, 768]]);
    await expect(models.vit_b_16.pretrained(swag, { imageSize: 224 }, nothing)).rejects.toThrow(
      /'imageSize' expected value 384 but got 224/,
    );
    const { DEFAULT } = models.getModelWeights("maxvit_t");
    const maxvit = (side: number) => models.maxvit_t.pretrained(DEFAULT, { inputSize: [side, side] }, nothing);
    await expect(maxvit(448)).rejects.toThrow(/'inputSize' expected value 224/);
    await expect(maxvit(224)).resolves.toBeInstanceOf(models.MaxVit);
  });

  it("that a model was not built for are refused", () => {
    expect(() => SMALL.vit().call(randn([1, 3, 40, 32]))).toThrow(/\[1, 3, 40, 32\].*\[N, 3, 32, 32\]/);
    expect(() => SMALL.maxvit().call(randn([1, 3, 64, 64]))).toThrow(/map is \[1, 8, 16, 16\].*12 × 12/);
  });
});
