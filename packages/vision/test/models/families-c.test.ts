/**
 * Vision transformers, Swin and MaxViT against torchvision: structure with options, and logits and gradients of small
 * models whose maps do not fit their windows (families-c.py records both); older files, images of other sizes, initial
 * values.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { fromHost, init, noGrad, ones, randn, type Tensor } from "@kindling/core";
import { BatchNorm2d, type Layer, LayerNorm, type Linear, type Module, ReLU, SiLU } from "@kindling/nn";
import { models, ops } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";
import { PatchMergingV2, SwinTransformerBlockV2 } from "../../dist/models/swin.js";

interface Structure {
  state: [name: string, dtype: string, shape: number[]][];
  tree: string;
}

interface Run {
  shape: number[];
  logits: number[];
  /** Of each parameter and the input, the gradient's norm and its sum with weights. */
  gradients: [name: string, norm: number, sum: number][];
}

interface Recorded {
  structure: Record<string, Structure>;
  computed: Record<string, Structure & { runs: Run[] }>;
  positions: { arguments: [number, number, "bicubic" | "bilinear"]; shape: number[]; values: number[] }[];
}

const torchvision: Recorded = JSON.parse(
  gunzipSync(readFileSync(new URL("families-c.json.gz", import.meta.url))).toString(),
);

beforeAll(() => init({ device: "cpu" }));

const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);
const looseNorm: ops.NormLayer = (channels) => new LayerNorm(channels, { eps: 1e-3 });

const STRUCTURE: Record<string, () => Layer> = {
  "vit options": () =>
    models.vit_b_32({
      imageSize: 64,
      numClasses: 7,
      representationSize: 33,
      dropout: 0.1,
      attentionDropout: 0.2,
      normLayer: looseNorm,
    }),
  "swin options": () =>
    models.swin_t({ numClasses: 5, mlpRatio: 2.5, dropout: 0.1, attentionDropout: 0.3, normLayer: looseNorm }),
  "swin with parts of v2": () =>
    models.swin_t({ numClasses: 3, block: SwinTransformerBlockV2, downsampleLayer: PatchMergingV2 }),
  "maxvit options": () =>
    models.maxvit_t({
      inputSize: [448, 448],
      numClasses: 6,
      mlpDropout: 0.1,
      attentionDropout: 0.2,
      mlpRatio: 3,
      squeezeRatio: 0.3,
      expansionRatio: 2.5,
      activationLayer: (options) => new ReLU(options),
      normLayer: (channels) => new BatchNorm2d(channels, { eps: 1e-4 }),
    }),
};

const VIT = { patchSize: 8, numLayers: 2, numHeads: 3, hiddenDim: 12, mlpDim: 20 };
const SWIN = { patchSize: [2, 4], embedDim: 12, depths: [1, 2], numHeads: [2, 3], windowSize: [3, 5] } as const;
const MAXVIT = { stemChannels: 8, partitionSize: 3, blockChannels: [8, 12], blockLayers: [2, 1], headDim: 4 };
const V2 = { block: SwinTransformerBlockV2, downsampleLayer: PatchMergingV2 };

const COMPUTED: Record<string, () => Layer> = {
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

function expectStructure(model: Module, { state, tree }: Structure): void {
  expect([...model.stateDict()].map(([key, t]) => [key, t.dtype, [...t.shape]])).toEqual(state);
  expect(`${model}`).toBe(tree);
}

/** Numbers in [−1, 1) that families-c.py computes too. */
function noise(shape: readonly number[], stream: number): Float64Array {
  const count = shape.reduce((a, b) => a * b, 1);
  return Float64Array.from({ length: count }, (_, i) => {
    const x = Math.sin(i * 12.9898 + stream * 78.233) * 43758.5453;
    return 2 * (x - Math.floor(x)) - 1;
  });
}

const noiseTensor = (shape: readonly number[], stream: number): Tensor =>
  fromHost(Float32Array.from(noise(shape, stream)), shape);

/** The values of families-c.py for a state-dict entry; those of int64 and of coordinates stay. */
function filled(name: string, t: Tensor, stream: number): Tensor {
  if (t.dtype === "int64" || name.endsWith("relative_coords_table")) return t;
  const [centre, half] = name.endsWith("logit_scale")
    ? [2, 3]
    : name.endsWith("running_var") || (t.ndim === 1 && name.endsWith("weight"))
      ? [1, 0.2]
      : t.ndim >= 2 && name.endsWith("weight")
        ? [0, Math.sqrt(3 / (t.numel / t.shape[0]))]
        : [0, 0.3];
  return fromHost(
    Float32Array.from(noise(t.shape, stream), (x) => centre + half * x),
    t.shape,
  );
}

function fill(model: Module): void {
  const entries = [...model.stateDict()];
  model.loadStateDict(new Map(entries.map(([name, t], stream) => [name, filled(name, t, stream)])));
}

/** The largest difference, relative to the largest value. */
function difference(got: readonly number[], want: readonly number[]): number {
  expect(got.length).toBe(want.length);
  const scale = Math.max(...want.map(Math.abs));
  return Math.max(...got.map((x, i) => Math.abs(x - want[i]))) / scale;
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
  for (const [name, norm, sum] of gradients) {
    const { grad } = leaves.get(name)!;
    const got = [
      await grad!.square().sum().sqrt().item(),
      await grad!
        .flatten()
        .mul(noiseTensor([grad!.numel], 1002))
        .sum()
        .item(),
    ];
    const tolerance = 2e-4 * norm + 1e-6 * largest;
    expect(Math.abs(got[0] - norm), `norm of the gradient of ${name}`).toBeLessThan(tolerance);
    expect(Math.abs(got[1] - sum), `gradient of ${name}`).toBeLessThan(tolerance);
  }
}

describe("against torchvision", () => {
  it("covers what was recorded", () => {
    expect(Object.keys(STRUCTURE)).toEqual(Object.keys(torchvision.structure));
    expect(Object.keys(COMPUTED)).toEqual(Object.keys(torchvision.computed));
  });

  it.each(Object.keys(STRUCTURE))("structure: %s", (name) => {
    expectStructure(STRUCTURE[name](), torchvision.structure[name]);
  });

  it.each(Object.keys(COMPUTED))("logits and gradients: %s", async (name) => {
    const model = COMPUTED[name]().eval();
    const { runs, ...structure } = torchvision.computed[name];
    expectStructure(model, structure);
    fill(model);
    // The first size comes again, after others for which windows lie otherwise.
    for (const run of [...runs, runs[0]]) await expectRun(model, run);
  });

  it.each(torchvision.positions)(
    "position embeddings of another size: $arguments",
    async ({ arguments: given, ...want }) => {
      const [imageSize, patchSize, interpolationMode] = given;
      const state = { "encoder.pos_embedding": noiseTensor([1, 17, 3], 0), "heads.head.bias": ones([2]) };
      const resized = models.interpolateEmbeddings(imageSize, patchSize, state, { interpolationMode });
      const embedding = resized.get("encoder.pos_embedding")!;
      expect(embedding.shape).toEqual(want.shape);
      expect(difference(await numbers(embedding), want.values)).toBeLessThan(1e-5);
      expect(resized.get("heads.head.bias")).toBe(state["heads.head.bias"]);
      expect([...models.interpolateEmbeddings(imageSize, patchSize, state, { resetHeads: true }).keys()]).toEqual([
        "encoder.pos_embedding",
      ]);
    },
  );
});

describe("files", () => {
  it("of older vision transformers name the maps of their MLPs otherwise; both spellings load", async () => {
    const [from, to] = [COMPUTED.vit(), COMPUTED.vit()];
    fill(from);
    const old = (key: string): string => key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2.");
    const state = new Map([...from.stateDict()].map(([key, t]) => [old(key), t]));
    expect([...state.keys()].filter((key) => key.includes("linear_"))).toHaveLength(8);
    to.loadStateDict(state);
    for (const [key, t] of to.stateDict()) expect(await numbers(t)).toEqual(await numbers(from.stateDict().get(key)!));
    to.loadStateDict(from.stateDict());
  });

  it("of Swin may bring an index of their own", async () => {
    const model = COMPUTED.swin().eval();
    fill(model);
    const x = noiseTensor([1, 3, 12, 40], 1);
    const before = await numbers(noGrad(() => model.call(x)));
    const state = model.stateDict();
    for (const [key, t] of state)
      if (key.endsWith("relative_position_index"))
        state.set(key, fromHost(new BigInt64Array(t.numel), t.shape, "int64"));
    model.loadStateDict(state);
    expect(difference(await numbers(noGrad(() => model.call(x))), before)).toBeGreaterThan(1e-3);
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
    await expect(models.maxvit_t.pretrained(DEFAULT, { inputSize: [448, 448] }, nothing)).rejects.toThrow(
      /'inputSize' expected value 224/,
    );
    await expect(models.maxvit_t.pretrained(DEFAULT, { inputSize: [224, 224] }, nothing)).resolves.toBeInstanceOf(
      models.MaxVit,
    );
  });

  it("that a model was not built for are refused", () => {
    expect(() => COMPUTED.vit().call(randn([1, 3, 40, 32]))).toThrow(/\[1, 3, 40, 32\].*\[N, 3, 32, 32\]/);
    expect(() => models.vit_b_16({ imageSize: 100 })).toThrow(/100 is no multiple of the patch size 16/);
    expect(() => COMPUTED.maxvit().call(randn([1, 3, 64, 64]))).toThrow(/map is \[1, 8, 16, 16\].*12 × 12/);
    expect(() => models.maxvit_t({ inputSize: [224, 448] })).toThrow(/\[224, 448\]; images are square/);
    expect(() => models.maxvit_t({ inputSize: [256, 256] })).toThrow(/sides 64, 32, 16, 8.*multiple of 224/);
    expect(() => models.interpolateEmbeddings(32, 8, {})).toThrow(/no "encoder.pos_embedding"/);
    const state = { "encoder.pos_embedding": ones([1, 16, 3]) };
    expect(() => models.interpolateEmbeddings(32, 8, state)).toThrow(/\[1, 16, 3\].*side²/);
  });
});

describe("training", () => {
  it("drops attention in training alone", async () => {
    const model = new models.SwinTransformer(SWIN, { numClasses: 3, attentionDropout: 0.5, stochasticDepthProb: 0 });
    fill(model);
    const x = noiseTensor([1, 3, 12, 40], 1);
    const logits = (): Promise<number[]> => numbers(noGrad(() => model.call(x)));
    model.eval();
    expect(await logits()).toEqual(await logits());
    model.train();
    expect(await logits()).not.toEqual(await logits());
  });

  const ratio = async (t: Tensor, deviation: number): Promise<number> => (await t.std().item()) / deviation;
  const weight = (model: Module, path: string): Tensor => (model.getSubmodule(path) as Linear).weight;

  it("starts as torchvision's vision transformers do", async () => {
    const model = models.vit_b_32({ representationSize: 200 });
    expect(await ratio(weight(model, "conv_proj"), 1 / Math.sqrt(3 * 32 ** 2))).toBeCloseTo(1, 1);
    expect(await ratio(model.encoder.pos_embedding, 0.02)).toBeCloseTo(1, 1);
    const { weight: first, bias } = model.getSubmodule("encoder.layers.encoder_layer_3.mlp.0") as Linear;
    expect(await ratio(first, Math.sqrt(2 / (768 + 3072)))).toBeCloseTo(1, 1);
    expect(await ratio(bias!, 1e-6)).toBeCloseTo(1, 0);
    expect(await ratio(weight(model, "heads.pre_logits"), 1 / Math.sqrt(768))).toBeCloseTo(1, 1);
    for (const p of [model.class_token, ...model.getSubmodule("heads.head").parameters()])
      expect(await p.abs().sum().item()).toBe(0);
    const stem = models.vit_b_32({ convStemConfigs: [{ outChannels: 48, kernelSize: 3, stride: 32 }] });
    expect(await ratio(weight(stem, "conv_proj.conv_last"), Math.sqrt(2 / 768))).toBeCloseTo(1, 1);
  });

  it("starts as torchvision's Swin and MaxViT do", async () => {
    const swin = models.swin_v2_t();
    for (const path of ["features.1.0.attn.qkv", "features.1.0.attn.cpb_mlp.0", "features.1.1.mlp.3", "head"]) {
      expect(await ratio(weight(swin, path), 0.02)).toBeCloseTo(1, 1);
      expect(await (swin.getSubmodule(path) as Linear).bias!.abs().sum().item()).toBe(0);
    }
    const scales = await numbers(swin.stateDict().get("features.1.0.attn.logit_scale")!);
    for (const scale of scales) expect(scale).toBeCloseTo(Math.log(10), 6);
    const table = "attn.relative_position_bias_table";
    expect(await ratio(models.swin_t().stateDict().get(`features.7.0.${table}`)!, 0.02)).toBeCloseTo(1, 1);
    const maxvit = models.maxvit_t();
    const layer = "blocks.3.layers.0.layers";
    for (const path of [`${layer}.MBconv.layers.conv_c`, `${layer}.grid_attention.mlp_layer.1`, "classifier.5"])
      expect(await ratio(weight(maxvit, path), 0.02)).toBeCloseTo(1, 1);
  });
});

describe("building blocks", () => {
  it("MLP normalises its hidden layers, and needs no bias", () => {
    const mlp = new ops.MLP(4, [8, 6, 2], { normLayer: (c) => new LayerNorm(c), bias: false, dropout: 0.5 });
    const kinds = [...mlp].map((layer) => layer.typeName);
    const hidden = ["Linear", "LayerNorm", "ReLU", "Dropout"];
    expect(kinds).toEqual([...hidden, ...hidden, "Linear", "Dropout"]);
    expect(mlp.stateDict().has("0.bias")).toBe(false);
    expect(`${mlp.at(3)}`).toBe("Dropout(p=0.5, inplace=True)");
    expect(mlp.call(randn([3, 5, 4])).shape).toEqual([3, 5, 2]);
  });

  it("Permute reorders dimensions", () => {
    expect(new ops.Permute([0, 2, 3, 1]).call(randn([1, 2, 3, 4])).shape).toEqual([1, 3, 4, 2]);
  });
});
