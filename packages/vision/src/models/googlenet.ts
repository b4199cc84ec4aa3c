/** GoogLeNet, or Inception v1 (Szegedy et al. 2014), with batch norm and torchvision's names. */

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
  Sequential,
} from "@kindling/nn";
import { builder } from "./builder.js";
import { basicConv2d, type ConvBlock, chain, publishedForm, toUnitRange } from "./inception-parts.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** A line of Table 1 of the paper: input, #1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj. */
type Row = readonly [
  inChannels: number,
  ch1x1: number,
  ch3x3red: number,
  ch3x3: number,
  ch5x5red: number,
  ch5x5: number,
  poolProj: number,
];

const TABLE = {
  inception3a: [192, 64, 96, 128, 16, 32, 32],
  inception3b: [256, 128, 128, 192, 32, 96, 64],
  inception4a: [480, 192, 96, 208, 16, 48, 64],
  inception4b: [512, 160, 112, 224, 24, 64, 64],
  inception4c: [512, 128, 128, 256, 24, 64, 64],
  inception4d: [512, 112, 144, 288, 32, 64, 64],
  inception4e: [528, 256, 160, 320, 32, 128, 128],
  inception5a: [832, 256, 160, 320, 32, 128, 128],
  inception5b: [832, 384, 192, 384, 48, 128, 128],
} as const satisfies Record<string, Row>;

/** Four branches side by side: 1×1, 3×3, 5×5, pool. The third is 3×3 too, as the published weights have it. */
export class Inception extends Module implements Layer {
  branch1: Layer;
  branch2: Sequential;
  branch3: Sequential;
  branch4: Sequential;

  constructor(
    inChannels: number,
    ch1x1: number,
    ch3x3red: number,
    ch3x3: number,
    ch5x5red: number,
    ch5x5: number,
    poolProj: number,
    convBlock: ConvBlock = basicConv2d,
  ) {
    super();
    const pointwise = { kernelSize: 1 };
    const spatial = { kernelSize: 3, padding: 1 };
    this.branch1 = convBlock(inChannels, ch1x1, pointwise);
    this.branch2 = new Sequential(convBlock(inChannels, ch3x3red, pointwise), convBlock(ch3x3red, ch3x3, spatial));
    this.branch3 = new Sequential(convBlock(inChannels, ch5x5red, pointwise), convBlock(ch5x5red, ch5x5, spatial));
    this.branch4 = new Sequential(
      new MaxPool2d(3, { stride: 1, padding: 1, ceilMode: true }),
      convBlock(inChannels, poolProj, pointwise),
    );
  }

  forward(x: Tensor): Tensor {
    const branches = [this.branch1, this.branch2, this.branch3, this.branch4];
    return cat(
      branches.map((branch) => branch.call(x)),
      1,
    );
  }
}

/** A classifier on an inner feature map [N, C, H, W], which helps training: [N, numClasses]. */
export class InceptionAux extends Module implements Layer {
  conv: Layer;
  fc1: Layer;
  fc2: Layer;
  dropout: Layer;

  constructor(
    inChannels: number,
    numClasses: number,
    { dropout = 0.7, convBlock = basicConv2d }: { dropout?: number; convBlock?: ConvBlock } = {},
  ) {
    super();
    this.conv = convBlock(inChannels, 128, { kernelSize: 1 });
    this.fc1 = new Linear(2048, 1024);
    this.fc2 = new Linear(1024, numClasses);
    this.dropout = new Dropout({ p: dropout });
  }

  forward(x: Tensor): Tensor {
    const y = this.conv.call(functional.adaptiveAvgPool2d(x, [4, 4])).flatten(1);
    return chain(this.fc1.call(y).relu(), this.dropout, this.fc2);
  }
}

/** Makes an inception block from a line of the table. */
export type InceptionBlock = (...row: Row) => Layer;

/** Makes an auxiliary classifier. */
export type AuxBlock = (inChannels: number, numClasses: number, options: { dropout: number }) => Layer;

export interface GoogLeNetOptions extends ClassifierOptions {
  /** Two auxiliary classifiers for training. Default true; with published weights, which do not train them, false. */
  readonly auxLogits?: boolean;
  /** Take inputs normalised as torchvision's other models do. Default false; with published weights true. */
  readonly transformInput?: boolean;
  /** Truncated normal initial weights; false leaves each layer its own. Default true. */
  readonly initWeights?: boolean;
  /** What makes the stem's convolutions, the inception blocks and the auxiliary classifiers. */
  readonly blocks?: readonly [conv: ConvBlock, inception: InceptionBlock, aux: AuxBlock];
  /** Probability before the last layer. Default 0.2. */
  readonly dropout?: number;
  /** Probability in the auxiliary classifiers. Default 0.7. */
  readonly dropoutAux?: number;
}

const OPTIONS = [
  "numClasses",
  "auxLogits",
  "transformInput",
  "initWeights",
  "blocks",
  "dropout",
  "dropoutAux",
] as const satisfies (keyof GoogLeNetOptions)[];

const BLOCKS: NonNullable<GoogLeNetOptions["blocks"]> = [
  basicConv2d,
  (...row) => new Inception(...row),
  (inChannels, numClasses, options) => new InceptionAux(inChannels, numClasses, options),
];

/**
 * What the network gives in training mode: logits [N, numClasses] of the three classifiers, in torchvision's order.
 * As there, `auxLogits2` are those of the head `aux1`, and `auxLogits1` those of `aux2`.
 */
export interface GoogLeNetOutputs {
  readonly logits: Tensor;
  readonly auxLogits2: Tensor;
  readonly auxLogits1: Tensor;
}

export class GoogLeNet extends Module {
  conv1: Layer;
  maxpool1: Layer;
  conv2: Layer;
  conv3: Layer;
  maxpool2: Layer;
  inception3a: Layer;
  inception3b: Layer;
  maxpool3: Layer;
  inception4a: Layer;
  inception4b: Layer;
  inception4c: Layer;
  inception4d: Layer;
  inception4e: Layer;
  maxpool4: Layer;
  inception5a: Layer;
  inception5b: Layer;
  aux1: Layer | null;
  aux2: Layer | null;
  avgpool: Layer;
  dropout: Layer;
  fc: Layer;
  /** Whether training gives the outputs of the auxiliary classifiers too. */
  auxLogits: boolean;
  transformInput: boolean;

  constructor(options: GoogLeNetOptions = {}) {
    super();
    checkOptions("GoogLeNet", options, OPTIONS);
    const { numClasses = 1000, auxLogits = true, transformInput = false, blocks = BLOCKS } = options;
    if (blocks.length !== 3)
      throw new ArgumentError(`GoogLeNet: ${blocks.length} blocks; give three, for convolution, inception and aux`);
    const [conv, inception, aux] = blocks;
    this.conv1 = conv(3, 64, { kernelSize: 7, stride: 2, padding: 3 });
    this.maxpool1 = new MaxPool2d(3, { stride: 2, ceilMode: true });
    this.conv2 = conv(64, 64, { kernelSize: 1 });
    this.conv3 = conv(64, 192, { kernelSize: 3, padding: 1 });
    this.maxpool2 = new MaxPool2d(3, { stride: 2, ceilMode: true });
    this.inception3a = inception(...TABLE.inception3a);
    this.inception3b = inception(...TABLE.inception3b);
    this.maxpool3 = new MaxPool2d(3, { stride: 2, ceilMode: true });
    this.inception4a = inception(...TABLE.inception4a);
    this.inception4b = inception(...TABLE.inception4b);
    this.inception4c = inception(...TABLE.inception4c);
    this.inception4d = inception(...TABLE.inception4d);
    this.inception4e = inception(...TABLE.inception4e);
    this.maxpool4 = new MaxPool2d(2, { stride: 2, ceilMode: true });
    this.inception5a = inception(...TABLE.inception5a);
    this.inception5b = inception(...TABLE.inception5b);
    const { dropout = 0.2, dropoutAux = 0.7, initWeights = true } = options;
    const head = ([inChannels]: Row): Layer | null =>
      auxLogits ? aux(inChannels, numClasses, { dropout: dropoutAux }) : null;
    this.aux1 = head(TABLE.inception4b);
    this.aux2 = head(TABLE.inception4e);
    this.avgpool = new AdaptiveAvgPool2d([1, 1]);
    this.dropout = new Dropout({ p: dropout });
    this.fc = new Linear(1024, numClasses);
    this.auxLogits = auxLogits;
    this.transformInput = transformInput;
    if (!initWeights) return;
    for (const layer of this.modules())
      if (layer instanceof Conv2d || layer instanceof Linear) init.truncNormal_(layer.weight, 0, 0.01);
  }

  /** x: [N, 3, H, W] gives logits [N, numClasses]; in training mode, with auxiliary classifiers, those of all three. */
  forward(x: Tensor): Tensor | GoogLeNetOutputs {
    const image = this.transformInput ? toUnitRange(x) : x;
    const stem = chain(image, this.conv1, this.maxpool1, this.conv2, this.conv3, this.maxpool2);
    const third = chain(stem, this.inception3a, this.inception3b, this.maxpool3);
    const first = this.inception4a.call(third);
    const second = chain(first, this.inception4b, this.inception4c, this.inception4d);
    const last = chain(second, this.inception4e, this.maxpool4, this.inception5a, this.inception5b);
    const logits = this.fc.call(this.dropout.call(this.avgpool.call(last).flatten(1)));
    const { aux1, aux2 } = this;
    if (!this.training || !this.auxLogits || !aux1 || !aux2) return logits;
    return { logits, auxLogits2: aux1.call(first), auxLogits1: aux2.call(second) };
  }
}

/** The published file holds auxiliary heads, so these are there until it is loaded. */
export const googlenet = builder("googlenet", (options: GoogLeNetOptions) => new GoogLeNet(options), {
  options: publishedForm,
  finish: (model, { auxLogits = false }) => {
    if (auxLogits) return;
    model.auxLogits = false;
    model.aux1 = null;
    model.aux2 = null;
  },
});
