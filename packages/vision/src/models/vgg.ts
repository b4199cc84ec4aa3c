/** VGG (Simonyan & Zisserman 2014), with and without batch normalisation, with torchvision's names. */

import type { Tensor } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  type Layer,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from "@kindling/nn";
import { builder, type ModelBuilder } from "./builder.js";
import { heFanOut, initialize, normal } from "./initialize.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** Channels of the five stages. */
const CHANNELS = [64, 128, 256, 512, 512] as const;

/** Columns of Table 1 of the paper: 3×3 convolutions in each stage. */
type Column = readonly [number, number, number, number, number];

const A: Column = [1, 1, 2, 2, 2];
const B: Column = [2, 2, 2, 2, 2];
const D: Column = [2, 2, 3, 3, 3];
const E: Column = [2, 2, 4, 4, 4];

export interface VGGOptions extends ClassifierOptions {
  /** False leaves the layers' own initial values. Default true: He's normal ones, and a deviation of 0.01 for linear layers. */
  readonly initWeights?: boolean;
  /** Probability after each of the two hidden layers of the classifier. Default 0.5. */
  readonly dropout?: number;
}

const OPTIONS = ["numClasses", "initWeights", "dropout"] as const satisfies (keyof VGGOptions)[];

export class VGG extends Module implements Layer {
  features: Layer;
  avgpool: Layer;
  classifier: Sequential;

  /** @param features makes 512 channels of an image */
  constructor(features: Layer, options: VGGOptions = {}) {
    super();
    checkOptions("VGG", options, OPTIONS);
    const { numClasses = 1000, initWeights = true, dropout = 0.5 } = options;
    this.features = features;
    this.avgpool = new AdaptiveAvgPool2d([7, 7]);
    this.classifier = new Sequential(
      new Linear(512 * 7 * 7, 4096),
      new ReLU({ inplace: true }),
      new Dropout({ p: dropout }),
      new Linear(4096, 4096),
      new ReLU({ inplace: true }),
      new Dropout({ p: dropout }),
      new Linear(4096, numClasses),
    );
    if (initWeights) initialize(this, { conv: heFanOut, linear: normal(0.01) });
  }

  /** x: [N, 3, H, W], 32 pixels or more a side, gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    return this.classifier.call(this.avgpool.call(this.features.call(x)).flatten(1));
  }
}

/** Each stage ends with half the image. */
function makeFeatures(column: Column, batchNorm: boolean): Sequential {
  const features = new Sequential();
  let inputs = 3;
  column.forEach((convolutions, stage) => {
    const channels = CHANNELS[stage];
    for (let i = 0; i < convolutions; i++) {
      features.append(new Conv2d(inputs, channels, 3, { padding: 1 }));
      if (batchNorm) features.append(new BatchNorm2d(channels));
      features.append(new ReLU({ inplace: true }));
      inputs = channels;
    }
    features.append(new MaxPool2d(2, { stride: 2 }));
  });
  return features;
}

/* @__NO_SIDE_EFFECTS__ */
function vgg(name: string, column: Column, batchNorm: boolean): ModelBuilder<VGG, VGGOptions> {
  return builder(name, (options: VGGOptions) => new VGG(makeFeatures(column, batchNorm), options));
}

export const vgg11 = vgg("vgg11", A, false);
export const vgg11_bn = vgg("vgg11_bn", A, true);
export const vgg13 = vgg("vgg13", B, false);
export const vgg13_bn = vgg("vgg13_bn", B, true);
export const vgg16 = vgg("vgg16", D, false);
export const vgg16_bn = vgg("vgg16_bn", D, true);
export const vgg19 = vgg("vgg19", E, false);
export const vgg19_bn = vgg("vgg19_bn", E, true);
