/**
 * The two attentions of MaxViT (Tu et al. 2022): within windows, as neighbours see each other, and over a grid, where
 * each token sees those that stand evenly spread over the whole map.
 */

import { ArgumentError, empty, ShapeError, type Tensor } from "@kindling/core";
import {
  Dropout,
  functional,
  Identity,
  init,
  type Layer,
  LayerNorm,
  Linear,
  Module,
  Parameter,
  Sequential,
} from "@kindling/nn";
import { type ActivationLayer, type NormLayer, StochasticDepth } from "../ops/index.js";
import { relativePositionBias, relativePositionIndex, relativePositions } from "./relative-position.js";

/** Attention in heads of `headDim` channels, with a learned bias for every relative position. [N, G, P, D] → the same */
class RelativePositionalMultiHeadAttention extends Module implements Layer {
  to_qkv: Layer;
  merge: Layer;
  /** [relative positions, heads] */
  relative_position_bias_table: Parameter;
  relative_position_index: Tensor;
  readonly numHeads: number;
  readonly scale: number;

  /** @param side of the square of tokens that see each other */
  constructor(dim: number, headDim: number, side: number) {
    super();
    if (dim % headDim !== 0)
      throw new ArgumentError(`MaxVit: ${dim} channels do not divide into attention heads of ${headDim}`);
    this.numHeads = dim / headDim;
    // The width of all heads together, where attention usually takes that of one: torchvision's weights were trained so.
    this.scale = dim ** -0.5;
    this.to_qkv = new Linear(dim, 3 * dim);
    this.merge = new Linear(dim, dim);
    this.relative_position_bias_table = new Parameter(empty([relativePositions([side, side]), this.numHeads]));
    init.truncNormal_(this.relative_position_bias_table, 0, 0.02);
    const index = relativePositionIndex([side, side], [side ** 2, side ** 2]);
    this.relative_position_index = this.registerBuffer("relative_position_index", index);
  }

  forward(x: Tensor): Tensor {
    const heads = (part: Tensor): Tensor => part.unflatten(-1, [this.numHeads, -1]).transpose(2, 3);
    const [q, k, v] = this.to_qkv.call(x).chunk(3, -1).map(heads);
    const attnMask = relativePositionBias(this.relative_position_bias_table, this.relative_position_index);
    const mixed = functional.scaledDotProductAttention(q, k, v, { attnMask, scale: this.scale });
    return this.merge.call(mixed.transpose(2, 3).flatten(3));
  }
}

/** Swaps two dimensions. */
class SwapAxes extends Module implements Layer {
  constructor(
    readonly a: number,
    readonly b: number,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x.transpose(this.a, this.b);
  }
}

/** Cuts a map into windows of p × p: [N, C, H, W] → [N, windows, p², C]. */
class WindowPartition extends Module {
  forward(x: Tensor, p: number): Tensor {
    const [n, channels, height, width] = x.shape;
    const [rows, columns] = [height / p, width / p];
    return x
      .reshape([n, channels, rows, p, columns, p])
      .permute([0, 2, 4, 3, 5, 1])
      .reshape([n, rows * columns, p ** 2, channels]);
  }
}

/** Puts windows together again: [N, rows · columns, p², C] → [N, C, H, W]. */
class WindowDepartition extends Module {
  forward(x: Tensor, p: number, rows: number, columns: number): Tensor {
    const [n, , , channels] = x.shape;
    return x
      .reshape([n, rows, columns, p, p, channels])
      .permute([0, 5, 1, 3, 2, 4])
      .reshape([n, channels, rows * p, columns * p]);
  }
}

export interface PartitionAttentionOptions {
  readonly channels: number;
  readonly headDim: number;
  /** Side of a window, and of the grid. */
  readonly partitionSize: number;
  /** Side of the map. */
  readonly mapSize: number;
  readonly mlpRatio: number;
  readonly activationLayer: ActivationLayer;
  readonly normLayer: NormLayer;
  readonly attentionDropout: number;
  readonly mlpDropout: number;
  readonly stochasticDepthProb: number;
}

/** Attention among the tokens of each window or grid, then an MLP. [N, C, H, W] → [N, C, H, W] */
export class PartitionAttentionLayer extends Module implements Layer {
  partition_op: WindowPartition;
  departition_op: WindowDepartition;
  partition_swap: Layer;
  departition_swap: Layer;
  attn_layer: Sequential;
  mlp_layer: Sequential;
  stochastic_dropout: Layer;
  readonly mapSize: number;
  /** Side of the windows that the map is cut into. */
  readonly #side: number;

  /**
   * @param type "window": tokens of one window see each other; "grid": windows are as many as a window would have
   *   tokens, and the tokens at one place of all windows see each other
   */
  constructor(type: "window" | "grid", options: PartitionAttentionOptions) {
    super();
    const { channels, headDim, partitionSize, mapSize, mlpRatio, normLayer } = options;
    this.mapSize = mapSize;
    this.#side = type === "window" ? partitionSize : mapSize / partitionSize;
    const swap = (): Layer => (type === "grid" ? new SwapAxes(-2, -3) : new Identity());
    this.partition_op = new WindowPartition();
    this.departition_op = new WindowDepartition();
    this.partition_swap = swap();
    this.departition_swap = swap();
    this.attn_layer = new Sequential(
      normLayer(channels),
      new RelativePositionalMultiHeadAttention(channels, headDim, partitionSize),
      new Dropout({ p: options.attentionDropout }),
    );
    this.mlp_layer = new Sequential(
      new LayerNorm(channels),
      new Linear(channels, channels * mlpRatio),
      options.activationLayer({ inplace: false }),
      new Linear(channels * mlpRatio, channels),
      new Dropout({ p: options.mlpDropout }),
    );
    this.stochastic_dropout = new StochasticDepth(options.stochasticDepthProb, "row");
  }

  forward(x: Tensor): Tensor {
    const { mapSize } = this;
    if (x.ndim !== 4 || x.shape[2] !== mapSize || x.shape[3] !== mapSize)
      throw new ShapeError(
        `MaxVit: a map is [${x.shape.join(", ")}] where the model was built for maps of ${mapSize} × ${mapSize}. ` +
          "Resize the images to the model's inputSize, or build it with theirs",
      );
    const side = this.#side;
    const count = mapSize / side;
    let y = this.partition_swap.call(this.partition_op.call(x, side));
    y = y.add(this.stochastic_dropout.call(this.attn_layer.call(y)));
    y = y.add(this.stochastic_dropout.call(this.mlp_layer.call(y)));
    return this.departition_op.call(this.departition_swap.call(y), side, count, count);
  }
}
