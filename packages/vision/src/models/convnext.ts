/** ConvNeXt (Liu et al. 2022), with torchvision's names. */

import { ArgumentError, full, scoped, type Tensor } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  Conv2d,
  Flatten,
  GELU,
  type Layer,
  LayerNorm,
  Linear,
  Module,
  Parameter,
  Sequential,
} from "@kindling/nn";
import { Conv2dNormActivation, type NormLayer, Permute, StochasticDepth } from "../ops/index.js";
import { builder } from "./builder.js";
import { initialize, truncatedNormal } from "./initialize.js";
import { fineLayerNorm } from "./norms.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** Layer norm over the channels of each pixel. x: [N, C, H, W]. */
export class LayerNorm2d extends LayerNorm {
  override forward(x: Tensor): Tensor {
    return scoped(() => super.forward(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]));
  }
}

/** A stage: its blocks, and the channels that it is downsampled to afterwards, null for the last. */
export interface CNBlockConfig {
  readonly inputChannels: number;
  readonly outChannels: number | null;
  readonly numLayers: number;
}

/** 7×7 depthwise, layer norm and a perceptron at each pixel, scaled channel by channel, with a shortcut. */
export class CNBlock extends Module implements Layer {
  /** [dim, 1, 1] */
  layer_scale: Parameter;
  block: Sequential;
  stochastic_depth: Layer;

  constructor(dim: number, layerScale: number, stochasticDepthProb: number, normLayer: NormLayer = fineLayerNorm) {
    super();
    this.layer_scale = new Parameter(full([dim, 1, 1], layerScale));
    this.block = new Sequential(
      new Conv2d(dim, dim, 7, { padding: 3, groups: dim }),
      new Permute([0, 2, 3, 1]),
      normLayer(dim),
      new Linear(dim, 4 * dim),
      new GELU(),
      new Linear(4 * dim, dim),
      new Permute([0, 3, 1, 2]),
    );
    this.stochastic_depth = new StochasticDepth(stochasticDepthProb, "row");
  }

  forward(x: Tensor): Tensor {
    return this.stochastic_depth.call(this.layer_scale.mul(this.block.call(x))).add(x);
  }
}

/** A kind of block. */
export type CNBlockType = new (dim: number, layerScale: number, stochasticDepthProb: number) => Layer;

export interface ConvNeXtOptions extends ClassifierOptions {
  /** Probability of dropping the last block, which grows from 0 at the first. Default 0; the builders' are the paper's. */
  readonly stochasticDepthProb?: number;
  /** Initial scale of the blocks' branches. Default 1e-6. */
  readonly layerScale?: number;
  /** Default CNBlock. */
  readonly block?: CNBlockType;
  /** Of the stem, before downsampling and in the classifier; blocks have their own. Default LayerNorm2d with eps 1e-6. */
  readonly normLayer?: NormLayer;
}

const OPTIONS = [
  "numClasses",
  "stochasticDepthProb",
  "layerScale",
  "block",
  "normLayer",
] as const satisfies (keyof ConvNeXtOptions)[];

export class ConvNeXt extends Module implements Layer {
  features: Sequential;
  avgpool: Layer;
  classifier: Sequential;

  /** @param stages at least one */
  constructor(stages: readonly CNBlockConfig[], options: ConvNeXtOptions = {}) {
    super();
    checkOptions("ConvNeXt", options, OPTIONS);
    const { numClasses = 1000, normLayer = (channels) => new LayerNorm2d(channels, { eps: 1e-6 }) } = options;
    const last = stages.at(-1);
    if (!last) throw new ArgumentError("ConvNeXt: no stages were given; give one CNBlockConfig for each");
    const patches = { kernelSize: 4, stride: 4, padding: 0, bias: true };
    this.features = new Sequential(
      new Conv2dNormActivation(3, stages[0].inputChannels, { ...patches, normLayer, activationLayer: null }),
      ...buildStages(stages, normLayer, options),
    );
    this.avgpool = new AdaptiveAvgPool2d(1);
    const channels = last.outChannels ?? last.inputChannels;
    this.classifier = new Sequential(normLayer(channels), new Flatten(), new Linear(channels, numClasses));
    initialize(this, { conv: truncatedNormal(0.02), linear: truncatedNormal(0.02) });
  }

  /** x: [N, 3, H, W], 32×32 at least, gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    return this.classifier.call(this.avgpool.call(this.features.call(x)));
  }
}

/** The stages, with the downsampling between them. */
function buildStages(stages: readonly CNBlockConfig[], normLayer: NormLayer, options: ConvNeXtOptions): Sequential[] {
  const { stochasticDepthProb = 0, layerScale = 1e-6, block: Block = CNBlock } = options;
  const total = stages.reduce((n, { numLayers }) => n + numLayers, 0);
  let built = 0;
  return stages.flatMap(({ inputChannels, outChannels, numLayers }) => {
    const blocks = new Sequential();
    for (let i = 0; i < numLayers; i++) {
      const prob = (stochasticDepthProb * built++) / Math.max(total - 1, 1);
      blocks.append(new Block(inputChannels, layerScale, prob));
    }
    if (outChannels === null) return blocks;
    const halve = new Conv2d(inputChannels, outChannels, 2, { stride: 2 });
    return [blocks, new Sequential(normLayer(inputChannels), halve)];
  });
}

/** Section 3 of the paper: four stages, each twice as wide as the one before. */
function convNeXt(width: number, depths: readonly number[], defaultProb: number, options: ConvNeXtOptions): ConvNeXt {
  const stages = depths.map((numLayers, i) => ({
    inputChannels: width * 2 ** i,
    outChannels: i < depths.length - 1 ? width * 2 ** (i + 1) : null,
    numLayers,
  }));
  const { stochasticDepthProb = defaultProb } = options;
  return new ConvNeXt(stages, { ...options, stochasticDepthProb });
}

export const convnext_tiny = builder("convnext_tiny", (options: ConvNeXtOptions) =>
  convNeXt(96, [3, 3, 9, 3], 0.1, options),
);
export const convnext_small = builder("convnext_small", (options: ConvNeXtOptions) =>
  convNeXt(96, [3, 3, 27, 3], 0.4, options),
);
export const convnext_base = builder("convnext_base", (options: ConvNeXtOptions) =>
  convNeXt(128, [3, 3, 27, 3], 0.5, options),
);
export const convnext_large = builder("convnext_large", (options: ConvNeXtOptions) =>
  convNeXt(192, [3, 3, 27, 3], 0.5, options),
);
