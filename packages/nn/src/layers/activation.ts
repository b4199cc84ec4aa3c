/** Activations as layers. */

import { full, type Tensor } from "@kindling/core";
import { glu, prelu } from "../functional/activation.js";
import { type Layer, Module } from "../module.js";
import { Parameter } from "../parameter.js";
import { py, pyFloat } from "../python-repr.js";

/**
 * torch's `inplace`. Here a fused kernel writes where it likes, so the option changes nothing but how the layer is
 * printed; it is accepted so that code carries over.
 */
export interface InPlaceOptions {
  readonly inplace?: boolean;
}

/** An activation that torch can run in place. */
abstract class InPlaceActivation extends Module implements Layer {
  readonly inplace: boolean;

  constructor({ inplace = false }: InPlaceOptions = {}) {
    super();
    this.inplace = inplace;
  }

  abstract override forward(x: Tensor): Tensor;

  protected describe(...parts: string[]): string {
    return [...parts, ...(this.inplace ? ["inplace=True"] : [])].join(", ");
  }

  override extraRepr(): string {
    return this.describe();
  }
}

/** max(x, 0) */
export class ReLU extends InPlaceActivation {
  forward(x: Tensor): Tensor {
    return x.relu();
  }
}

/** min(max(x, 0), 6) */
export class ReLU6 extends InPlaceActivation {
  forward(x: Tensor): Tensor {
    return x.relu6();
  }
}

/** x·ReLU6(x + 3) / 6 (Howard et al. 2019) */
export class Hardswish extends InPlaceActivation {
  forward(x: Tensor): Tensor {
    return x.hardswish();
  }

  override extraRepr(): string {
    return "";
  }
}

/** ReLU6(x + 3) / 6 */
export class Hardsigmoid extends InPlaceActivation {
  forward(x: Tensor): Tensor {
    return x.hardsigmoid();
  }

  override extraRepr(): string {
    return "";
  }
}

/** x·sigmoid(x) */
export class SiLU extends InPlaceActivation {
  forward(x: Tensor): Tensor {
    return x.silu();
  }
}

/** x·tanh(softplus(x)) (Misra 2019) */
export class Mish extends InPlaceActivation {
  forward(x: Tensor): Tensor {
    return x.mish();
  }
}

/** Self-normalising ELU with fixed constants (Klambauer et al. 2017). */
export class SELU extends InPlaceActivation {
  forward(x: Tensor): Tensor {
    return x.selu();
  }
}

/** x above 0, alpha·(eˣ − 1) below. */
export class ELU extends InPlaceActivation {
  readonly alpha: number;

  constructor({ alpha = 1, ...options }: InPlaceOptions & { alpha?: number } = {}) {
    super(options);
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return x.elu(this.alpha);
  }

  override extraRepr(): string {
    return this.describe(`alpha=${pyFloat(this.alpha)}`);
  }
}

/** max(0, x) + min(0, alpha·(e^(x/alpha) − 1)) */
export class CELU extends InPlaceActivation {
  readonly alpha: number;

  constructor({ alpha = 1, ...options }: InPlaceOptions & { alpha?: number } = {}) {
    super(options);
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return x.celu(this.alpha);
  }

  override extraRepr(): string {
    return this.describe(`alpha=${pyFloat(this.alpha)}`);
  }
}

/** x above 0, negativeSlope·x below. */
export class LeakyReLU extends InPlaceActivation {
  readonly negativeSlope: number;

  constructor({ negativeSlope = 0.01, ...options }: InPlaceOptions & { negativeSlope?: number } = {}) {
    super(options);
    this.negativeSlope = negativeSlope;
  }

  forward(x: Tensor): Tensor {
    return x.leakyRelu(this.negativeSlope);
  }

  override extraRepr(): string {
    return this.describe(`negative_slope=${pyFloat(this.negativeSlope)}`);
  }
}

/** x cut to [minVal, maxVal]. */
export class Hardtanh extends InPlaceActivation {
  readonly minVal: number;
  readonly maxVal: number;

  constructor({ minVal = -1, maxVal = 1, ...options }: InPlaceOptions & { minVal?: number; maxVal?: number } = {}) {
    super(options);
    this.minVal = minVal;
    this.maxVal = maxVal;
  }

  forward(x: Tensor): Tensor {
    return x.hardtanh(this.minVal, this.maxVal);
  }

  override extraRepr(): string {
    return this.describe(`min_val=${pyFloat(this.minVal)}`, `max_val=${pyFloat(this.maxVal)}`);
  }
}

/** x·Φ(x), or its approximation with tanh (Hendrycks & Gimpel 2016). */
export class GELU extends Module implements Layer {
  readonly approximate: "none" | "tanh";

  constructor({ approximate = "none" }: { approximate?: "none" | "tanh" } = {}) {
    super();
    this.approximate = approximate;
  }

  forward(x: Tensor): Tensor {
    return x.gelu({ approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

export class Sigmoid extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}

export class LogSigmoid extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return x.logsigmoid();
  }
}

export class Tanh extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return x.tanh();
  }
}

/** x / (1 + |x|) */
export class Softsign extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return x.softsign();
  }
}

/** log(1 + e^(beta·x)) / beta; x itself where beta·x is above the threshold. */
export class Softplus extends Module implements Layer {
  readonly beta: number;
  readonly threshold: number;

  constructor({ beta = 1, threshold = 20 }: { beta?: number; threshold?: number } = {}) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }

  forward(x: Tensor): Tensor {
    return x.softplus(this.beta, this.threshold);
  }

  override extraRepr(): string {
    return `beta=${py(this.beta)}, threshold=${py(this.threshold)}`;
  }
}

/** x above 0, weight·x below; one learned weight, or one a channel (He et al. 2015). */
export class PReLU extends Module implements Layer {
  /** [numParameters] */
  weight: Parameter;

  constructor({ numParameters = 1, init = 0.25 }: { numParameters?: number; init?: number } = {}) {
    super();
    this.weight = new Parameter(full([numParameters], init));
  }

  forward(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.weight.numel}`;
  }
}

/** The first half of `dim` times the sigmoid of the second half. */
export class GLU extends Module implements Layer {
  constructor(readonly dim = -1) {
    super();
  }

  forward(x: Tensor): Tensor {
    return glu(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Probabilities along `dim`. */
export class Softmax extends Module implements Layer {
  constructor(readonly dim: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x.softmax(this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Log-probabilities along `dim`. */
export class LogSoftmax extends Module implements Layer {
  constructor(readonly dim: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x.logSoftmax(this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}
