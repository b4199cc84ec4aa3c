/** Convolution layers. */

import { ArgumentError, empty, type Tensor } from "@kindling/core";
import { type Sizes, sizes } from "../functional/args.js";
import { conv1d, conv2d, convPadding, convTranspose2d } from "../functional/conv.js";
import { type PadMode, pad } from "../functional/pad.js";
import { type Layer, Module } from "../module.js";
import { Parameter } from "../parameter.js";
import { py } from "../python-repr.js";
import { defaultInit } from "./linear.js";

export type PaddingMode = "zeros" | Exclude<PadMode, "constant">;

export interface ConvLayerOptions {
  /** Default 1. */
  readonly stride?: Sizes;
  /** On both sides; "same" keeps the size (stride 1 only), "valid" is 0. Default 0. */
  readonly padding?: Sizes | "same" | "valid";
  /** Distance between kernel elements. Default 1. */
  readonly dilation?: Sizes;
  /** Channels are cut into this many groups that do not see each other. Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** What stands in the padding. Default "zeros". */
  readonly paddingMode?: PaddingMode;
}

/** What the convolutions of one and two dimensions share. */
abstract class Convolution extends Module implements Layer {
  /** [outChannels, inChannels / groups, …kernel] */
  weight: Parameter;
  /** [outChannels] */
  bias: Parameter | null;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | "same" | "valid";
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly paddingMode: PaddingMode;

  constructor(
    dims: number,
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Sizes,
    options: ConvLayerOptions,
  ) {
    super();
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, paddingMode = "zeros" } = options;
    checkGroups(this.typeName, inChannels, outChannels, groups);
    this.kernelSize = sizes(this.typeName, "kernelSize", kernelSize, dims);
    this.stride = sizes(this.typeName, "stride", stride, dims);
    this.padding = typeof padding === "string" ? padding : sizes(this.typeName, "padding", padding, dims);
    this.dilation = sizes(this.typeName, "dilation", dilation, dims);
    this.groups = groups;
    this.paddingMode = paddingMode;
    this.weight = new Parameter(empty([outChannels, inChannels / groups, ...this.kernelSize]));
    this.bias = bias ? new Parameter(empty([outChannels])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    defaultInit(this.weight, this.bias);
  }

  protected abstract convolve(x: Tensor, padding: Sizes | "same" | "valid"): Tensor;

  forward(x: Tensor): Tensor {
    if (this.paddingMode === "zeros") return this.convolve(x, this.padding);
    const edges = convPadding(this.typeName, this, this.kernelSize, this.stride, this.dilation).reverse().flat();
    return this.convolve(pad(x, edges, { mode: this.paddingMode }), 0);
  }

  override extraRepr(): string {
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${py(this.kernelSize)}, stride=${py(this.stride)}`,
    ];
    if (typeof this.padding === "string" || this.padding.some((p) => p !== 0))
      parts.push(`padding=${py(this.padding)}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${py(this.dilation)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (!this.bias) parts.push("bias=False");
    if (this.paddingMode !== "zeros") parts.push(`padding_mode=${this.paddingMode}`);
    return parts.join(", ");
  }
}

function checkGroups(name: string, inChannels: number, outChannels: number, groups: number): void {
  if (inChannels % groups !== 0 || outChannels % groups !== 0)
    throw new ArgumentError(
      `${name}: groups ${groups} must divide the channels, ${inChannels} in and ${outChannels} out`,
    );
}

/** Convolution of sequences: [N, in, L] → [N, out, L']. */
export class Conv1d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvLayerOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  protected convolve(x: Tensor, padding: Sizes | "same" | "valid"): Tensor {
    const { stride, dilation, groups } = this;
    return conv1d(x, this.weight, this.bias, { stride, padding, dilation, groups });
  }
}

/** Convolution of images: [N, in, H, W] → [N, out, H', W']. */
export class Conv2d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvLayerOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  protected convolve(x: Tensor, padding: Sizes | "same" | "valid"): Tensor {
    const { stride, dilation, groups } = this;
    return conv2d(x, this.weight, this.bias, { stride, padding, dilation, groups });
  }
}

export interface ConvTransposeLayerOptions {
  readonly stride?: Sizes;
  readonly padding?: Sizes;
  readonly outputPadding?: Sizes;
  readonly groups?: number;
  readonly bias?: boolean;
  readonly dilation?: Sizes;
}

/** Transposed convolution of images, the adjoint of `Conv2d`: [N, in, H, W] → [N, out, H', W']. */
export class ConvTranspose2d extends Module implements Layer {
  /** [inChannels, outChannels / groups, kh, kw] */
  weight: Parameter;
  /** [outChannels] */
  bias: Parameter | null;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Sizes,
    options: ConvTransposeLayerOptions = {},
  ) {
    super();
    const { stride = 1, padding = 0, outputPadding = 0, groups = 1, bias = true, dilation = 1 } = options;
    checkGroups(this.typeName, inChannels, outChannels, groups);
    this.kernelSize = sizes(this.typeName, "kernelSize", kernelSize, 2);
    this.stride = sizes(this.typeName, "stride", stride, 2);
    this.padding = sizes(this.typeName, "padding", padding, 2);
    this.outputPadding = sizes(this.typeName, "outputPadding", outputPadding, 2);
    this.dilation = sizes(this.typeName, "dilation", dilation, 2);
    this.groups = groups;
    this.weight = new Parameter(empty([inChannels, outChannels / groups, ...this.kernelSize]));
    this.bias = bias ? new Parameter(empty([outChannels])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    defaultInit(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    const { stride, padding, outputPadding, dilation, groups } = this;
    return convTranspose2d(x, this.weight, this.bias, { stride, padding, outputPadding, dilation, groups });
  }

  override extraRepr(): string {
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${py(this.kernelSize)}, stride=${py(this.stride)}`,
    ];
    if (this.padding.some((p) => p !== 0)) parts.push(`padding=${py(this.padding)}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${py(this.dilation)}`);
    if (this.outputPadding.some((p) => p !== 0)) parts.push(`output_padding=${py(this.outputPadding)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (!this.bias) parts.push("bias=False");
    return parts.join(", ");
  }
}
