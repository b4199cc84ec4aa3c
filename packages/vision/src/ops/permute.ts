/** Dimensions in another order, as torchvision.ops.Permute. */

import type { Tensor } from "@kindling/core";
import { type Layer, Module } from "@kindling/nn";

/** `x.permute(dims)` as a layer. */
export class Permute extends Module implements Layer {
  constructor(readonly dims: readonly number[]) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x.permute(this.dims);
  }
}
