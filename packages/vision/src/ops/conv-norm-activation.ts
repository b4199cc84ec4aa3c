/** Convolution, normalisation and activation in a row, as torchvision.ops.Conv2dNormActivation. */

import { BatchNorm2d, Conv2d, type Layer, ReLU, Sequential } from "@kindling/nn";

/** Makes the normalisation of `channels` channels. */
export type NormLayer = (channels: number) => Layer;

/** Makes an activation. */
export type ActivationLayer = (options: { inplace: boolean }) => Layer;

export interface ConvNormActivationOptions {
  /** Default 3. */
  readonly kernelSize?: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default: what keeps the size at stride 1. */
  readonly padding?: number;
  readonly groups?: number;
  /** Default BatchNorm2d; null leaves it out. */
  readonly normLayer?: NormLayer | null;
  /** Default ReLU; null leaves it out. */
  readonly activationLayer?: ActivationLayer | null;
  readonly dilation?: number;
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
    const { kernelSize = 3, stride = 1, groups = 1, dilation = 1, normLayer = batchNorm2d } = options;
    const { activationLayer = (o) => new ReLU(o), padding = Math.floor((kernelSize - 1) / 2) * dilation } = options;
    const bias = options.bias ?? normLayer === null;
    super(new Conv2d(inChannels, outChannels, kernelSize, { stride, padding, dilation, groups, bias }));
    if (normLayer) this.append(normLayer(outChannels));
    if (activationLayer) this.append(activationLayer({ inplace: true }));
  }
}
