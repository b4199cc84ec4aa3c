/** Initial values of whole networks. Normalisation is left as its layers are made: ones and zeros, the identity. */

import { Conv2d, init, Linear, type Module, type Parameter } from "@kindling/nn";

/** What draws the weights of each kind of layer. */
export interface WeightInit {
  /** Default: convolutions keep what they were made with. */
  readonly conv?: (weight: Parameter) => void;
  /** Default: linear maps keep what they were made with. */
  readonly linear?: (weight: Parameter) => void;
}

/** Draws the weights of a model's layers, and sets the biases beside them to zero. */
export function initialize(model: Module, { conv, linear }: WeightInit): void {
  for (const layer of model.modules()) {
    if (layer instanceof Conv2d && conv) start(layer, conv);
    else if (layer instanceof Linear && linear) start(layer, linear);
  }
}

function start({ weight, bias }: Conv2d | Linear, draw: (weight: Parameter) => void): void {
  draw(weight);
  if (bias) init.zeros_(bias);
}

/** He et al. (2015), for what comes back in the backward pass: the one that most convolutional networks start with. */
export const heFanOut = (weight: Parameter): void => void init.kaimingNormal_(weight, { mode: "fan_out" });

/** Normal around zero. */
export const normal =
  (std: number) =>
  (weight: Parameter): void =>
    void init.normal_(weight, 0, std);

/** Normal around zero, cut at ±2. */
export const truncatedNormal =
  (std: number) =>
  (weight: Parameter): void =>
    void init.truncNormal_(weight, 0, std);
