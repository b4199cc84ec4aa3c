/**
 * Attention within windows of a feature map, which every other block shifts by half a window so that neighbours meet:
 * as in Swin (Liu et al. 2021), and with the cosines of Swin V2 (Liu et al. 2022).
 */

import { cat, empty, fromHost, full, type Tensor, where, zeros } from "@kindling/core";
import { functional, init, type Layer, Linear, Module, Parameter, ReLU, Sequential } from "@kindling/nn";
import { relativePositionBias, relativePositionIndex, relativePositions } from "./relative-position.js";

/** Height and width. */
export type Pair = readonly [number, number];

export interface WindowAttentionOptions {
  /** Channels. */
  readonly dim: number;
  readonly windowSize: Pair;
  /** How far windows are moved up and left; no further than there is more than one window. */
  readonly shiftSize: Pair;
  readonly numHeads: number;
  /** Probability that an attention weight is dropped. Default 0. */
  readonly attentionDropout?: number;
  /** Probability after the projection. Default 0. */
  readonly dropout?: number;
}

/** How a feature map is cut into windows. */
interface Layout {
  /** Rows and columns of windows. */
  readonly grid: Pair;
  readonly shift: Pair;
}

/** What both versions share: windows, shifts, and where attention may look. [N, H, W, C] → [N, H, W, C] */
abstract class WindowAttention extends Module implements Layer {
  qkv: Linear;
  proj: Linear;
  readonly windowSize: Pair;
  readonly shiftSize: Pair;
  readonly numHeads: number;
  readonly attentionDropout: number;
  readonly dropout: number;
  #regions: { readonly layout: string; readonly ids: Tensor } | null = null;

  constructor({ dim, windowSize, shiftSize, numHeads, attentionDropout = 0, dropout = 0 }: WindowAttentionOptions) {
    super();
    this.windowSize = windowSize;
    this.shiftSize = shiftSize;
    this.numHeads = numHeads;
    this.attentionDropout = attentionDropout;
    this.dropout = dropout;
    this.qkv = new Linear(dim, 3 * dim);
    this.proj = new Linear(dim, dim);
  }

  /** What is added to the scores of each head for the relative position of two tokens: [heads, tokens, tokens]. */
  protected abstract positionBias(): Tensor;

  /** Queries, keys and values of windows [N, windows, tokens, C], each [N, windows, heads, tokens, C / heads]. */
  protected abstract project(windows: Tensor): Tensor[];

  /** Factor of the scores; what heads learn of it is in the queries. */
  protected abstract readonly scale: number;

  forward(x: Tensor): Tensor {
    const [, height, width] = x.shape;
    const [tall, wide] = this.windowSize;
    const grid: Pair = [Math.ceil(height / tall), Math.ceil(width / wide)];
    const shift: Pair = [grid[0] > 1 ? this.shiftSize[0] : 0, grid[1] > 1 ? this.shiftSize[1] : 0];
    const padded = x.pad([0, 0, 0, grid[1] * wide - width, 0, grid[0] * tall - height]);
    const windows = this.#cut(padded.roll([-shift[0], -shift[1]], [1, 2]), grid);
    const joined = this.#join(this.#attend(windows, { grid, shift }), grid);
    return joined.roll(shift, [1, 2]).slice(1, 0, height).slice(2, 0, width);
  }

  /** [N, H, W, C] → [N, windows, tokens, C] */
  #cut(x: Tensor, [rows, columns]: Pair): Tensor {
    const [tall, wide] = this.windowSize;
    const channels = x.shape[3];
    return x
      .reshape([-1, rows, tall, columns, wide, channels])
      .permute([0, 1, 3, 2, 4, 5])
      .reshape([-1, rows * columns, tall * wide, channels]);
  }

  /** [N, windows, tokens, C] → [N, H, W, C] */
  #join(windows: Tensor, [rows, columns]: Pair): Tensor {
    const [tall, wide] = this.windowSize;
    const channels = windows.shape[3];
    return windows
      .reshape([-1, rows, columns, tall, wide, channels])
      .permute([0, 1, 3, 2, 4, 5])
      .reshape([-1, rows * tall, columns * wide, channels]);
  }

  #attend(windows: Tensor, layout: Layout): Tensor {
    const [q, k, v] = this.project(windows);
    const bias = this.positionBias();
    const shifted = layout.shift[0] + layout.shift[1] > 0;
    const mixed = functional.scaledDotProductAttention(q, k, v, {
      attnMask: shifted ? bias.add(this.#shiftMask(layout)) : bias,
      scale: this.scale,
      // torchvision 0.14 drops weights in evaluation too, which later versions call a bug.
      dropoutP: this.training ? this.attentionDropout : 0,
    });
    const y = this.proj.call(mixed.transpose(2, 3).flatten(3));
    return functional.dropout(y, { p: this.dropout, training: this.training });
  }

  /**
   * Rolling brings tokens of opposite edges into one window; they should not see each other. [windows, 1, tokens, tokens],
   * −100 where two tokens come from regions that do not touch.
   */
  #shiftMask(layout: Layout): Tensor {
    const key = `${layout.grid} ${layout.shift}`;
    if (this.#regions?.layout !== key) this.#regions = { layout: key, ids: regions(this.windowSize, layout) };
    const { ids } = this.#regions;
    return where(ids.unsqueeze(-1).eq(ids.unsqueeze(-2)), 0, -100).unsqueeze(1);
  }

  /** [N, windows, tokens, 3·C] → three of [N, windows, heads, tokens, C / heads] */
  protected heads(qkv: Tensor): Tensor[] {
    return qkv.chunk(3, -1).map((part) => part.unflatten(-1, [this.numHeads, -1]).transpose(2, 3));
  }
}

/** Which region of the shifted map each token of each window belongs to: [windows, tokens], int32. */
function regions([tall, wide]: Pair, { grid: [rows, columns], shift }: Layout): Tensor {
  const band = (at: number, size: number, window: number, by: number): number =>
    at < size - window ? 0 : at < size - by ? 1 : 2;
  const tokens = tall * wide;
  const ids = new Int32Array(rows * columns * tokens);
  for (let i = 0; i < ids.length; i++) {
    const [window, token] = [Math.floor(i / tokens), i % tokens];
    const y = Math.floor(window / columns) * tall + Math.floor(token / wide);
    const x = (window % columns) * wide + (token % wide);
    ids[i] = 3 * band(y, rows * tall, tall, shift[0]) + band(x, columns * wide, wide, shift[1]);
  }
  return fromHost(ids, [rows * columns, tokens], "int32");
}

/** Scaled products, and a bias that is learned for every relative position. */
export class ShiftedWindowAttention extends WindowAttention {
  /** [relative positions, heads] */
  relative_position_bias_table: Parameter;
  relative_position_index: Tensor;
  protected readonly scale: number;

  constructor(options: WindowAttentionOptions) {
    super(options);
    const { dim, windowSize, numHeads } = options;
    this.scale = (dim / numHeads) ** -0.5;
    this.relative_position_bias_table = new Parameter(empty([relativePositions(windowSize), numHeads]));
    init.truncNormal_(this.relative_position_bias_table, 0, 0.02);
    this.relative_position_index = this.registerBuffer("relative_position_index", flatIndex(windowSize));
  }

  protected positionBias(): Tensor {
    return relativePositionBias(this.relative_position_bias_table, this.relative_position_index);
  }

  protected project(windows: Tensor): Tensor[] {
    return this.heads(this.qkv.call(windows));
  }
}

/** The largest factor of the cosines. */
const MAX_SCALE = 100;

/** Cosines times a learned factor, and a bias that a small network makes of the relative position. */
export class ShiftedWindowAttentionV2 extends WindowAttention {
  /** [heads, 1, 1]: the logarithm of the factor. */
  logit_scale: Parameter;
  /** [1, 2·height − 1, 2·width − 1, 2]: the relative positions, on a logarithmic scale. */
  relative_coords_table: Tensor;
  relative_position_index: Tensor;
  cpb_mlp: Sequential;
  protected readonly scale = 1;

  constructor(options: WindowAttentionOptions) {
    super(options);
    const { windowSize, numHeads } = options;
    this.logit_scale = new Parameter(full([numHeads, 1, 1], Math.log(10)));
    this.relative_coords_table = this.registerBuffer("relative_coords_table", logCoordinates(windowSize));
    this.relative_position_index = this.registerBuffer("relative_position_index", flatIndex(windowSize));
    this.cpb_mlp = new Sequential(
      new Linear(2, 512),
      new ReLU({ inplace: true }),
      new Linear(512, numHeads, { bias: false }),
    );
  }

  protected positionBias(): Tensor {
    const table = this.cpb_mlp.call(this.relative_coords_table).flatten(0, 2).sigmoid().mul(16);
    return relativePositionBias(table, this.relative_position_index);
  }

  protected project(windows: Tensor): Tensor[] {
    const [q, k, v] = this.heads(functional.linear(windows, this.qkv.weight, this.#biasWithoutKeys()));
    const factor = this.logit_scale.clamp(undefined, Math.log(MAX_SCALE)).exp();
    return [functional.normalize(q, { dim: -1 }).mul(factor), functional.normalize(k, { dim: -1 }), v];
  }

  /** Keys have no bias, though the files hold one. */
  #biasWithoutKeys(): Tensor | null {
    const { bias } = this.qkv;
    if (!bias) return null;
    const [q, , v] = bias.chunk(3);
    return cat([q, zeros(q.shape), v]);
  }
}

const flatIndex = (windowSize: Pair): Tensor =>
  relativePositionIndex(windowSize, [(windowSize[0] * windowSize[1]) ** 2]);

/** sign(d)·log₂(1 + |d|) / 3 of distances d that run from −8 to 8, whatever the window's size. */
function logCoordinates([height, width]: Pair): Tensor {
  const [rows, columns] = [2 * height - 1, 2 * width - 1];
  const log = (at: number, half: number): number => {
    const d = (8 * (at - half)) / half;
    return (Math.sign(d) * Math.log2(Math.abs(d) + 1)) / 3;
  };
  const coords = Array.from({ length: rows * columns }, (_, i) => [
    log(Math.floor(i / columns), height - 1),
    log(i % columns, width - 1),
  ]);
  return fromHost(Float32Array.from(coords.flat()), [1, rows, columns, 2], "float32");
}
