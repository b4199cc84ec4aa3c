/**
 * Models against torchvision's: state-dict keys, order, shapes and dtypes, parameter counts and printed trees. To build
 * a model costs neither memory nor kernels; no test of this file reads a value, which would compute those of all models.
 */

import { init, memory, stats } from "@kindling/core";
import { Identity, type Layer, type Module } from "@kindling/nn";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, it } from "vitest";
import { OPTIONED } from "./optioned.js";
import { expectStructure, torchvision } from "./recorded.js";

beforeAll(() => init({ device: "cpu", threads: 2 }));

describe("structure", () => {
  const built: Module[] = [];

  it("is tested of all that was recorded", () => {
    expect(models.listModels()).toEqual(Object.keys(torchvision.builders).sort());
    expect(Object.keys(OPTIONED)).toEqual(Object.keys(torchvision.optioned));
  });

  it.each(models.listModels())("%s", (name) => {
    const model = models.getModel(name);
    built.push(model);
    expectStructure(model, torchvision.builders[name]);
  });

  it.each(Object.keys(OPTIONED))("with options: %s", (name) => {
    const model = OPTIONED[name]();
    built.push(model);
    expectStructure(model, torchvision.optioned[name]);
  });

  it.each(torchvision.regnetDesigns)("of the RegNet design %j", (design, stages) => {
    const [depth, w0, wa, wm, groupWidth, bottleneckMultiplier] = design;
    const params = models.BlockParams.fromInitParams({ depth, w0, wa, wm, groupWidth, bottleneckMultiplier });
    expect(params).toMatchObject(stages);
  });

  it("was all built without computing anything", () => {
    expect(built).toHaveLength(80 + Object.keys(OPTIONED).length);
    expect(stats().dispatches).toBe(0);
    expect(memory()).toMatchObject({ bytes: 0, peak: 0 });
  });
});

describe("blocks of one's own", () => {
  it("take the place of MobileNetV2's", () => {
    const asked: models.MobileNetV2BlockOptions[] = [];
    const block = (options: models.MobileNetV2BlockOptions): Layer => {
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

  it("take the place of GoogLeNet's", () => {
    const stem: number[] = [];
    const heads: number[][] = [];
    const conv: models.ConvBlock = (...args) => new models.BasicConv2d(...args);
    models.googlenet({
      numClasses: 3,
      dropoutAux: 0.4,
      blocks: [
        (inChannels, outChannels, options) => {
          stem.push(outChannels);
          return conv(inChannels, outChannels, options);
        },
        (inChannels, ...widths) => conv(inChannels, widths[0], { kernelSize: 1 }),
        (inChannels, numClasses, { dropout }) => {
          heads.push([inChannels, numClasses, dropout]);
          return new models.GoogLeNetAux(inChannels, numClasses);
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

describe("what is refused", () => {
  const build = (name: string, options: Record<string, unknown>) => () => models.getModel(name, options);

  it("names that no model has, with near ones", () => {
    expect(models.getModel("resnet18", { numClasses: 4 })).toBeInstanceOf(models.ResNet);
    expect(() => models.getModel("resnet-18")).toThrow(/unknown model "resnet-18"; did you mean resnet18/);
    expect(() => models.getModel("mobilenetv3_small")).toThrow(/mobilenet_v3_small/);
    expect(() => models.getModel("toString")).toThrow(/unknown model/);
  });

  it("options that the model does not take", () => {
    expect(build("resnet18", { num_classes: 3 })).toThrow(/unknown option "num_classes"; did you mean numClasses/);
    expect(build("shufflenet_v2_x0_5", { dropout: 0.1 })).toThrow(/unknown option "dropout"; it takes: numClasses/);
    expect(build("vgg11", { drop: 0.1 })).toThrow(/VGG: unknown .*; it takes: numClasses, initWeights, dropout/);
    expect(() => new models.SqueezeNet("1_1", { weights: "DEFAULT" } as object)).toThrow(/builders take it/);
    expect(build("mobilenet_v3_small", { weights: null, pretrained: false })).not.toThrow();
  });

  it("values that convolutional networks can not be built from", () => {
    expect(build("resnet18", { groups: 2 })).toThrow(/BasicBlock takes groups 1.*resnet50/);
    const squeezenet = (version: string) => () => new models.SqueezeNet(version as models.SqueezeNetVersion);
    expect(squeezenet("1_2")).toThrow(/no version 1_2; it is 1_0 or 1_1/);
    expect(squeezenet("toString")).toThrow(/no version toString/);
    expect(() => new models.MNASNet(0)).toThrow(/alpha is 0; it is above 0/);
    const mobilenet = (...rows: number[][]) => build("mobilenet_v2", { invertedResidualSetting: rows });
    expect(mobilenet()).toThrow(/one or more rows .*given: \[\]/);
    expect(mobilenet([1, 16, 1])).toThrow(/given: \[\[1,16,1\]\]/);
    expect(mobilenet([1, 16, 1, 3])).toThrow(/stride 3; it is 1 or 2/);
    expect(build("googlenet", { blocks: [] })).toThrow(/0 blocks; give three/);
    expect(build("inception_v3", { inceptionBlocks: [] })).toThrow(/0 inceptionBlocks; give seven/);
    expect(() => new models.ConvNeXt([])).toThrow(/no stages/);
    expect(() => new models.EfficientNet([])).toThrow(/no stages/);
    const { MBConv: block } = models;
    const stage = { block, expandRatio: 1, kernel: 3, stride: 3, inputChannels: 8, outChannels: 8, numLayers: 1 };
    expect(() => new models.EfficientNet([stage])).toThrow(/MBConv: stride 3/);
    const design = { depth: 4, w0: 20, wa: 8, wm: 2, groupWidth: 8 };
    expect(() => models.BlockParams.fromInitParams(design)).toThrow(/w0 20.*multiple of 8/);
    const lists = { widths: [8], groupWidths: [8], bottleneckMultipliers: [1], strides: [2] };
    expect(() => new models.BlockParams({ ...lists, depths: [1, 2] })).toThrow(/have 2, 1, 1, 1, 1 entries/);
  });

  it("sizes of images that transformers can not be built for", () => {
    expect(build("vit_b_16", { imageSize: 100 })).toThrow(/100 is no multiple of the patch size 16/);
    expect(build("maxvit_t", { inputSize: [224, 448] })).toThrow(/\[224, 448\]; images are square/);
    expect(build("maxvit_t", { inputSize: [256, 256] })).toThrow(/sides 64, 32, 16, 8.*multiple of 224/);
  });
});
