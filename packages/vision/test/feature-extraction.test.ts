/** What feature extractors compute, against values of torchvision's that `feature-extraction.py` wrote. */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import {
  ArgumentError,
  fromHost,
  init,
  noGrad,
  randn,
  resetStats,
  stats,
  synchronize,
  type Tensor,
  zeros,
} from "@kindling/core";
import { type Layer, Linear, Module, ReLU } from "@kindling/nn";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";

interface Feature {
  shape: number[];
  mean: number;
  values: number[];
}

const torchvision: { features: Record<"eval" | "train", Record<string, Feature>> } = JSON.parse(
  gunzipSync(readFileSync(new URL("feature-extraction.json.gz", import.meta.url))).toString(),
);

beforeAll(() => init({ device: "cpu" }));

/** The numbers in [-1, 1) that feature-extraction.py fills with. */
function unit(stream: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let x = Math.imul(i + 1, 2654435761) + Math.imul(stream, 40503);
    x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

function filled(model: models.ResNet): models.ResNet {
  const state = [...model.stateDict()].map(([name, t], stream): [string, Tensor] => {
    const fan = t.shape.slice(1).reduce((a, b) => a * b, 1);
    const spread = (u: number): number => {
      if (t.ndim > 1) return u * Math.sqrt(6 / fan);
      return name.endsWith("running_var") || name.endsWith("weight") ? 1 + u / 4 : u / 8;
    };
    if (t.ndim === 0) return [name, fromHost(BigInt64Array.of(0n), [], "int64")];
    return [name, fromHost(Float32Array.from(unit(stream, t.numel), spread), t.shape)];
  });
  model.loadStateDict(new Map(state));
  return model;
}

describe("values", () => {
  const model = filled(models.resnet18());

  it.each(["eval", "train"] as const)("in %s mode are torchvision's", async (mode) => {
    const want = torchvision.features[mode];
    const extractor = models.createFeatureExtractor(model, Object.keys(want));
    extractor.train(mode === "train");
    const x = fromHost(Float32Array.from(unit(1000, 2 * 3 * 64 * 64)), [2, 3, 64, 64]);
    const features = noGrad(() => extractor.call(x));
    expect(Object.keys(features)).toEqual(Object.keys(want));
    for (const [name, { shape, mean, values }] of Object.entries(want)) {
      expect(features[name].shape).toEqual(shape);
      const data = Array.from(await features[name].data(), Number);
      expect(data.reduce((a, b) => a + b, 0) / data.length).toBeCloseTo(mean, 4);
      const step = Math.max(1, Math.floor(data.length / 16));
      const sampled = data.filter((_, i) => i % step === 0);
      expect(sampled).toHaveLength(values.length);
      const scale = Math.max(...values.map(Math.abs));
      for (const [i, value] of values.entries()) expect(Math.abs(sampled[i] - value) / scale).toBeLessThan(1e-4);
    }
  });
});

describe("an extractor", () => {
  it("computes no more than its nodes need, in training mode too", async () => {
    const count = async (run: () => unknown): Promise<number> => {
      await synchronize();
      resetStats();
      const result = noGrad(run) as Tensor | Record<string, Tensor>;
      for (const t of "shape" in result ? [result as Tensor] : Object.values(result)) await t.data();
      return stats().byOp.conv2d ?? 0;
    };
    const model = models.resnet18().eval();
    const x = randn([1, 3, 32, 32]);
    await model.call(x).data();
    expect(await count(() => model.call(x))).toBe(20);
    // The stem, and four convolutions a stage with one more where the shape changes.
    expect(await count(() => models.createFeatureExtractor(model, ["layer2"]).call(x))).toBe(1 + 4 + 5);
    expect(await count(() => models.createFeatureExtractor(model, ["layer1.0.conv1"]).call(x))).toBe(2);
    expect(await count(() => models.createFeatureExtractor(model, ["layer2"]).train().call(x))).toBe(1 + 4 + 5);
    const batches = (key: string) => Number(model.stateDict().get(`${key}.num_batches_tracked`)!.hostData()![0]);
    expect([batches("layer2.1.bn2"), batches("layer3.0.bn1")]).toEqual([1, 0]);
  });

  it("gives its results names, in the order in which they are computed", () => {
    const model = models.resnet18().eval();
    const extractor = models.createFeatureExtractor(model, { "layer3.1.conv2": "mid", layer1: "low" });
    const { low, mid } = noGrad(() => extractor.call(randn([1, 3, 64, 64])));
    expect([low.shape, mid.shape]).toEqual([
      [1, 64, 16, 16],
      [1, 256, 4, 4],
    ]);
    expect(Object.keys(noGrad(() => extractor.call(randn([1, 3, 64, 64]))))).toEqual(["low", "mid"]);
  });

  it("trains what it has: gradients flow to the model's own parameters", async () => {
    const model = models.shufflenet_v2_x0_5();
    const extractor = models.createFeatureExtractor(model, ["stage2"]);
    expect(extractor.parameters().length).toBeLessThan(model.parameters().length);
    extractor
      .train()
      .call(randn([2, 3, 32, 32]))
      .stage2.square()
      .mean()
      .backward();
    expect(extractor.parameters().every((p) => p.grad)).toBe(true);
    const [weight] = model.conv1.parameters();
    expect(await weight.grad!.abs().amax().item()).toBeGreaterThan(0);
    expect(model.fc.parameters().some((p) => p.grad)).toBe(false);
  });

  it("leaves no hook behind, not even where the model fails", async () => {
    const model = models.shufflenet_v2_x0_5().eval();
    const x = randn([1, 3, 32, 32]);
    const kernels = async (): Promise<number> => {
      await synchronize();
      resetStats();
      await noGrad(() => model.call(x)).data();
      return stats().dispatches;
    };
    await kernels();
    const before = await kernels();
    const extractor = models.createFeatureExtractor(model, ["stage2"]);
    await noGrad(() => extractor.call(x)).stage2.data();
    expect(() => extractor.call(zeros([1, 4, 32, 32]))).toThrow(/4 channels/);
    expect(await kernels()).toBe(before);
  });

  it("has a node for every call of a layer", async () => {
    class Shared extends Module implements Layer {
      fc = new Linear(2, 2);
      fc_1 = new Linear(2, 2);
      forward = (x: Tensor): Tensor => this.fc_1.call(this.fc.call(this.fc.call(this.fc.call(x))));
    }
    const model = new Shared();
    const inputShape = [1, 2];
    expect(models.getGraphNodeNames(model, { inputShape })).toEqual(["fc", "fc_2", "fc_3", "fc_1"]);
    const x = randn([3, 2]);
    const { fc, second } = models.createFeatureExtractor(model, { fc_2: "second", fc: "fc" }, { inputShape }).call(x);
    expect(await second.data()).toEqual(await model.fc.call(fc).data());
    expect(Object.keys(model)).toContain("forward");
    expect(model.call(x).shape).toEqual([3, 2]);
  });

  it("shares modes, conversions and replaced layers with the model, which stays whole", async () => {
    const model = models.vit_b_32({ imageSize: 64 });
    const extractor = models.createFeatureExtractor(model, ["encoder.layers.encoder_layer_0"]);
    extractor.eval();
    expect([model.training, model.encoder.training, model.encoder.layers.at(0).training]).toEqual([
      false,
      false,
      false,
    ]);
    expect(extractor.training).toBe(false);
    model.train();
    expect(extractor.training).toBe(true);
    expect(extractor.toString()).toMatch(
      /^FeatureExtractor\(\n {2}\(conv_proj\): Conv2d.*\n {2}\(encoder\): Encoder\(/,
    );
    extractor.to("float16");
    expect(model.class_token.dtype).toBe("float16");
    expect(model.encoder.pos_embedding.dtype).toBe("float16");
    extractor.to("float32");
    expect(extractor.stateDict().get("class_token")).toBe(model.class_token);
    const features = noGrad(() => extractor.eval().call(randn([1, 3, 64, 64])));
    expect(features["encoder.layers.encoder_layer_0"].shape).toEqual([1, 5, 768]);
    expect(noGrad(() => model.call(randn([1, 3, 64, 64]))).shape).toEqual([1, 1000]);
  });
});

describe("errors", () => {
  it("name what is near", () => {
    const model = models.resnet18();
    expect(() => models.createFeatureExtractor(model, ["layer5"])).toThrow(ArgumentError);
    expect(() => models.createFeatureExtractor(model, ["layer5"])).toThrow(
      /ResNet has no node "layer5"; did you mean layer1 or layer2 or layer3\?/,
    );
    expect(() => models.createFeatureExtractor(model, ["encoder"])).toThrow(/at its top are conv1, bn1, relu/);
    expect(() => models.createFeatureExtractor(models.googlenet(), ["aux1"])).toThrow(
      /"aux1"; evaluation mode does not/,
    );
    expect(() => models.createFeatureExtractor(model, [])).toThrow(/no nodes were given/);
    expect(() => models.createFeatureExtractor(model, { layer1: "a", layer2: "a" })).toThrow(/two nodes .* "a"/);
  });

  it("say that a model takes other inputs than were traced", () => {
    const vit = models.vit_b_32({ imageSize: 64 });
    expect(() => models.createFeatureExtractor(vit, ["conv_proj"], { inputShape: [1, 3, 32, 32] })).toThrow(
      /imageSize/,
    );
    // The trace has taken itself away again.
    expect(vit.training).toBe(true);
    expect(noGrad(() => vit.call(randn([1, 3, 64, 64]))).shape).toEqual([1, 1000]);
  });

  it("say that a node was not computed", () => {
    const changed = models.resnet18();
    const extractor = models.createFeatureExtractor(changed, ["layer1.1.relu_1"]);
    changed.layer1[1] = new ReLU();
    expect(() => extractor.call(randn([1, 3, 32, 32]))).toThrow(/has no child "relu"/);
  });
});
