/** Losses as modules: `new CrossEntropyLoss().call(output, target)`. */

import type { Tensor } from "@kindling/core";
import { type CrossEntropyOptions, crossEntropy, type NllLossOptions, nllLoss } from "../functional/class-loss.js";
import {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  huberLoss,
  type KlDivOptions,
  klDiv,
  type LossOptions,
  l1Loss,
  mseLoss,
  smoothL1Loss,
} from "../functional/regression-loss.js";
import { Module } from "../module.js";

/** A loss function with its options; a weight among them is a buffer, so that it moves with the module. */
abstract class Loss<Options> extends Module {
  readonly options: Options;

  constructor(options: Options) {
    super();
    this.options = options;
  }

  /** @returns the loss: a scalar, unless reduction is "none" */
  abstract override forward(input: Tensor, target: Tensor): Tensor;
}

/** Cross entropy of logits [N, C, …] and labels [N, …] or probabilities. */
export class CrossEntropyLoss extends Loss<CrossEntropyOptions> {
  weight: Tensor | null = null;

  constructor({ weight = null, ...options }: CrossEntropyOptions = {}) {
    super(options);
    if (weight) this.registerBuffer("weight", weight);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

/** Negative log likelihood of log-probabilities and labels. */
export class NLLLoss extends Loss<NllLossOptions> {
  weight: Tensor | null = null;

  constructor({ weight = null, ...options }: NllLossOptions = {}) {
    super(options);
    if (weight) this.registerBuffer("weight", weight);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return nllLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/** Binary cross entropy of probabilities. */
export class BCELoss extends Loss<BinaryCrossEntropyOptions> {
  weight: Tensor | null = null;

  constructor({ weight = null, ...options }: BinaryCrossEntropyOptions = {}) {
    super(options);
    if (weight) this.registerBuffer("weight", weight);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

/** Binary cross entropy of logits. */
export class BCEWithLogitsLoss extends Loss<BinaryCrossEntropyOptions> {
  weight: Tensor | null = null;
  pos_weight: Tensor | null = null;

  constructor({
    weight = null,
    posWeight = null,
    ...options
  }: BinaryCrossEntropyOptions & { posWeight?: Tensor | null } = {}) {
    super(options);
    if (weight) this.registerBuffer("weight", weight);
    if (posWeight) this.registerBuffer("pos_weight", posWeight);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropyWithLogits(input, target, {
      ...this.options,
      weight: this.weight,
      posWeight: this.pos_weight,
    });
  }
}

/** (input − target)² */
export class MSELoss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options);
  }
}

/** |input − target| */
export class L1Loss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options);
  }
}

/** Quadratic below beta, linear above. */
export class SmoothL1Loss extends Loss<LossOptions & { beta?: number }> {
  constructor(options: LossOptions & { beta?: number } = {}) {
    super(options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.options);
  }
}

/** Quadratic below delta, linear with slope delta above. */
export class HuberLoss extends Loss<LossOptions & { delta?: number }> {
  constructor(options: LossOptions & { delta?: number } = {}) {
    super(options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.options);
  }
}

/** Kullback–Leibler divergence of log-probabilities from the target. */
export class KLDivLoss extends Loss<KlDivOptions> {
  constructor(options: KlDivOptions = {}) {
    super(options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, this.options);
  }
}
