/** MobileNetV2 (Sandler et al. 2018), with torchvision's names. */

import { ArgumentError, type Tensor } from "@kindling/core";
import { Conv2d, Dropout, functional, type Layer, Linear, Module, ReLU6, Sequential } from "@kindling/nn";
import { type ActivationLayer, batchNorm2d, Conv2dNormActivation, type NormLayer } from "../ops/index.js";
import { roundHalfEven } from "../transforms/numbers.js";
import { builder } from "./builder.js";
import { makeDivisible } from "./channels.js";
import { heFanOut, initialize, normal } from "./initialize.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** A line of Table 2 of the paper: expansion, channels, repeats, stride of the first. */
export type InvertedResidualSetting = readonly [t: number, c: number, n: number, s: number];

const TABLE: readonly InvertedResidualSetting[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

const STEM = 32;
const LAST = 1280;

const relu6: ActivationLayer = (options) => new ReLU6(options);

/** What a block is built from. */
export interface InvertedResidualOptions {
  readonly inputs: number;
  readonly outputs: number;
  readonly stride: number;
  /** Channels of the depthwise convolution for one of the input. */
  readonly expandRatio: number;
  readonly normLayer: NormLayer;
}

/** Makes a block. */
export type BlockLayer = (options: InvertedResidualOptions) => Layer;

/** Expand, depthwise, project without an activation; with a shortcut where the shape stays. */
class InvertedResidual extends Module implements Layer {
  conv: Sequential;
  readonly useResConnect: boolean;
  readonly outChannels: number;

  constructor({ inputs, outputs, stride, expandRatio, normLayer }: InvertedResidualOptions) {
    super();
    if (stride !== 1 && stride !== 2) throw new ArgumentError(`InvertedResidual: stride ${stride}; it is 1 or 2`);
    const hidden = roundHalfEven(inputs * expandRatio);
    const activationLayer = relu6;
    this.useResConnect = stride === 1 && inputs === outputs;
    this.outChannels = outputs;
    this.conv = new Sequential();
    if (expandRatio !== 1)
      this.conv.append(new Conv2dNormActivation(inputs, hidden, { kernelSize: 1, normLayer, activationLayer }));
    this.conv
      .append(new Conv2dNormActivation(hidden, hidden, { stride, groups: hidden, normLayer, activationLayer }))
      .append(new Conv2d(hidden, outputs, 1, { bias: false }))
      .append(normLayer(outputs));
  }

  forward(x: Tensor): Tensor {
    const y = this.conv.call(x);
    return this.useResConnect ? x.add(y) : y;
  }
}

export interface MobileNetV2Options extends ClassifierOptions {
  /** Factor of all channel counts; below 1 it spares the last convolution. Default 1. */
  readonly widthMult?: number;
  /** The stages: [expansion, channels, repeats, stride of the first block] each. Default: the paper's. */
  readonly invertedResidualSetting?: readonly InvertedResidualSetting[];
  /** Channel counts are multiples of this. Default 8. */
  readonly roundNearest?: number;
  /** Default `InvertedResidual`. */
  readonly block?: BlockLayer;
  /** Default BatchNorm2d. */
  readonly normLayer?: NormLayer;
  /** Probability before the classifier. Default 0.2. */
  readonly dropout?: number;
}

const OPTIONS = [
  "numClasses",
  "widthMult",
  "invertedResidualSetting",
  "roundNearest",
  "block",
  "normLayer",
  "dropout",
] as const satisfies (keyof MobileNetV2Options)[];

export class MobileNetV2 extends Module implements Layer {
  features: Sequential;
  classifier: Sequential;
  /** Channels that the classifier gets. */
  readonly lastChannel: number;

  constructor(options: MobileNetV2Options = {}) {
    super();
    checkOptions("MobileNetV2", options, OPTIONS);
    const { numClasses = 1000, dropout = 0.2, widthMult = 1, roundNearest = 8, normLayer = batchNorm2d } = options;
    const { invertedResidualSetting = TABLE, block = (o) => new InvertedResidual(o) } = options;
    if (invertedResidualSetting.length === 0 || invertedResidualSetting.some((row) => row.length !== 4))
      throw new ArgumentError(
        "MobileNetV2: invertedResidualSetting holds one or more rows of [expansion, channels, repeats, stride]; " +
          `given: ${JSON.stringify(invertedResidualSetting)}`,
      );
    const width = (channels: number, factor: number): number => makeDivisible(channels * factor, roundNearest);
    this.lastChannel = width(LAST, Math.max(1, widthMult));
    let inputs = width(STEM, widthMult);
    this.features = new Sequential(
      new Conv2dNormActivation(3, inputs, { stride: 2, normLayer, activationLayer: relu6 }),
    );
    for (const [expandRatio, channels, repeats, stride] of invertedResidualSetting) {
      const outputs = width(channels, widthMult);
      for (let i = 0; i < repeats; i++) {
        this.features.append(block({ inputs, outputs, stride: i === 0 ? stride : 1, expandRatio, normLayer }));
        inputs = outputs;
      }
    }
    this.features.append(
      new Conv2dNormActivation(inputs, this.lastChannel, { kernelSize: 1, normLayer, activationLayer: relu6 }),
    );
    this.classifier = new Sequential(new Dropout({ p: dropout }), new Linear(this.lastChannel, numClasses));
    initialize(this, { conv: heFanOut, linear: normal(0.01) });
  }

  /** x: [N, 3, H, W] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    return this.classifier.call(functional.adaptiveAvgPool2d(this.features.call(x), 1).flatten(1));
  }
}

export const mobilenet_v2 = builder("mobilenet_v2", (options: MobileNetV2Options) => new MobileNetV2(options));
