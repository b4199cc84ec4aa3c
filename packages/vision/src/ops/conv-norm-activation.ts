/** Convolution, normalisation and activation in a row, as torchvision.ops.Conv2dNormActivation. */

import { BatchNorm2d, Conv2d, type functional, type Layer, ReLU, Sequential } from "@kindling/nn";

/** Makes the normalisation of `channels` channels. */
export type NormLayer = (channels: number) => Layer;

/** Makes an activation. */
export type ActivationLayer = (options: { inplace: boolean }) => Layer;

export interface ConvNormActivationOptions {
  /** Default 3. */
  readonly kernelSize?: functional.Sizes;
  /** Default 1. */
  readonly stride?: functional.Sizes;
  /** Default: what keeps the size at stride 1, for odd kernels. */
  readonly padding?: functional.Sizes | "same" | "valid";
  /** Default 1. */
  readonly groups?: number;
  /** Default BatchNorm2d; null leaves it out. */
  readonly normLayer?: NormLayer | null;
  /** Default ReLU; null leaves it out. */
  readonly activationLayer?: ActivationLayer | null;
  /** Default 1. */
  readonly dilation?: functional.Sizes;
  /** What the activation is told. Default true. */
  readonly inplace?: boolean;
  /** Default: true without normalisation. */
  readonly bias?: boolean;
}

export const batchNorm2d: NormLayer = (channels) => new BatchNorm2d(channels);

/** [N, in, H, W] → [N, out, H', W'] */
export class Conv2dNormActivation extends Sequential {
  constructor(
    inChannels: number,
    readonly outChannels: number,
    options: ConvNormActivationOptions = {},
  ) {
    const { kernelSize = 3, stride = 1, groups = 1, dilation = 1, normLayer = batchNorm2d, inplace = true } = options;
    const { activationLayer = (o) => new ReLU(o), padding = keepingSize(kernelSize, dilation) } = options;
    const bias = options.bias ?? normLayer === null;
    super(new Conv2d(inChannels, outChannels, kernelSize, { stride, padding, dilation, groups, bias }));
    if (normLayer) this.append(normLayer(outChannels));
    if (activationLayer) this.append(activationLayer({ inplace }));
  }
}

/** The padding with which a convolution of stride 1 keeps the image's size. */
function keepingSize(kernelSize: functional.Sizes, dilation: functional.Sizes): [number, number] {
  const on = (sizes: functional.Sizes, d: number): number => (typeof sizes === "number" ? sizes : sizes[d]);
  const padding = (d: number): number => Math.floor((on(kernelSize, d) - 1) / 2) * on(dilation, d);
  return [padding(0), padding(1)];
}
