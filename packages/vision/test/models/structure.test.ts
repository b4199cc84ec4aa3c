/**
 * Models against torchvision's: state-dict keys, order, shapes and dtypes, parameter counts and printed trees. The file
 * beside this one holds what torchvision 0.14 shows for each: `model.state_dict()`, and `str(model)` for some.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { GroupNorm, type Module } from "@kindling/nn";
import { models } from "@kindling/vision";
import { describe, expect, it } from "vitest";

interface Torchvision {
  parameters: number;
  state: [name: string, dtype: string, shape: number[]][];
  tree?: string;
}

const torchvision: Record<string, Torchvision> = JSON.parse(
  gunzipSync(readFileSync(new URL("torchvision.json.gz", import.meta.url))).toString(),
);

const stateOf = (model: Module) => [...model.stateDict()].map(([name, t]) => [name, t.dtype, [...t.shape]]);
const parametersOf = (model: Module): number => model.parameters().reduce((n, p) => n + p.numel, 0);

function expectLike(model: Module, want: Torchvision): void {
  expect(stateOf(model)).toEqual(want.state);
  expect(parametersOf(model)).toBe(want.parameters);
  if (want.tree) expect(`${model}`).toBe(want.tree);
}

describe("structure", () => {
  it.each(Object.keys(torchvision).filter((name) => !name.includes(" ")))("%s", (name) => {
    expectLike(models.getModel(name), torchvision[name]);
  });

  it("follows the options", () => {
    const replaceStrideWithDilation = [false, true, true] as const;
    expectLike(models.resnet50({ replaceStrideWithDilation, numClasses: 7 }), torchvision["resnet50 dilated"]);
    const tail = { reducedTail: true, dilated: true, numClasses: 3 };
    expectLike(models.mobilenet_v3_small(tail), torchvision["mobilenet small reduced"]);
    expectLike(models.mobilenet_v3_large({ widthMult: 0.5 }), torchvision["mobilenet large half"]);
    const grouped = models.resnet18({ normLayer: (channels) => new GroupNorm(8, channels) });
    expect(grouped.bn1).toBeInstanceOf(GroupNorm);
    expect(grouped.buffers()).toEqual([]);
    expect(() => models.resnet18({ groups: 2 })).toThrow(/BasicBlock takes groups 1.*resnet50/);
  });

  it("builds by name, and knows near names", () => {
    expect(models.getModel("resnet18", { numClasses: 4 })).toBeInstanceOf(models.ResNet);
    expect(() => models.getModel("resnet-18")).toThrow(/unknown model "resnet-18"; did you mean resnet18/);
    expect(() => models.getModel("mobilenetv3_small")).toThrow(/mobilenet_v3_small/);
    expect(() => models.getModel("toString")).toThrow(/unknown model/);
  });

  it("refuses options that the model does not take", () => {
    const build = (name: string, options: Record<string, unknown>) => () => models.getModel(name, options);
    expect(build("resnet18", { num_classes: 3 })).toThrow(/unknown option "num_classes"; did you mean numClasses/);
    expect(build("shufflenet_v2_x0_5", { dropout: 0.1 })).toThrow(/unknown option "dropout"; it takes: numClasses/);
    expect(() => new models.SqueezeNet("1_1", { weights: "DEFAULT" } as object)).toThrow(/builders take it/);
    expect(build("mobilenet_v3_small", { weights: null, pretrained: false })).not.toThrow();
  });
});
