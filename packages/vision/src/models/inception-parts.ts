/** What the Inception networks share: their convolution, the range of their inputs, the form of their weights. */

import { type Tensor, tensor } from "@kindling/core";
import { BatchNorm2d, Conv2d, type ConvLayerOptions, type functional, type Layer, Module } from "@kindling/nn";
import { IMAGENET_MEAN, IMAGENET_STD } from "../transforms/index.js";

export interface BasicConv2dOptions extends Omit<ConvLayerOptions, "bias"> {
  readonly kernelSize: functional.Sizes;
}

/** Convolution, batch norm, ReLU: [N, in, H, W] → [N, out, H', W']. */
export class BasicConv2d extends Module implements Layer {
  conv: Layer;
  bn: Layer;

  constructor(inChannels: number, outChannels: number, { kernelSize, ...options }: BasicConv2dOptions) {
    super();
    this.conv = new Conv2d(inChannels, outChannels, kernelSize, { ...options, bias: false });
    this.bn = new BatchNorm2d(outChannels, { eps: 1e-3 });
  }

  forward(x: Tensor): Tensor {
    return this.bn.call(this.conv.call(x)).relu();
  }
}

/** Makes a convolution with what follows it. */
export type ConvBlock = (inChannels: number, outChannels: number, options: BasicConv2dOptions) => Layer;

export const basicConv2d: ConvBlock = (inChannels, outChannels, options) =>
  new BasicConv2d(inChannels, outChannels, options);

/** The layers one after the other. */
export const chain = (x: Tensor, ...layers: Layer[]): Tensor => layers.reduce((y, layer) => layer.call(y), x);

/**
 * Images [N, 3, H, W] normalised by ImageNet's mean and deviation, as torchvision's other models take them, in the range
 * −1 to 1 that published Inception weights were trained with.
 */
export function toUnitRange(x: Tensor): Tensor {
  const perChannel = (values: number[]): Tensor => tensor(values).reshape([1, 3, 1, 1]);
  const scale = perChannel(IMAGENET_STD.map((std) => std / 0.5));
  const shift = perChannel(IMAGENET_MEAN.map((mean) => (mean - 0.5) / 0.5));
  return x.mul(scale).add(shift);
}

/** Options of the networks that published weights fit: with auxiliary classifiers, and for inputs of another range. */
export const publishedForm = <O extends { readonly transformInput?: boolean }>(given: O): O => ({
  ...given,
  transformInput: given.transformInput ?? true,
  auxLogits: true,
  initWeights: false,
});
