/** Parameters: the tensors that a module learns. */

import { Tensor } from "@kindling/core";

/** A tensor that a module registers as learnable when it is kept in one of the module's fields; as torch.nn.Parameter. */
export class Parameter extends Tensor {
  /** @param data the initial values; @param requiresGrad false makes a frozen parameter. */
  constructor(data: Tensor, requiresGrad = true) {
    super(data);
    this.asState();
    this.requiresGrad = requiresGrad;
  }
}
