/** Squeeze-and-excitation (Hu et al. 2018), as torchvision.ops.SqueezeExcitation. */

import type { Tensor } from "@kindling/core";
import { AdaptiveAvgPool2d, Conv2d, type Layer, Module, ReLU, Sigmoid } from "@kindling/nn";

export interface SqueezeExcitationOptions {
  /** Between the two maps. Default ReLU. */
  readonly activation?: () => Layer;
  /** What makes the scale. Default Sigmoid. */
  readonly scaleActivation?: () => Layer;
}

/** Scales each channel by what two small maps make of all channels' means. x: [N, C, H, W]. */
export class SqueezeExcitation extends Module implements Layer {
  avgpool: Layer;
  fc1: Layer;
  fc2: Layer;
  activation: Layer;
  scale_activation: Layer;

  constructor(inputChannels: number, squeezeChannels: number, options: SqueezeExcitationOptions = {}) {
    super();
    const { activation = () => new ReLU(), scaleActivation = () => new Sigmoid() } = options;
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.fc1 = new Conv2d(inputChannels, squeezeChannels, 1);
    this.fc2 = new Conv2d(squeezeChannels, inputChannels, 1);
    this.activation = activation();
    this.scale_activation = scaleActivation();
  }

  forward(x: Tensor): Tensor {
    const squeezed = this.activation.call(this.fc1.call(this.avgpool.call(x)));
    return this.scale_activation.call(this.fc2.call(squeezed)).mul(x);
  }
}
