/** Dropout layers: they do nothing in evaluation mode. */

import { ArgumentError, type Tensor } from "@kindling/core";
import { dropout, dropout2d } from "../functional/dropout.js";
import { type Layer, Module } from "../module.js";
import { py, pyFloat } from "../python-repr.js";
import type { InPlaceOptions } from "./activation.js";

abstract class DropoutBase extends Module implements Layer {
  /** Probability of zero. Default 0.5. */
  p: number;
  readonly inplace: boolean;

  constructor({ p = 0.5, inplace = false }: InPlaceOptions & { p?: number } = {}) {
    super();
    if (!(p >= 0 && p <= 1))
      throw new ArgumentError(`${this.typeName}: the probability is ${p}; it lies between 0 and 1`);
    this.p = p;
    this.inplace = inplace;
  }

  abstract override forward(x: Tensor): Tensor;

  override extraRepr(): string {
    return `p=${pyFloat(this.p)}, inplace=${py(this.inplace)}`;
  }
}

/** Zeroes single elements with probability p and scales the rest by 1 / (1 − p). */
export class Dropout extends DropoutBase {
  forward(x: Tensor): Tensor {
    return dropout(x, this);
  }
}

/** Zeroes whole channels of [N, C, H, W]. */
export class Dropout2d extends DropoutBase {
  forward(x: Tensor): Tensor {
    return dropout2d(x, this);
  }
}
