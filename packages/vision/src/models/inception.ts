/**
 * Inception v3 (Szegedy et al. 2015): large convolutions are factored into stacks of 3×3, or of 1×n and n×1. With
 * torchvision's names, in which `3x3dbl` are two 3×3 in a row and `7x7x3` is a 7×7, factored, before a 3×3.
 */

import { ArgumentError, cat, type Tensor } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  Conv2d,
  Dropout,
  functional,
  init,
  type Layer,
  Linear,
  MaxPool2d,
  Module,
} from "@kindling/nn";
import { builder } from "./builder.js";
import {
  type BasicConv2dOptions,
  basicConv2d,
  type ConvBlock,
  chain,
  publishedForm,
  toUnitRange,
} from "./inception-parts.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

const POINT: BasicConv2dOptions = { kernelSize: 1 };

/** k×k at the same size. */
const square = (k: number): BasicConv2dOptions => ({ kernelSize: k, padding: (k - 1) / 2 });

/** 1×k at the same size. */
const row = (k: number): BasicConv2dOptions => ({ kernelSize: [1, k], padding: [0, (k - 1) / 2] });

/** k×1 at the same size. */
const column = (k: number): BasicConv2dOptions => ({ kernelSize: [k, 1], padding: [(k - 1) / 2, 0] });

/** 3×3 that halves the size. */
const HALVE: BasicConv2dOptions = { kernelSize: 3, stride: 2 };

const average3x3 = (x: Tensor): Tensor => functional.avgPool2d(x, 3, { stride: 1, padding: 1 });

/** Figure 5 of the paper: [N, in, H, W] → [N, 224 + poolFeatures, H, W]. */
export class InceptionA extends Module implements Layer {
  branch1x1: Layer;
  branch5x5_1: Layer;
  branch5x5_2: Layer;
  branch3x3dbl_1: Layer;
  branch3x3dbl_2: Layer;
  branch3x3dbl_3: Layer;
  branch_pool: Layer;

  constructor(inChannels: number, poolFeatures: number, conv: ConvBlock = basicConv2d) {
    super();
    this.branch1x1 = conv(inChannels, 64, POINT);
    this.branch5x5_1 = conv(inChannels, 48, POINT);
    this.branch5x5_2 = conv(48, 64, square(5));
    this.branch3x3dbl_1 = conv(inChannels, 64, POINT);
    this.branch3x3dbl_2 = conv(64, 96, square(3));
    this.branch3x3dbl_3 = conv(96, 96, square(3));
    this.branch_pool = conv(inChannels, poolFeatures, POINT);
  }

  forward(x: Tensor): Tensor {
    const branch1x1 = this.branch1x1.call(x);
    const branch5x5 = chain(x, this.branch5x5_1, this.branch5x5_2);
    const branch3x3dbl = chain(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3);
    return cat([branch1x1, branch5x5, branch3x3dbl, this.branch_pool.call(average3x3(x))], 1);
  }
}

/** Halves the size: [N, in, H, W] → [N, 480 + in, H', W']. */
export class InceptionB extends Module implements Layer {
  branch3x3: Layer;
  branch3x3dbl_1: Layer;
  branch3x3dbl_2: Layer;
  branch3x3dbl_3: Layer;

  constructor(inChannels: number, conv: ConvBlock = basicConv2d) {
    super();
    this.branch3x3 = conv(inChannels, 384, HALVE);
    this.branch3x3dbl_1 = conv(inChannels, 64, POINT);
    this.branch3x3dbl_2 = conv(64, 96, square(3));
    this.branch3x3dbl_3 = conv(96, 96, HALVE);
  }

  forward(x: Tensor): Tensor {
    const branch3x3dbl = chain(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3);
    return cat([this.branch3x3.call(x), branch3x3dbl, functional.maxPool2d(x, 3, { stride: 2 })], 1);
  }
}

/** Figure 6 of the paper, with n = 7: [N, in, H, W] → [N, 768, H, W]. */
export class InceptionC extends Module implements Layer {
  branch1x1: Layer;
  branch7x7_1: Layer;
  branch7x7_2: Layer;
  branch7x7_3: Layer;
  branch7x7dbl_1: Layer;
  branch7x7dbl_2: Layer;
  branch7x7dbl_3: Layer;
  branch7x7dbl_4: Layer;
  branch7x7dbl_5: Layer;
  branch_pool: Layer;

  constructor(inChannels: number, channels7x7: number, conv: ConvBlock = basicConv2d) {
    super();
    const c7 = channels7x7;
    this.branch1x1 = conv(inChannels, 192, POINT);
    this.branch7x7_1 = conv(inChannels, c7, POINT);
    this.branch7x7_2 = conv(c7, c7, row(7));
    this.branch7x7_3 = conv(c7, 192, column(7));
    this.branch7x7dbl_1 = conv(inChannels, c7, POINT);
    this.branch7x7dbl_2 = conv(c7, c7, column(7));
    this.branch7x7dbl_3 = conv(c7, c7, row(7));
    this.branch7x7dbl_4 = conv(c7, c7, column(7));
    this.branch7x7dbl_5 = conv(c7, 192, row(7));
    this.branch_pool = conv(inChannels, 192, POINT);
  }

  forward(x: Tensor): Tensor {
    const branch1x1 = this.branch1x1.call(x);
    const branch7x7 = chain(x, this.branch7x7_1, this.branch7x7_2, this.branch7x7_3);
    const branch7x7dbl = chain(
      x,
      this.branch7x7dbl_1,
      this.branch7x7dbl_2,
      this.branch7x7dbl_3,
      this.branch7x7dbl_4,
      this.branch7x7dbl_5,
    );
    return cat([branch1x1, branch7x7, branch7x7dbl, this.branch_pool.call(average3x3(x))], 1);
  }
}

/** Halves the size: [N, in, H, W] → [N, 512 + in, H', W']. */
export class InceptionD extends Module implements Layer {
  branch3x3_1: Layer;
  branch3x3_2: Layer;
  branch7x7x3_1: Layer;
  branch7x7x3_2: Layer;
  branch7x7x3_3: Layer;
  branch7x7x3_4: Layer;

  constructor(inChannels: number, conv: ConvBlock = basicConv2d) {
    super();
    this.branch3x3_1 = conv(inChannels, 192, POINT);
    this.branch3x3_2 = conv(192, 320, HALVE);
    this.branch7x7x3_1 = conv(inChannels, 192, POINT);
    this.branch7x7x3_2 = conv(192, 192, row(7));
    this.branch7x7x3_3 = conv(192, 192, column(7));
    this.branch7x7x3_4 = conv(192, 192, HALVE);
  }

  forward(x: Tensor): Tensor {
    const branch3x3 = chain(x, this.branch3x3_1, this.branch3x3_2);
    const branch7x7x3 = chain(x, this.branch7x7x3_1, this.branch7x7x3_2, this.branch7x7x3_3, this.branch7x7x3_4);
    return cat([branch3x3, branch7x7x3, functional.maxPool2d(x, 3, { stride: 2 })], 1);
  }
}

/** Figure 7 of the paper, whose branches end in 1×3 and 3×1 side by side: [N, in, H, W] → [N, 2048, H, W]. */
export class InceptionE extends Module implements Layer {
  branch1x1: Layer;
  branch3x3_1: Layer;
  branch3x3_2a: Layer;
  branch3x3_2b: Layer;
  branch3x3dbl_1: Layer;
  branch3x3dbl_2: Layer;
  branch3x3dbl_3a: Layer;
  branch3x3dbl_3b: Layer;
  branch_pool: Layer;

  constructor(inChannels: number, conv: ConvBlock = basicConv2d) {
    super();
    this.branch1x1 = conv(inChannels, 320, POINT);
    this.branch3x3_1 = conv(inChannels, 384, POINT);
    this.branch3x3_2a = conv(384, 384, row(3));
    this.branch3x3_2b = conv(384, 384, column(3));
    this.branch3x3dbl_1 = conv(inChannels, 448, POINT);
    this.branch3x3dbl_2 = conv(448, 384, square(3));
    this.branch3x3dbl_3a = conv(384, 384, row(3));
    this.branch3x3dbl_3b = conv(384, 384, column(3));
    this.branch_pool = conv(inChannels, 192, POINT);
  }

  forward(x: Tensor): Tensor {
    const branch1x1 = this.branch1x1.call(x);
    const stem3x3 = this.branch3x3_1.call(x);
    const branch3x3 = [this.branch3x3_2a.call(stem3x3), this.branch3x3_2b.call(stem3x3)];
    const stem3x3dbl = chain(x, this.branch3x3dbl_1, this.branch3x3dbl_2);
    const branch3x3dbl = [this.branch3x3dbl_3a.call(stem3x3dbl), this.branch3x3dbl_3b.call(stem3x3dbl)];
    return cat([branch1x1, ...branch3x3, ...branch3x3dbl, this.branch_pool.call(average3x3(x))], 1);
  }
}

/** A classifier on an inner feature map [N, C, 17, 17], which helps training: [N, numClasses]. */
export class InceptionAux extends Module implements Layer {
  conv0: Layer;
  conv1: Layer;
  fc: Layer;

  constructor(inChannels: number, numClasses: number, conv: ConvBlock = basicConv2d) {
    super();
    this.conv0 = conv(inChannels, 128, POINT);
    this.conv1 = conv(128, 768, { kernelSize: 5 });
    this.fc = new Linear(768, numClasses);
  }

  forward(x: Tensor): Tensor {
    const y = chain(functional.avgPool2d(x, 5, { stride: 3 }), this.conv0, this.conv1);
    return this.fc.call(functional.adaptiveAvgPool2d(y, [1, 1]).flatten(1));
  }
}

/** What makes the stem's convolutions, the five kinds of blocks and the auxiliary classifier. */
export type InceptionBlocks = readonly [
  conv: ConvBlock,
  a: (inChannels: number, poolFeatures: number) => Layer,
  b: (inChannels: number) => Layer,
  c: (inChannels: number, channels7x7: number) => Layer,
  d: (inChannels: number) => Layer,
  e: (inChannels: number) => Layer,
  aux: (inChannels: number, numClasses: number) => Layer,
];

const BLOCKS: InceptionBlocks = [
  basicConv2d,
  (inChannels, poolFeatures) => new InceptionA(inChannels, poolFeatures),
  (inChannels) => new InceptionB(inChannels),
  (inChannels, channels7x7) => new InceptionC(inChannels, channels7x7),
  (inChannels) => new InceptionD(inChannels),
  (inChannels) => new InceptionE(inChannels),
  (inChannels, numClasses) => new InceptionAux(inChannels, numClasses),
];

export interface Inception3Options extends ClassifierOptions {
  /** An auxiliary classifier for training. Default true. */
  readonly auxLogits?: boolean;
  /** Take inputs normalised as torchvision's other models do. Default false; with published weights true. */
  readonly transformInput?: boolean;
  readonly inceptionBlocks?: InceptionBlocks;
  /** Truncated normal initial weights; false leaves each layer its own. Default true. */
  readonly initWeights?: boolean;
  /** Probability before the last layer. Default 0.5. */
  readonly dropout?: number;
}

const OPTIONS = [
  "numClasses",
  "auxLogits",
  "transformInput",
  "inceptionBlocks",
  "initWeights",
  "dropout",
] as const satisfies (keyof Inception3Options)[];

/** What the network gives in training mode: logits [N, numClasses] of both classifiers. */
export interface InceptionOutputs {
  readonly logits: Tensor;
  readonly auxLogits: Tensor;
}

export class Inception3 extends Module {
  Conv2d_1a_3x3: Layer;
  Conv2d_2a_3x3: Layer;
  Conv2d_2b_3x3: Layer;
  maxpool1: Layer;
  Conv2d_3b_1x1: Layer;
  Conv2d_4a_3x3: Layer;
  maxpool2: Layer;
  Mixed_5b: Layer;
  Mixed_5c: Layer;
  Mixed_5d: Layer;
  Mixed_6a: Layer;
  Mixed_6b: Layer;
  Mixed_6c: Layer;
  Mixed_6d: Layer;
  Mixed_6e: Layer;
  AuxLogits: Layer | null;
  Mixed_7a: Layer;
  Mixed_7b: Layer;
  Mixed_7c: Layer;
  avgpool: Layer;
  dropout: Layer;
  fc: Layer;
  /** Whether training gives the output of the auxiliary classifier too. */
  auxLogits: boolean;
  transformInput: boolean;

  constructor(options: Inception3Options = {}) {
    super();
    checkOptions("Inception3", options, OPTIONS);
    const { numClasses = 1000, auxLogits = true, transformInput = false, inceptionBlocks = BLOCKS } = options;
    if (inceptionBlocks.length !== 7)
      throw new ArgumentError(
        `Inception3: ${inceptionBlocks.length} inceptionBlocks; give seven, for convolution, A to E, and aux`,
      );
    const [conv, a, b, c, d, e, aux] = inceptionBlocks;
    this.Conv2d_1a_3x3 = conv(3, 32, HALVE);
    this.Conv2d_2a_3x3 = conv(32, 32, { kernelSize: 3 });
    this.Conv2d_2b_3x3 = conv(32, 64, square(3));
    this.maxpool1 = new MaxPool2d(3, { stride: 2 });
    this.Conv2d_3b_1x1 = conv(64, 80, POINT);
    this.Conv2d_4a_3x3 = conv(80, 192, { kernelSize: 3 });
    this.maxpool2 = new MaxPool2d(3, { stride: 2 });
    this.Mixed_5b = a(192, 32);
    this.Mixed_5c = a(256, 64);
    this.Mixed_5d = a(288, 64);
    this.Mixed_6a = b(288);
    this.Mixed_6b = c(768, 128);
    this.Mixed_6c = c(768, 160);
    this.Mixed_6d = c(768, 160);
    this.Mixed_6e = c(768, 192);
    this.AuxLogits = auxLogits ? aux(768, numClasses) : null;
    this.Mixed_7a = d(768);
    this.Mixed_7b = e(1280);
    this.Mixed_7c = e(2048);
    const { dropout = 0.5, initWeights = true } = options;
    this.avgpool = new AdaptiveAvgPool2d([1, 1]);
    this.dropout = new Dropout({ p: dropout });
    this.fc = new Linear(2048, numClasses);
    this.auxLogits = auxLogits;
    this.transformInput = transformInput;
    if (initWeights) this.#initialize();
  }

  #initialize(): void {
    const auxHead = this.AuxLogits instanceof InceptionAux ? this.AuxLogits.fc : null;
    for (const layer of this.modules())
      if (layer instanceof Conv2d || layer instanceof Linear)
        init.truncNormal_(layer.weight, 0, layer === auxHead ? 0.001 : 0.1);
  }

  /**
   * x: [N, 3, H, W], 299×299 as published and 75×75 at least, gives logits [N, numClasses]; in training mode, with the
   * auxiliary classifier, those of both.
   */
  forward(x: Tensor): Tensor | InceptionOutputs {
    const image = this.transformInput ? toUnitRange(x) : x;
    const stem = chain(image, this.Conv2d_1a_3x3, this.Conv2d_2a_3x3, this.Conv2d_2b_3x3, this.maxpool1);
    const y35 = chain(stem, this.Conv2d_3b_1x1, this.Conv2d_4a_3x3, this.maxpool2);
    const y17 = chain(y35, this.Mixed_5b, this.Mixed_5c, this.Mixed_5d, this.Mixed_6a);
    const inner = chain(y17, this.Mixed_6b, this.Mixed_6c, this.Mixed_6d, this.Mixed_6e);
    const y8 = chain(inner, this.Mixed_7a, this.Mixed_7b, this.Mixed_7c);
    const logits = this.fc.call(chain(y8, this.avgpool, this.dropout).flatten(1));
    if (!this.training || !this.auxLogits || !this.AuxLogits) return logits;
    return { logits, auxLogits: this.AuxLogits.call(inner) };
  }
}

/** The published file holds the auxiliary head, so it is there until the file is loaded. */
export const inception_v3 = builder("inception_v3", (options: Inception3Options) => new Inception3(options), {
  options: publishedForm,
  finish: (model, { auxLogits = true }) => {
    if (auxLogits) return;
    model.auxLogits = false;
    model.AuxLogits = null;
  },
});
