/** MaxViT (Tu et al. 2022): convolutions and attention over windows and grids in each layer, with torchvision's names. */

import { ArgumentError, type Tensor } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  GELU,
  Identity,
  type Layer,
  LayerNorm,
  Linear,
  Module,
  ModuleList,
  Sequential,
  SiLU,
  Tanh,
} from "@kindling/nn";
import {
  type ActivationLayer,
  Conv2dNormActivation,
  type NormLayer,
  SqueezeExcitation,
  StochasticDepth,
} from "../ops/index.js";
import { builder, fixedOption } from "./builder.js";
import { initialize, normal } from "./initialize.js";
import { PartitionAttentionLayer } from "./maxvit-attention.js";
import { layerNorm } from "./norms.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** The sizes in Table 1 of the paper. */
export interface MaxVitConfig {
  readonly stemChannels: number;
  /** Side of a window, and of the grid. */
  readonly partitionSize: number;
  /** Channels of each block; a block halves the map. */
  readonly blockChannels: readonly number[];
  /** Layers in each block. */
  readonly blockLayers: readonly number[];
  /** Channels of an attention head. */
  readonly headDim: number;
}

const TINY: MaxVitConfig = {
  stemChannels: 64,
  partitionSize: 7,
  blockChannels: [64, 128, 256, 512],
  blockLayers: [2, 2, 5, 2],
  headDim: 32,
};

export interface MaxVitOptions extends ClassifierOptions {
  /** Height and width of the images, in pixels; equal, and such that windows fit each block's map. Default [224, 224]. */
  readonly inputSize?: readonly [number, number];
  /** Probability of the last layer; those before it have less, in a line from 0. Default 0.2. */
  readonly stochasticDepthProb?: number;
  /** Of convolutions. Default BatchNorm2d with eps 1e-3 and momentum 0.99. */
  readonly normLayer?: NormLayer;
  /** Of convolutions and MLPs. Default GELU. */
  readonly activationLayer?: ActivationLayer;
  /** Channels that excitation squeezes to, in output channels of its convolutions. Default 0.25. */
  readonly squeezeRatio?: number;
  /** Channels between a layer's convolutions, in output channels. Default 4. */
  readonly expansionRatio?: number;
  /** Hidden width of the MLPs, in channels. Default 4. */
  readonly mlpRatio?: number;
  /** Probability after the MLPs. Default 0. */
  readonly mlpDropout?: number;
  /** Probability after attention. Default 0. */
  readonly attentionDropout?: number;
}

const OPTIONS = [
  "numClasses",
  "inputSize",
  "stochasticDepthProb",
  "normLayer",
  "activationLayer",
  "squeezeRatio",
  "expansionRatio",
  "mlpRatio",
  "mlpDropout",
  "attentionDropout",
] as const satisfies (keyof MaxVitOptions)[];

const quickNorm: NormLayer = (channels) => new BatchNorm2d(channels, { eps: 1e-3, momentum: 0.99 });

/** What all layers of a model share. */
type LayerOptions = Pick<MaxVitConfig, "partitionSize" | "headDim"> &
  Required<Omit<MaxVitOptions, "numClasses" | "inputSize" | "stochasticDepthProb">>;

/** What a layer is built from. */
interface LayerShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly stride: number;
  /** Side of the map that it gives. */
  readonly mapSize: number;
  readonly stochasticDepthProb: number;
}

/** Expand, depthwise, squeeze and excite, project; with a shortcut that follows the shape. [N, in, H, W] → [N, out, …] */
class MBConv extends Module implements Layer {
  proj: Layer;
  stochastic_depth: Layer;
  layers: Sequential;

  constructor({ inputs, outputs, stride, stochasticDepthProb: p }: LayerShape, options: LayerOptions) {
    super();
    const { normLayer, activationLayer } = options;
    const middle = Math.floor(outputs * options.expansionRatio);
    const squeezed = Math.floor(outputs * options.squeezeRatio);
    const settings = { normLayer, activationLayer, inplace: false };
    this.proj = shortcut(inputs, outputs, stride);
    this.stochastic_depth = p > 0 ? new StochasticDepth(p, "row") : new Identity();
    this.layers = new Sequential([
      ["pre_norm", normLayer(inputs)],
      ["conv_a", new Conv2dNormActivation(inputs, middle, { kernelSize: 1, ...settings })],
      ["conv_b", new Conv2dNormActivation(middle, middle, { kernelSize: 3, stride, groups: middle, ...settings })],
      ["squeeze_excitation", new SqueezeExcitation(middle, squeezed, { activation: () => new SiLU() })],
      ["conv_c", new Conv2d(middle, outputs, 1)],
    ]);
  }

  forward(x: Tensor): Tensor {
    return this.proj.call(x).add(this.stochastic_depth.call(this.layers.call(x)));
  }
}

function shortcut(inputs: number, outputs: number, stride: number): Layer {
  if (stride === 1 && inputs === outputs) return new Identity();
  const conv = new Conv2d(inputs, outputs, 1);
  return stride === 1 ? new Sequential(conv) : new Sequential(new AvgPool2d(3, { stride, padding: 1 }), conv);
}

/** Convolutions, attention within windows, attention over a grid. [N, in, H, W] → [N, out, H / stride, W / stride] */
class MaxVitLayer extends Module implements Layer {
  layers: Sequential;

  constructor(shape: LayerShape, options: LayerOptions) {
    super();
    const { outputs: channels, mapSize, stochasticDepthProb } = shape;
    const attention = { ...options, normLayer: layerNorm, channels, mapSize, stochasticDepthProb };
    this.layers = new Sequential([
      ["MBconv", new MBConv(shape, options)],
      ["window_attention", new PartitionAttentionLayer("window", attention)],
      ["grid_attention", new PartitionAttentionLayer("grid", attention)],
    ]);
  }

  forward(x: Tensor): Tensor {
    return this.layers.call(x);
  }
}

/** Layers, the first of which halves the map. [N, in, H, W] → [N, out, H / 2, W / 2] */
class MaxVitBlock extends Module implements Layer {
  layers: ModuleList;

  constructor(shapes: readonly LayerShape[], options: LayerOptions) {
    super();
    this.layers = new ModuleList(shapes.map((shape) => new MaxVitLayer(shape, options)));
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this.layers) y = layer.call(y);
    return y;
  }
}

export class MaxVit extends Module implements Layer {
  stem: Sequential;
  blocks: ModuleList;
  classifier: Sequential;

  constructor(config: MaxVitConfig, options: MaxVitOptions = {}) {
    super();
    checkOptions("MaxVit", options, OPTIONS);
    const { inputSize = [224, 224], stochasticDepthProb = 0.2, numClasses = 1000 } = options;
    const shared = layerOptions(config, options);
    const maps = mapSizes(inputSize, config);
    this.stem = stem(config.stemChannels, shared);
    this.blocks = new ModuleList(
      layerShapes(config, maps, stochasticDepthProb).map((shapes) => new MaxVitBlock(shapes, shared)),
    );
    this.classifier = classifier(config.blockChannels.at(-1) ?? config.stemChannels, numClasses);
    initialize(this, { conv: normal(0.02), linear: normal(0.02) });
  }

  /** x: [N, 3, ...inputSize] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    let y = this.stem.call(x);
    for (const block of this.blocks) y = block.call(y);
    return this.classifier.call(y);
  }
}

function layerOptions(
  { partitionSize, headDim }: MaxVitConfig,
  {
    normLayer = quickNorm,
    activationLayer = () => new GELU(),
    squeezeRatio = 0.25,
    expansionRatio = 4,
    mlpRatio = 4,
    mlpDropout = 0,
    attentionDropout = 0,
  }: MaxVitOptions,
): LayerOptions {
  const ratios = { squeezeRatio, expansionRatio, mlpRatio };
  return { partitionSize, headDim, normLayer, activationLayer, ...ratios, mlpDropout, attentionDropout };
}

/** Sides of the maps that blocks give; what windows do not fit is refused. */
function mapSizes([height, width]: readonly [number, number], config: MaxVitConfig): number[] {
  const { partitionSize, blockChannels } = config;
  if (height !== width) throw new ArgumentError(`MaxVit: inputSize is [${height}, ${width}]; images are square`);
  // The stem halves the image, and each block the map before it; an odd side is rounded up.
  const sizes = blockChannels.map((_, i) => Math.ceil(height / 2 ** (i + 2)));
  if (sizes.some((side) => side % partitionSize !== 0))
    throw new ArgumentError(
      `MaxVit: with inputSize [${height}, ${width}] the blocks' maps have sides ${sizes.join(", ")}; each should be a ` +
        `multiple of the partition size ${partitionSize}. Take another inputSize, such as a multiple of ${partitionSize * 2 ** (sizes.length + 1)}`,
    );
  return sizes;
}

/** The layers of each block. */
function layerShapes(
  { stemChannels, blockChannels, blockLayers }: MaxVitConfig,
  maps: readonly number[],
  stochasticDepthProb: number,
): LayerShape[][] {
  const last = blockLayers.reduce((a, b) => a + b, 0) - 1;
  let inputs = stemChannels;
  let at = 0;
  return blockLayers.map((layers, block) =>
    Array.from({ length: layers }, (_, i) => {
      const outputs = blockChannels[block];
      const p = at === last ? stochasticDepthProb : at * (stochasticDepthProb / last);
      const shape = { inputs, outputs, stride: i === 0 ? 2 : 1, mapSize: maps[block], stochasticDepthProb: p };
      inputs = outputs;
      at++;
      return shape;
    }),
  );
}

/** [N, 3, H, W] → [N, C, H / 2, W / 2] */
function stem(channels: number, { normLayer, activationLayer }: LayerOptions): Sequential {
  return new Sequential(
    new Conv2dNormActivation(3, channels, { stride: 2, normLayer, activationLayer, inplace: false, bias: false }),
    new Conv2dNormActivation(channels, channels, { normLayer: null, activationLayer: null, bias: true }),
  );
}

function classifier(channels: number, numClasses: number): Sequential {
  return new Sequential(
    new AdaptiveAvgPool2d(1),
    new Flatten(),
    new LayerNorm(channels),
    new Linear(channels, channels),
    new Tanh(),
    new Linear(channels, numClasses, { bias: false }),
  );
}

/** Weights come with the image size that they were trained at. */
export const maxvit_t = builder("maxvit_t", (options: MaxVitOptions) => new MaxVit(TINY, options), {
  options: (given, weights) => {
    const { minSize } = weights.meta;
    given.inputSize?.forEach((side, i) => void fixedOption("inputSize", side, minSize[i]));
    return { ...given, inputSize: minSize };
  },
});
