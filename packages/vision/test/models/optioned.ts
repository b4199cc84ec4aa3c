/** Models that are not as their builders make them by default: make.py builds the same with torchvision. */

import { fromHost, full } from "@kindling/core";
import { BatchNorm2d, GroupNorm, LayerNorm, type Module, ModuleState, ReLU, SiLU } from "@kindling/nn";
import { models, type ops } from "@kindling/vision";
import { torchvision } from "./recorded.js";

/** A state dict of MnasNet as files of version 1 have it, each entry filled with its number. */
export function mnasnetStateOfVersion1(): ModuleState {
  const entries = torchvision.optioned["mnasnet version 1"].state;
  const state = new ModuleState(
    entries.map(([name, dtype, shape], i) => [
      name,
      dtype === "int64" ? fromHost(BigInt64Array.of(0n), shape, dtype) : full(shape, i),
    ]),
  );
  state.metadata.set("", new Map([["version", 1]]));
  return state;
}

const looseNorm: ops.NormLayer = (channels) => new LayerNorm(channels, { eps: 1e-3 });
const groupNorm =
  (groups: number): ops.NormLayer =>
  (channels) =>
    new GroupNorm(groups, channels);

export const OPTIONED: Record<string, () => Module> = {
  "alexnet options": () => models.alexnet({ numClasses: 5, dropout: 0.25 }),
  "vgg13_bn options": () => models.vgg13_bn({ numClasses: 7, dropout: 0.1, initWeights: false }),
  "squeezenet options": () => models.squeezenet1_1({ numClasses: 9, dropout: 0.2 }),
  "resnet dilated": () => models.resnet50({ replaceStrideWithDilation: [false, true, true], numClasses: 7 }),
  "resnet group norm": () => models.resnet18({ normLayer: groupNorm(8) }),
  "densenet options": () => models.densenet121({ numClasses: 3, bnSize: 2, dropRate: 0.1, memoryEfficient: true }),
  "densenet blocks": () => new models.DenseNet(5, [2, 3], 9, { numClasses: 4 }),
  "mnasnet narrow": () => new models.MNASNet(0.3, { numClasses: 11, dropout: 0.5 }),
  "mnasnet version 1": () => {
    const model = new models.MNASNet(0.75, { numClasses: 3 });
    model.loadStateDict(mnasnetStateOfVersion1());
    return model;
  },
  "mobilenet_v2 narrow": () => models.mobilenet_v2({ numClasses: 6, widthMult: 0.35, dropout: 0 }),
  "mobilenet_v2 wide": () => models.mobilenet_v2({ widthMult: 1.4, roundNearest: 1 }),
  "mobilenet_v2 group norm": () => models.mobilenet_v2({ normLayer: groupNorm(4), numClasses: 2 }),
  "mobilenet_v2 stages": () =>
    models.mobilenet_v2({
      invertedResidualSetting: [
        [1, 16, 1, 1],
        [2.46875, 24, 2, 2],
        [3.1875, 32, 1, 2],
      ],
      roundNearest: 4,
      numClasses: 5,
    }),
  "mobilenet_v3 reduced": () => models.mobilenet_v3_small({ reducedTail: true, dilated: true, numClasses: 3 }),
  "mobilenet_v3 half": () => models.mobilenet_v3_large({ widthMult: 0.5 }),
  "googlenet without aux": () =>
    models.googlenet({ auxLogits: false, numClasses: 7, dropout: 0.3, initWeights: false }),
  "googlenet dropout": () => models.googlenet({ numClasses: 7, dropout: 0.3, dropoutAux: 0.1 }),
  "inception without aux": () =>
    models.inception_v3({ auxLogits: false, numClasses: 7, dropout: 0.3, initWeights: false }),
  "efficientnet options": () =>
    models.efficientnet_b1({ numClasses: 5, stochasticDepthProb: 0.5, normLayer: groupNorm(8) }),
  "efficientnet stages": () => {
    const { FusedMBConv, MBConv } = models;
    const stages = [
      { block: FusedMBConv, expandRatio: 2, kernel: 3, stride: 1, inputChannels: 16, outChannels: 24, numLayers: 2 },
      { block: MBConv, expandRatio: 3.5, kernel: 5, stride: 2, inputChannels: 24, outChannels: 40, numLayers: 2 },
    ];
    const options = { dropout: 0.7, stochasticDepthProb: 0.1, lastChannel: 100, numClasses: 3 };
    return new models.EfficientNet(stages, options);
  },
  "convnext options": () => models.convnext_tiny({ numClasses: 4, stochasticDepthProb: 0.3, normLayer: groupNorm(1) }),
  "convnext stages": () => {
    const stages = [
      { inputChannels: 8, outChannels: 16, numLayers: 2 },
      { inputChannels: 16, outChannels: 24, numLayers: 1 },
    ];
    return new models.ConvNeXt(stages, { numClasses: 3 });
  },
  "regnet options": () =>
    models.regnet_y_400mf({
      numClasses: 4,
      stemWidth: 16,
      activation: (options) => new SiLU(options),
      normLayer: (channels) => new BatchNorm2d(channels, { eps: 1e-3 }),
    }),
  "regnet stages": () => {
    const lists = { depths: [1, 2], widths: [24, 48], groupWidths: [8, 12], strides: [1, 2] };
    const params = new models.BlockParams({ ...lists, bottleneckMultipliers: [1.5, 0.5], seRatio: 0.3 });
    return new models.RegNet(params, { numClasses: 3 });
  },
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
  "swin with parts of v2": () => {
    const { SwinTransformerBlockV2: block, PatchMergingV2: downsampleLayer } = models;
    return models.swin_t({ numClasses: 3, block, downsampleLayer });
  },
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
