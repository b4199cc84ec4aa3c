/** Groups by depth: every trainable parameter once, from stem to head, for every model. */

import { ArgumentError } from "@kindling/core";
import type { Module, Parameter } from "@kindling/nn";
import { models } from "@kindling/vision";
import { describe, expect, it } from "vitest";

const depthsOf = (model: Module): string[] =>
  models.parameterGroupsByDepth(model, { lr: 1, decay: 0.5 }).map(({ name }) => name);

/** State-dict names of the parameters in a group. */
function pathsOf(model: Module, params: readonly Parameter[]): string[] {
  const names = new Map(model.namedParameters().map(([name, parameter]) => [parameter, name]));
  return params.map((parameter) => names.get(parameter)!);
}

describe("every model", () => {
  it.each(models.listModels())("%s: each trainable parameter once, rates rising to the head", (name) => {
    const model = models.getModel(name);
    const groups = models.parameterGroupsByDepth(model, { lr: 1e-3, decay: 0.9, weightDecay: 0.05, noDecay: true });
    const params = groups.flatMap((group) => group.params);
    expect(new Set(params).size).toBe(params.length);
    expect(new Set(params)).toEqual(new Set(model.parameters()));
    const rates = groups.map(({ lr }) => lr);
    expect(rates).toEqual([...rates].sort((a, b) => a - b));
    expect(rates.at(-1)).toBe(1e-3);
    expect(new Set(rates).size).toBeGreaterThan(4);
    const { layer, path, auxiliary } = models.findHead(model);
    const head = new Set(groups.filter(({ lr }) => lr === 1e-3).flatMap((group) => pathsOf(model, group.params)));
    for (const { path: at, layer: last } of [{ path, layer }, ...auxiliary])
      for (const [field] of last.namedParameters()) expect(head).toContain(`${at}.${field}`);
    expect(pathsOf(model, groups[0].params)[0]).not.toMatch(/^(fc|head|heads|classifier)/);
  });
});

describe("depths", () => {
  it("are the stages of staged networks", () => {
    expect(depthsOf(models.resnet18())).toEqual(["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]);
    expect(depthsOf(models.regnet_y_400mf())).toEqual([
      "stem",
      ...[1, 2, 3, 4].map((i) => `trunk_output.block${i}`),
      "fc",
    ]);
    expect(depthsOf(models.shufflenet_v2_x0_5())).toEqual(["conv1", "stage2", "stage3", "stage4", "conv5", "fc"]);
    expect(depthsOf(models.maxvit_t())).toEqual([
      "stem",
      ...[0, 1, 2, 3].map((i) => `blocks.${i}`),
      "classifier.3",
      "classifier.5",
    ]);
  });

  it("are the layers of plain networks, each with its normalisation", () => {
    const model = models.vgg11_bn();
    expect(depthsOf(model)).toEqual([
      ...[0, 4, 8, 11, 15, 18, 22, 25].map((i) => `features.${i}`),
      ...[0, 3, 6].map((i) => `classifier.${i}`),
    ]);
    const [first] = models.parameterGroupsByDepth(model, { lr: 1 });
    expect(pathsOf(model, first.params)).toEqual([
      "features.0.weight",
      "features.0.bias",
      "features.1.weight",
      "features.1.bias",
    ]);
  });

  /** `get_num_layer_for_vit` of BEiT: embeddings are layer 0, block i is layer i + 1, the rest is the last. */
  it("of a vision transformer are those of BEiT", () => {
    const model = models.vit_b_32();
    const groups = models.parameterGroupsByDepth(model, { lr: 1, decay: 0.75 });
    const layer = (path: string): number => {
      if (/^class_token|pos_embedding|^conv_proj/.test(path)) return 0;
      const block = path.match(/encoder_layer_(\d+)\./);
      return block ? Number(block[1]) + 1 : 13;
    };
    expect(groups).toHaveLength(14);
    for (const [i, { lr, params }] of groups.entries()) {
      expect(lr).toBeCloseTo(0.75 ** (13 - i), 12);
      expect(pathsOf(model, params).map(layer)).toEqual(params.map(() => i));
    }
  });

  it("put auxiliary classifiers with the head", () => {
    const model = models.googlenet();
    const groups = models.parameterGroupsByDepth(model, { lr: 1 });
    expect(groups.map(({ name }) => name).filter((name) => name.startsWith("aux"))).toEqual([]);
    expect(pathsOf(model, groups.at(-1)!.params).filter((path) => path.startsWith("aux1"))).toHaveLength(7);
  });

  it("count frozen ones too, though these have no group", () => {
    const model = models.resnet18();
    models.freeze(model, { except: ["layer2", "fc"] });
    const groups = models.parameterGroupsByDepth(model, { lr: 1, decay: 0.5 });
    expect(groups.map(({ name, lr }) => [name, lr])).toEqual([
      ["layer2", 0.125],
      ["fc", 1],
    ]);
  });
});

describe("weight decay", () => {
  it("is the optimizer's unless it is given", () => {
    const groups = models.parameterGroupsByDepth(models.resnet18(), { lr: 0.1 });
    expect(groups.every((group) => !("weightDecay" in group))).toBe(true);
    expect(groups.map(({ lr }) => lr)[4]).toBeCloseTo(0.1 / 2.6, 12);
  });

  it("can leave out what is no weight of a layer, or what a function chooses", () => {
    const model = models.swin_t();
    const exempt = (noDecay: boolean | models.ParameterPredicate): Set<string> =>
      new Set(
        models
          .parameterGroupsByDepth(model, { lr: 1, weightDecay: 0.05, noDecay })
          .flatMap(({ params, weightDecay }) => (weightDecay === 0 ? pathsOf(model, params) : [])),
      );
    expect(exempt(false).size).toBe(0);
    const wanted = model
      .namedParameters()
      .flatMap(([name]) => (/bias$|norm|bias_table|features\.0\.2/.test(name) ? [name] : []));
    expect(exempt(true)).toEqual(new Set(wanted));
    expect(exempt((name) => name.startsWith("head"))).toEqual(new Set(["head.weight", "head.bias"]));
  });
});

it("refuses rates and factors out of their range", () => {
  const model = models.resnet18();
  expect(() => models.parameterGroupsByDepth(model, { lr: -1 })).toThrow(ArgumentError);
  expect(() => models.parameterGroupsByDepth(model, { lr: 1, decay: 0 })).toThrow(/decay is 0/);
  expect(() => models.parameterGroupsByDepth(model, { lr: 1, decay: 1.1 })).toThrow(/above 0 and up to 1/);
});

it("refuses options that it does not have", () => {
  const groups: (model: Module, options: unknown) => unknown = models.parameterGroupsByDepth as never;
  const model = models.resnet18();
  expect(() => groups(model, { lr: 1, dcay: 0.5 })).toThrow(/unknown option "dcay"; did you mean decay/);
  for (const options of [undefined, 0.1]) expect(() => groups(model, options)).toThrow(ArgumentError);
});

it("says so if nothing learns", () => {
  const model = models.resnet18();
  models.freeze(model);
  expect(() => models.parameterGroupsByDepth(model, { lr: 1 })).toThrow(ArgumentError);
  expect(() => models.parameterGroupsByDepth(model, { lr: 1 })).toThrow(
    /no parameter of the ResNet .* frozen, unfreeze/,
  );
});
