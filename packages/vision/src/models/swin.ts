/**
 * Swin transformers (Liu et al. 2021) and Swin V2 (Liu et al. 2022), with torchvision's names. Feature maps are
 * [N, H, W, C] between the patch embedding and the last normalisation.
 */

import type { Tensor } from "@kindling/core";
import { AdaptiveAvgPool2d, Conv2d, Flatten, GELU, type Layer, Linear, Module, Sequential } from "@kindling/nn";
import { MLP, type NormLayer, Permute, StochasticDepth } from "../ops/index.js";
import { builder, type ModelBuilder } from "./builder.js";
import { initialize, truncatedNormal } from "./initialize.js";
import { layerNorm } from "./norms.js";
import { type ClassifierOptions, checkOptions } from "./options.js";
import {
  type Pair,
  ShiftedWindowAttention,
  ShiftedWindowAttentionV2,
  type WindowAttentionOptions,
} from "./swin-attention.js";

/** The four neighbours of each 2×2 square as one token; an odd edge is padded. [N, H, W, C] → [N, H/2, W/2, 4·C] */
function squares(x: Tensor): Tensor {
  const [, height, width, channels] = x.shape;
  const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  return x
    .pad([0, 0, 0, 2 * columns - width, 0, 2 * rows - height])
    .reshape([-1, rows, 2, columns, 2, channels])
    .permute([0, 1, 3, 4, 2, 5])
    .reshape([-1, rows, columns, 4 * channels]);
}

/** Halves the map and doubles its channels. [N, H, W, C] → [N, H/2, W/2, 2·C] */
export class PatchMerging extends Module implements Layer {
  reduction: Layer;
  norm: Layer;

  constructor(dim: number, normLayer: NormLayer = layerNorm) {
    super();
    this.reduction = new Linear(4 * dim, 2 * dim, { bias: false });
    this.norm = normLayer(4 * dim);
  }

  forward(x: Tensor): Tensor {
    return this.reduction.call(this.norm.call(squares(x)));
  }
}

/** As `PatchMerging`, but it normalises last. */
export class PatchMergingV2 extends Module implements Layer {
  reduction: Layer;
  norm: Layer;

  constructor(dim: number, normLayer: NormLayer = layerNorm) {
    super();
    this.reduction = new Linear(4 * dim, 2 * dim, { bias: false });
    this.norm = normLayer(2 * dim);
  }

  forward(x: Tensor): Tensor {
    return this.norm.call(this.reduction.call(squares(x)));
  }
}

export interface SwinBlockOptions extends WindowAttentionOptions {
  /** Hidden width of the MLP, in channels of the block. Default 4. */
  readonly mlpRatio?: number;
  /** Default 0. */
  readonly stochasticDepthProb?: number;
  /** Default LayerNorm. */
  readonly normLayer?: NormLayer;
}

/** What both versions of a block are made of. */
abstract class SwinBlock extends Module implements Layer {
  norm1: Layer;
  attn: Layer;
  stochastic_depth: Layer;
  norm2: Layer;
  mlp: Layer;

  constructor(attention: Layer, options: SwinBlockOptions) {
    super();
    const { dim, mlpRatio = 4, dropout = 0, stochasticDepthProb = 0, normLayer = layerNorm } = options;
    this.norm1 = normLayer(dim);
    this.attn = attention;
    this.stochastic_depth = new StochasticDepth(stochasticDepthProb, "row");
    this.norm2 = normLayer(dim);
    this.mlp = new MLP(dim, [Math.floor(dim * mlpRatio), dim], {
      activationLayer: () => new GELU(),
      inplace: false,
      dropout,
    });
  }

  abstract override forward(x: Tensor): Tensor;
}

/** Normalises before attention and before the MLP. [N, H, W, C] → [N, H, W, C] */
export class SwinTransformerBlock extends SwinBlock {
  constructor(options: SwinBlockOptions) {
    super(new ShiftedWindowAttention(options), options);
  }

  forward(x: Tensor): Tensor {
    const y = x.add(this.stochastic_depth.call(this.attn.call(this.norm1.call(x))));
    return y.add(this.stochastic_depth.call(this.mlp.call(this.norm2.call(y))));
  }
}

/** Normalises after attention and after the MLP. [N, H, W, C] → [N, H, W, C] */
export class SwinTransformerBlockV2 extends SwinBlock {
  constructor(options: SwinBlockOptions) {
    super(new ShiftedWindowAttentionV2(options), options);
  }

  forward(x: Tensor): Tensor {
    const y = x.add(this.stochastic_depth.call(this.norm1.call(this.attn.call(x))));
    return y.add(this.stochastic_depth.call(this.norm2.call(this.mlp.call(y))));
  }
}

/** The sizes that the papers tell the models apart by. */
export interface SwinTransformerConfig {
  /** Height and width of the patches that an image is cut into, in pixels. */
  readonly patchSize: Pair;
  /** Channels of the first stage; each later one has twice as many. */
  readonly embedDim: number;
  /** Blocks in each stage. */
  readonly depths: readonly number[];
  /** Attention heads in each stage. */
  readonly numHeads: readonly number[];
  /** Height and width of a window, in patches. */
  readonly windowSize: Pair;
}

export interface SwinTransformerOptions extends ClassifierOptions {
  /** Hidden width of the MLPs, in channels of their block. Default 4. */
  readonly mlpRatio?: number;
  /** Probability after attention and after the MLPs' maps. Default 0. */
  readonly dropout?: number;
  /** Probability that an attention weight is dropped. Default 0. */
  readonly attentionDropout?: number;
  /** Probability of the last block; those before it have less, in a line from 0. Default: what the paper trains with. */
  readonly stochasticDepthProb?: number;
  /** Default LayerNorm. */
  readonly normLayer?: NormLayer;
  /** Default: of the model's version. */
  readonly block?: new (
    options: SwinBlockOptions,
  ) => Layer;
  /** What stands between stages. Default: of the model's version. */
  readonly downsampleLayer?: new (
    dim: number,
    normLayer: NormLayer,
  ) => Layer;
}

const OPTIONS = [
  "numClasses",
  "mlpRatio",
  "dropout",
  "attentionDropout",
  "stochasticDepthProb",
  "normLayer",
  "block",
  "downsampleLayer",
] as const satisfies (keyof SwinTransformerOptions)[];

export class SwinTransformer extends Module implements Layer {
  features: Sequential;
  norm: Layer;
  permute: Layer;
  avgpool: Layer;
  flatten: Layer;
  head: Layer;

  constructor(config: SwinTransformerConfig, options: SwinTransformerOptions = {}) {
    super();
    checkOptions("SwinTransformer", options, OPTIONS);
    const { normLayer = layerNorm, downsampleLayer: Downsample = PatchMerging, numClasses = 1000 } = options;
    const { embedDim, depths } = config;
    this.features = new Sequential(embedding(config, normLayer));
    let before = 0;
    depths.forEach((depth, i) => {
      if (i > 0) this.features.append(new Downsample(embedDim * 2 ** (i - 1), normLayer));
      this.features.append(stage(config, i, before, { ...options, normLayer }));
      before += depth;
    });
    const numFeatures = embedDim * 2 ** (depths.length - 1);
    this.norm = normLayer(numFeatures);
    this.permute = new Permute([0, 3, 1, 2]);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.flatten = new Flatten();
    this.head = new Linear(numFeatures, numClasses);
    initialize(this, { linear: truncatedNormal(0.02) });
  }

  /** x: [N, 3, H, W] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    const y = this.permute.call(this.norm.call(this.features.call(x)));
    return this.head.call(this.flatten.call(this.avgpool.call(y)));
  }
}

/** [N, 3, H, W] → [N, H / patch, W / patch, C] */
function embedding({ patchSize, embedDim }: SwinTransformerConfig, normLayer: NormLayer): Sequential {
  return new Sequential(
    new Conv2d(3, embedDim, patchSize, { stride: patchSize }),
    new Permute([0, 2, 3, 1]),
    normLayer(embedDim),
  );
}

/** Blocks whose windows stand still and are shifted in turn. @param before blocks in earlier stages */
function stage(config: SwinTransformerConfig, i: number, before: number, options: SwinTransformerOptions): Sequential {
  const { embedDim, depths, numHeads, windowSize } = config;
  const { block: Block = SwinTransformerBlock, stochasticDepthProb = 0.1 } = options;
  const { mlpRatio, dropout, attentionDropout, normLayer } = options;
  const last = depths.reduce((a, b) => a + b) - 1;
  const half: Pair = [Math.floor(windowSize[0] / 2), Math.floor(windowSize[1] / 2)];
  const block = (j: number): Layer =>
    new Block({
      dim: embedDim * 2 ** i,
      numHeads: numHeads[i],
      windowSize,
      shiftSize: j % 2 === 0 ? [0, 0] : half,
      stochasticDepthProb: (stochasticDepthProb * (before + j)) / last,
      mlpRatio,
      dropout,
      attentionDropout,
      normLayer,
    });
  return new Sequential(...Array.from({ length: depths[i] }, (_, j) => block(j)));
}

const TINY = { embedDim: 96, depths: [2, 2, 6, 2], numHeads: [3, 6, 12, 24] };
const SMALL = { embedDim: 96, depths: [2, 2, 18, 2], numHeads: [3, 6, 12, 24] };
const BASE = { embedDim: 128, depths: [2, 2, 18, 2], numHeads: [4, 8, 16, 32] };

export const swin_t = swin("swin_t", TINY, 0.2);
export const swin_s = swin("swin_s", SMALL, 0.3);
export const swin_b = swin("swin_b", BASE, 0.5);
export const swin_v2_t = swinV2("swin_v2_t", TINY, 0.2);
export const swin_v2_s = swinV2("swin_v2_s", SMALL, 0.3);
export const swin_v2_b = swinV2("swin_v2_b", BASE, 0.5);

type Size = Omit<SwinTransformerConfig, "patchSize" | "windowSize">;

/** Windows of 7×7 patches. */
/* @__NO_SIDE_EFFECTS__ */
function swin(
  name: string,
  size: Size,
  stochasticDepthProb: number,
): ModelBuilder<SwinTransformer, SwinTransformerOptions> {
  const config = { ...size, patchSize: [4, 4], windowSize: [7, 7] } as const;
  return builder(
    name,
    (options: SwinTransformerOptions) => new SwinTransformer(config, { stochasticDepthProb, ...options }),
  );
}

/** Windows of 8×8 patches, and the blocks of the second version. */
/* @__NO_SIDE_EFFECTS__ */
function swinV2(
  name: string,
  size: Size,
  stochasticDepthProb: number,
): ModelBuilder<SwinTransformer, SwinTransformerOptions> {
  const config = { ...size, patchSize: [4, 4], windowSize: [8, 8] } as const;
  const version = { block: SwinTransformerBlockV2, downsampleLayer: PatchMergingV2 };
  return builder(
    name,
    (options: SwinTransformerOptions) => new SwinTransformer(config, { stochasticDepthProb, ...version, ...options }),
  );
}
