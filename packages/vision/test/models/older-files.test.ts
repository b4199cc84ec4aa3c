/** Files that torchvision wrote in earlier versions, in which layers had other names or other sizes. */

import { fromHost, init, noGrad, randn, type Tensor, zeros } from "@kindling/core";
import { type Layer, StateDictError } from "@kindling/nn";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";
import { mnasnetStateOfVersion1 } from "./optioned.js";
import { blank, difference, fill, noiseTensor, numbers, stateOf } from "./recorded.js";

beforeAll(() => init({ device: "cpu" }));

const logits = (model: Layer, x: Tensor): Promise<number[]> => numbers(noGrad(() => model.call(x)));

it("DenseNet takes files with dots in the layers' names, and files without", async () => {
  const build = () => new models.DenseNet(4, [2, 1], 8, { numClasses: 3 }).eval();
  const model = build();
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
  const want = await logits(model, x);
  for (const state of [old, current]) {
    const loaded = build();
    expect(loaded.loadStateDict(state)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(await logits(loaded, x)).toEqual(want);
  }
  old.set("features.denseblock1.denselayer1.conv1.weight", zeros([16, 8, 1, 1]));
  expect(() => model.loadStateDict(old)).toThrow(/unexpected \(1\): features.denseblock1.denselayer1.conv.1.weight/);
});

describe("MnasNet", () => {
  const build = (alpha = 0.75): models.MNASNet => {
    const model = new models.MNASNet(alpha, { numClasses: 3 });
    blank(model);
    return model;
  };

  it("becomes one of version 1 by a file of version 1, and stays so when it is saved", async () => {
    const state = mnasnetStateOfVersion1();
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
    const state = mnasnetStateOfVersion1();
    expect(() => model.loadStateDict(new Map(state))).toThrow(/shape of layers.0.weight: \[32, .* \[24, /);
    state.metadata.set("", new Map([["version", 2]]));
    expect(() => model.loadStateDict(state)).toThrow(StateDictError);
    expect(stateOf(model)).toEqual(before);
  });

  it("of alpha 1 is the same in both versions", () => {
    const model = build(1);
    const [first] = model.parameters();
    const state = build(1).stateDict();
    state.metadata.set("", new Map([["version", 1]]));
    model.loadStateDict(state);
    expect(model.parameters()[0]).toBe(first);
  });
});

it("vision transformers take other names of the maps of their MLPs; both spellings load", async () => {
  const sizes = { patchSize: 8, numLayers: 2, numHeads: 3, hiddenDim: 12, mlpDim: 20 };
  const build = () => new models.VisionTransformer(sizes, { imageSize: 32, numClasses: 4 });
  const [from, to] = [build(), build()];
  fill(from);
  const old = (key: string): string => key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2.");
  const state = new Map([...from.stateDict()].map(([key, t]) => [old(key), t]));
  expect([...state.keys()].filter((key) => key.includes("linear_"))).toHaveLength(8);
  to.loadStateDict(state);
  for (const [key, t] of to.stateDict()) expect(await numbers(t)).toEqual(await numbers(from.stateDict().get(key)!));
  to.loadStateDict(from.stateDict());
});

it("Swin takes the index of relative positions that a file brings", async () => {
  const sizes = { patchSize: [2, 4], embedDim: 12, depths: [1, 2], numHeads: [2, 3], windowSize: [3, 5] } as const;
  const model = new models.SwinTransformer(sizes, { numClasses: 3 }).eval();
  fill(model);
  const x = noiseTensor([1, 3, 12, 40], 1);
  const before = await logits(model, x);
  const state = model.stateDict();
  for (const [key, t] of state)
    if (key.endsWith("relative_position_index")) state.set(key, fromHost(new BigInt64Array(t.numel), t.shape, "int64"));
  model.loadStateDict(state);
  expect(difference(await logits(model, x), before)).toBeGreaterThan(1e-3);
});
