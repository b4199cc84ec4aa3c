/** Squeeze-and-excitation (Hu et al. 2018), with the weights given. */

import { scoped, type Tensor } from "@kindling/core";
import { conv2d } from "./conv.js";

/**
 * Scales the channels of x by sigmoid(w2·relu(w1·mean(x) + b1) + b2). x: [N, C, H, W], w1: [S, C, 1, 1], b1: [S],
 * w2: [C, S, 1, 1], b2: [C].
 */
export function squeezeExcitation(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor): Tensor {
  return scoped(() => {
    const squeezed = conv2d(x.mean([2, 3], { keepdim: true }), w1, b1).relu();
    return x.mul(conv2d(squeezed, w2, b2).sigmoid());
  });
}
