/** EfficientNet (Tan & Le 2019) and EfficientNetV2 (Tan & Le 2021), with torchvision's names. */

import { ArgumentError, type Tensor } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Dropout,
  init,
  type Layer,
  Linear,
  Module,
  Sequential,
  SiLU,
} from "@kindling/nn";
import {
  type ActivationLayer,
  batchNorm2d,
  Conv2dNormActivation,
  type NormLayer,
  SqueezeExcitation,
  StochasticDepth,
} from "../ops/index.js";
import { builder } from "./builder.js";
import { makeDivisible } from "./channels.js";
import { heFanOut, initialize } from "./initialize.js";
import { slowBatchNorm } from "./norms.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** What all blocks of a stage share, with channel counts as they are built. */
export interface MBConvConfig {
  readonly block: MBConvBlock;
  /** Inner channels of a block for each of its inputs. */
  readonly expandRatio: number;
  readonly kernel: number;
  /** Of the stage's first block: 1 or 2. */
  readonly stride: number;
  readonly inputChannels: number;
  readonly outChannels: number;
  readonly numLayers: number;
}

/** A kind of block; `config` is the stage's, with the input and the stride of the single block. */
export type MBConvBlock = new (config: MBConvConfig, stochasticDepthProb: number, normLayer: NormLayer) => Layer;

const silu: ActivationLayer = (options) => new SiLU(options);

/** An inverted residual: the branch, dropped at random in training, and a shortcut where the shape stays. */
abstract class InvertedResidual extends Module implements Layer {
  block: Sequential;
  stochastic_depth: Layer;
  readonly useResConnect: boolean;
  readonly outChannels: number;

  constructor(config: MBConvConfig, stochasticDepthProb: number, normLayer: NormLayer) {
    super();
    const { stride, inputChannels, outChannels, expandRatio } = config;
    if (stride !== 1 && stride !== 2) throw new ArgumentError(`${this.typeName}: stride ${stride}; it is 1 or 2`);
    this.useResConnect = stride === 1 && inputChannels === outChannels;
    this.outChannels = outChannels;
    this.block = new Sequential(...this.branch(config, makeDivisible(inputChannels * expandRatio, 8), normLayer));
    this.stochastic_depth = new StochasticDepth(stochasticDepthProb, "row");
  }

  /** The layers of the branch; `expanded`: its inner channels. */
  protected abstract branch(config: MBConvConfig, expanded: number, normLayer: NormLayer): Layer[];

  forward(x: Tensor): Tensor {
    const y = this.block.call(x);
    return this.useResConnect ? this.stochastic_depth.call(y).add(x) : y;
  }
}

/** Expand, depthwise, squeeze and excite, project. */
export class MBConv extends InvertedResidual {
  protected override branch(config: MBConvConfig, expanded: number, normLayer: NormLayer): Layer[] {
    const { kernel, stride, inputChannels, outChannels } = config;
    const layers: Layer[] = [
      new Conv2dNormActivation(expanded, expanded, {
        kernelSize: kernel,
        stride,
        groups: expanded,
        normLayer,
        activationLayer: silu,
      }),
      new SqueezeExcitation(expanded, Math.max(1, Math.floor(inputChannels / 4)), {
        activation: () => new SiLU({ inplace: true }),
      }),
      new Conv2dNormActivation(expanded, outChannels, { kernelSize: 1, normLayer, activationLayer: null }),
    ];
    if (expanded === inputChannels) return layers;
    return [
      new Conv2dNormActivation(inputChannels, expanded, { kernelSize: 1, normLayer, activationLayer: silu }),
      ...layers,
    ];
  }
}

/** Expansion and spatial convolution in one, then project; without expansion that one convolution is all. */
export class FusedMBConv extends InvertedResidual {
  protected override branch(config: MBConvConfig, expanded: number, normLayer: NormLayer): Layer[] {
    const { kernel, stride, inputChannels, outChannels } = config;
    const fused = (channels: number): Layer =>
      new Conv2dNormActivation(inputChannels, channels, {
        kernelSize: kernel,
        stride,
        normLayer,
        activationLayer: silu,
      });
    if (expanded === inputChannels) return [fused(outChannels)];
    return [
      fused(expanded),
      new Conv2dNormActivation(expanded, outChannels, { kernelSize: 1, normLayer, activationLayer: null }),
    ];
  }
}

export interface EfficientNetOptions extends ClassifierOptions {
  /** Probability in the classifier. Default 0.2; the builders' are those that the papers trained with. */
  readonly dropout?: number;
  /** Probability of dropping the last block, which grows from 0 at the first. Default 0.2. */
  readonly stochasticDepthProb?: number;
  /** Default BatchNorm2d; of b5 to b7 and of V2 with other eps and momentum. */
  readonly normLayer?: NormLayer;
  /** Channels before the classifier. Default four times those of the last stage, in V2 1280. */
  readonly lastChannel?: number;
}

const OPTIONS = [
  "numClasses",
  "dropout",
  "stochasticDepthProb",
  "normLayer",
  "lastChannel",
] as const satisfies (keyof EfficientNetOptions)[];

export class EfficientNet extends Module implements Layer {
  features: Sequential;
  avgpool: Layer;
  classifier: Sequential;

  /** @param stages at least one */
  constructor(stages: readonly MBConvConfig[], options: EfficientNetOptions = {}) {
    super();
    checkOptions("EfficientNet", options, OPTIONS);
    const { numClasses = 1000, dropout = 0.2, stochasticDepthProb = 0.2, normLayer = batchNorm2d } = options;
    const last = stages.at(-1);
    if (!last) throw new ArgumentError("EfficientNet: no stages were given; give one MBConvConfig for each");
    const lastChannel = options.lastChannel ?? 4 * last.outChannels;
    const shared = { normLayer, activationLayer: silu };
    this.features = new Sequential(
      new Conv2dNormActivation(3, stages[0].inputChannels, { ...shared, stride: 2 }),
      ...buildStages(stages, stochasticDepthProb, normLayer),
      new Conv2dNormActivation(last.outChannels, lastChannel, { ...shared, kernelSize: 1 }),
    );
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.classifier = new Sequential(new Dropout({ p: dropout, inplace: true }), new Linear(lastChannel, numClasses));
    const range = 1 / Math.sqrt(numClasses);
    initialize(this, { conv: heFanOut, linear: (weight) => void init.uniform_(weight, -range, range) });
  }

  /** x: [N, 3, H, W] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    return this.classifier.call(this.avgpool.call(this.features.call(x)).flatten(1));
  }
}

function buildStages(stages: readonly MBConvConfig[], lastProb: number, normLayer: NormLayer): Sequential[] {
  const total = stages.reduce((n, { numLayers }) => n + numLayers, 0);
  let built = 0;
  return stages.map((stage) => {
    const blocks = new Sequential();
    for (let i = 0; i < stage.numLayers; i++) {
      const config = i === 0 ? stage : { ...stage, inputChannels: stage.outChannels, stride: 1 };
      blocks.append(new stage.block(config, (lastProb * built++) / total, normLayer));
    }
    return blocks;
  });
}

/** A line of Table 1 (2019) or Table 4 (2021): block, expansion, kernel, stride, output, layers. */
type Row = readonly [block: MBConvBlock, t: number, k: number, s: number, out: number, n: number];

/** Channels of the stem, which the first stage takes, and the stages. */
interface Table {
  readonly stem: number;
  readonly rows: readonly Row[];
}

const B0: Table = {
  stem: 32,
  rows: [
    [MBConv, 1, 3, 1, 16, 1],
    [MBConv, 6, 3, 2, 24, 2],
    [MBConv, 6, 5, 2, 40, 2],
    [MBConv, 6, 3, 2, 80, 3],
    [MBConv, 6, 5, 1, 112, 3],
    [MBConv, 6, 5, 2, 192, 4],
    [MBConv, 6, 3, 1, 320, 1],
  ],
};

const V2_S: Table = {
  stem: 24,
  rows: [
    [FusedMBConv, 1, 3, 1, 24, 2],
    [FusedMBConv, 4, 3, 2, 48, 4],
    [FusedMBConv, 4, 3, 2, 64, 4],
    [MBConv, 4, 3, 2, 128, 6],
    [MBConv, 6, 3, 1, 160, 9],
    [MBConv, 6, 3, 2, 256, 15],
  ],
};

const V2_M: Table = {
  stem: 24,
  rows: [
    [FusedMBConv, 1, 3, 1, 24, 3],
    [FusedMBConv, 4, 3, 2, 48, 5],
    [FusedMBConv, 4, 3, 2, 80, 5],
    [MBConv, 4, 3, 2, 160, 7],
    [MBConv, 6, 3, 1, 176, 14],
    [MBConv, 6, 3, 2, 304, 18],
    [MBConv, 6, 3, 1, 512, 5],
  ],
};

const V2_L: Table = {
  stem: 32,
  rows: [
    [FusedMBConv, 1, 3, 1, 32, 4],
    [FusedMBConv, 4, 3, 2, 64, 7],
    [FusedMBConv, 4, 3, 2, 96, 7],
    [MBConv, 4, 3, 2, 192, 10],
    [MBConv, 6, 3, 1, 224, 19],
    [MBConv, 6, 3, 2, 384, 25],
    [MBConv, 6, 3, 1, 640, 7],
  ],
};

/** The stages of a table, with its channels and layers multiplied and rounded. */
function scaled({ stem, rows }: Table, widthMult = 1, depthMult = 1): MBConvConfig[] {
  const adjust = (channels: number): number => makeDivisible(channels * widthMult, 8);
  return rows.map(([block, expandRatio, kernel, stride, out, layers], i) => ({
    block,
    expandRatio,
    kernel,
    stride,
    inputChannels: adjust(i === 0 ? stem : rows[i - 1][4]),
    outChannels: adjust(out),
    numLayers: Math.ceil(layers * depthMult),
  }));
}

const v2Norm: NormLayer = (channels) => new BatchNorm2d(channels, { eps: 1e-3 });

/** B0 with one of the paper's compound scalings of width and depth, which go with more dropout. */
function efficientNet(
  widthMult: number,
  depthMult: number,
  defaults: { dropout: number; normLayer?: NormLayer },
  options: EfficientNetOptions,
): EfficientNet {
  const { dropout = defaults.dropout, normLayer = defaults.normLayer } = options;
  return new EfficientNet(scaled(B0, widthMult, depthMult), { ...options, dropout, normLayer });
}

function efficientNetV2(table: Table, defaultDropout: number, options: EfficientNetOptions): EfficientNet {
  const { dropout = defaultDropout, normLayer = v2Norm, lastChannel = 1280 } = options;
  return new EfficientNet(scaled(table), { ...options, dropout, normLayer, lastChannel });
}

export const efficientnet_b0 = builder("efficientnet_b0", (options: EfficientNetOptions) =>
  efficientNet(1, 1, { dropout: 0.2 }, options),
);
export const efficientnet_b1 = builder("efficientnet_b1", (options: EfficientNetOptions) =>
  efficientNet(1, 1.1, { dropout: 0.2 }, options),
);
export const efficientnet_b2 = builder("efficientnet_b2", (options: EfficientNetOptions) =>
  efficientNet(1.1, 1.2, { dropout: 0.3 }, options),
);
export const efficientnet_b3 = builder("efficientnet_b3", (options: EfficientNetOptions) =>
  efficientNet(1.2, 1.4, { dropout: 0.3 }, options),
);
export const efficientnet_b4 = builder("efficientnet_b4", (options: EfficientNetOptions) =>
  efficientNet(1.4, 1.8, { dropout: 0.4 }, options),
);
export const efficientnet_b5 = builder("efficientnet_b5", (options: EfficientNetOptions) =>
  efficientNet(1.6, 2.2, { dropout: 0.4, normLayer: slowBatchNorm }, options),
);
export const efficientnet_b6 = builder("efficientnet_b6", (options: EfficientNetOptions) =>
  efficientNet(1.8, 2.6, { dropout: 0.5, normLayer: slowBatchNorm }, options),
);
export const efficientnet_b7 = builder("efficientnet_b7", (options: EfficientNetOptions) =>
  efficientNet(2, 3.1, { dropout: 0.5, normLayer: slowBatchNorm }, options),
);
export const efficientnet_v2_s = builder("efficientnet_v2_s", (options: EfficientNetOptions) =>
  efficientNetV2(V2_S, 0.2, options),
);
export const efficientnet_v2_m = builder("efficientnet_v2_m", (options: EfficientNetOptions) =>
  efficientNetV2(V2_M, 0.3, options),
);
export const efficientnet_v2_l = builder("efficientnet_v2_l", (options: EfficientNetOptions) =>
  efficientNetV2(V2_L, 0.4, options),
);
