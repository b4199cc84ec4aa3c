/** Normalisation layers without running statistics. */

import { ones, type Tensor, zeros } from "@kindling/core";
import { groupNorm, layerNorm, localResponseNorm } from "../functional/norm.js";
import { type Layer, Module } from "../module.js";
import { Parameter } from "../parameter.js";
import { py, pyFloat } from "../python-repr.js";

export interface LayerNormOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Whether scale and shift are learned. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Whether the shift is. Default true. */
  readonly bias?: boolean;
}

/** Normalises over the last dimensions, which have sizes `normalizedShape`. */
export class LayerNorm extends Module implements Layer {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape)) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape)) : null;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this);
  }

  override extraRepr(): string {
    return `${py(this.normalizedShape)}, eps=${pyFloat(this.eps)}, elementwise_affine=${py(this.weight !== null)}`;
  }
}

/** Normalises over `numGroups` groups of channels and all positions. */
export class GroupNorm extends Module implements Layer {
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(
    readonly numGroups: number,
    readonly numChannels: number,
    { eps = 1e-5, affine = true }: { eps?: number; affine?: boolean } = {},
  ) {
    super();
    this.eps = eps;
    this.weight = affine ? new Parameter(ones([numChannels])) : null;
    this.bias = affine ? new Parameter(zeros([numChannels])) : null;
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, this);
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${pyFloat(this.eps)}, affine=${py(this.weight !== null)}`;
  }
}

/** Divides each channel by a power of the mean square of its `size` neighbours. */
export class LocalResponseNorm extends Module implements Layer {
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(
    readonly size: number,
    { alpha = 1e-4, beta = 0.75, k = 1 }: { alpha?: number; beta?: number; k?: number } = {},
  ) {
    super();
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }

  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this);
  }

  override extraRepr(): string {
    return `${this.size}, alpha=${pyFloat(this.alpha)}, beta=${pyFloat(this.beta)}, k=${pyFloat(this.k)}`;
  }
}
