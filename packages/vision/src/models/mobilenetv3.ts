/** MobileNetV3 (Howard et al. 2019), with torchvision's names. */

import { ArgumentError, type Tensor } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  Dropout,
  Hardsigmoid,
  Hardswish,
  type Layer,
  Linear,
  Module,
  ReLU,
  Sequential,
} from "@kindling/nn";
import { type ActivationLayer, Conv2dNormActivation, type NormLayer, SqueezeExcitation } from "../ops/index.js";
import { builder } from "./builder.js";
import { makeDivisible } from "./channels.js";
import { heFanOut, initialize, normal } from "./initialize.js";
import { slowBatchNorm } from "./norms.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** A line of Tables 1 and 2 of the paper: kernel, expansion, output, squeeze-excitation, activation, stride. */
type Row = readonly [k: number, exp: number, out: number, se: boolean, nl: "RE" | "HS", s: number];

const STEM = 16;

/** The last three rows of each table are the tail, which `reducedTail` halves and `dilated` dilates. */
const TAIL = 3;

const LARGE: readonly Row[] = [
  [3, 16, 16, false, "RE", 1],
  [3, 64, 24, false, "RE", 2],
  [3, 72, 24, false, "RE", 1],
  [5, 72, 40, true, "RE", 2],
  [5, 120, 40, true, "RE", 1],
  [5, 120, 40, true, "RE", 1],
  [3, 240, 80, false, "HS", 2],
  [3, 200, 80, false, "HS", 1],
  [3, 184, 80, false, "HS", 1],
  [3, 184, 80, false, "HS", 1],
  [3, 480, 112, true, "HS", 1],
  [3, 672, 112, true, "HS", 1],
  [5, 672, 160, true, "HS", 2],
  [5, 960, 160, true, "HS", 1],
  [5, 960, 160, true, "HS", 1],
];

const SMALL: readonly Row[] = [
  [3, 16, 16, true, "RE", 2],
  [3, 72, 24, false, "RE", 2],
  [3, 88, 24, false, "RE", 1],
  [5, 96, 40, true, "HS", 2],
  [5, 240, 40, true, "HS", 1],
  [5, 240, 40, true, "HS", 1],
  [5, 120, 48, true, "HS", 1],
  [5, 144, 48, true, "HS", 1],
  [5, 288, 96, true, "HS", 2],
  [5, 576, 96, true, "HS", 1],
  [5, 576, 96, true, "HS", 1],
];

/** One inverted residual, with channel counts as they are built. */
export interface InvertedResidualConfig {
  readonly inputChannels: number;
  readonly kernel: number;
  readonly expandedChannels: number;
  readonly outChannels: number;
  readonly useSe: boolean;
  readonly useHs: boolean;
  readonly stride: number;
  readonly dilation: number;
}

export interface MobileNetV3Options extends ClassifierOptions {
  /** Factor of all channel counts. Default 1. */
  readonly widthMult?: number;
  /** Halve the channels of the last stage, as for detection. Default false. */
  readonly reducedTail?: boolean;
  /** Dilate the last stage instead of striding, as for segmentation. Default false. */
  readonly dilated?: boolean;
  /** Probability in the classifier. Default 0.2. */
  readonly dropout?: number;
  /** Default BatchNorm2d with eps 1e-3 and momentum 0.01. */
  readonly normLayer?: NormLayer;
}

const OPTIONS = [
  "numClasses",
  "widthMult",
  "reducedTail",
  "dilated",
  "dropout",
  "normLayer",
] as const satisfies (keyof MobileNetV3Options)[];

/** Expand, depthwise, squeeze and excite, project; with a shortcut where the shape stays. */
class InvertedResidual extends Module implements Layer {
  block: Sequential;
  readonly useResConnect: boolean;
  readonly outChannels: number;

  constructor(config: InvertedResidualConfig, normLayer: NormLayer) {
    super();
    const { inputChannels, expandedChannels, outChannels, kernel, stride, dilation } = config;
    if (stride !== 1 && stride !== 2) throw new ArgumentError(`InvertedResidual: stride ${stride}; it is 1 or 2`);
    const activationLayer: ActivationLayer = (options) => (config.useHs ? new Hardswish(options) : new ReLU(options));
    this.useResConnect = stride === 1 && inputChannels === outChannels;
    this.outChannels = outChannels;
    this.block = new Sequential();
    if (expandedChannels !== inputChannels)
      this.block.append(
        new Conv2dNormActivation(inputChannels, expandedChannels, { kernelSize: 1, normLayer, activationLayer }),
      );
    this.block.append(
      new Conv2dNormActivation(expandedChannels, expandedChannels, {
        kernelSize: kernel,
        stride: dilation > 1 ? 1 : stride,
        dilation,
        groups: expandedChannels,
        normLayer,
        activationLayer,
      }),
    );
    if (config.useSe)
      this.block.append(
        new SqueezeExcitation(expandedChannels, makeDivisible(Math.floor(expandedChannels / 4), 8), {
          scaleActivation: () => new Hardsigmoid(),
        }),
      );
    this.block.append(
      new Conv2dNormActivation(expandedChannels, outChannels, { kernelSize: 1, normLayer, activationLayer: null }),
    );
  }

  forward(x: Tensor): Tensor {
    const y = this.block.call(x);
    return this.useResConnect ? y.add(x) : y;
  }
}

export class MobileNetV3 extends Module implements Layer {
  features: Sequential;
  avgpool: Layer;
  classifier: Sequential;

  constructor(settings: readonly InvertedResidualConfig[], lastChannel: number, options: MobileNetV3Options = {}) {
    super();
    checkOptions("MobileNetV3", options, OPTIONS);
    const { numClasses = 1000, dropout = 0.2, normLayer = slowBatchNorm } = options;
    const [first] = settings;
    if (!first) throw new ArgumentError("MobileNetV3: no blocks were given");
    const activationLayer: ActivationLayer = (o) => new Hardswish(o);
    const lastBlock = settings[settings.length - 1].outChannels;
    this.features = new Sequential(
      new Conv2dNormActivation(3, first.inputChannels, { stride: 2, normLayer, activationLayer }),
      ...settings.map((config) => new InvertedResidual(config, normLayer)),
      new Conv2dNormActivation(lastBlock, 6 * lastBlock, { kernelSize: 1, normLayer, activationLayer }),
    );
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.classifier = new Sequential(
      new Linear(6 * lastBlock, lastChannel),
      new Hardswish({ inplace: true }),
      new Dropout({ p: dropout, inplace: true }),
      new Linear(lastChannel, numClasses),
    );
    initialize(this, { conv: heFanOut, linear: normal(0.01) });
  }

  /** x: [N, 3, H, W] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    return this.classifier.call(this.avgpool.call(this.features.call(x)).flatten(1));
  }
}

function mobileNetV3(rows: readonly Row[], lastChannel: number, options: MobileNetV3Options): MobileNetV3 {
  const { widthMult = 1, reducedTail = false, dilated = false } = options;
  const divider = reducedTail ? 2 : 1;
  const adjust = (channels: number): number => makeDivisible(channels * widthMult, 8);
  let previous = STEM;
  const settings = rows.map(([kernel, exp, out, useSe, nl, stride], i): InvertedResidualConfig => {
    const tail = i - (rows.length - TAIL);
    const inputs = previous;
    previous = tail >= 0 ? Math.floor(out / divider) : out;
    return {
      inputChannels: adjust(inputs),
      kernel,
      // The first row of the tail expands before it shrinks.
      expandedChannels: adjust(tail >= 1 ? Math.floor(exp / divider) : exp),
      outChannels: adjust(previous),
      useSe,
      useHs: nl === "HS",
      stride,
      dilation: tail >= 0 && dilated ? 2 : 1,
    };
  });
  return new MobileNetV3(settings, adjust(Math.floor(lastChannel / divider)), options);
}

export const mobilenet_v3_large = builder("mobilenet_v3_large", (options: MobileNetV3Options) =>
  mobileNetV3(LARGE, 1280, options),
);
export const mobilenet_v3_small = builder("mobilenet_v3_small", (options: MobileNetV3Options) =>
  mobileNetV3(SMALL, 1024, options),
);
