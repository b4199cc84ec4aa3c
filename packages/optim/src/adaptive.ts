/** Optimizers that scale by gradients seen, without Adam's first moment, and averaged SGD, as torch.optim. */

import { full, type Tensor } from "@kindling/core";
import type { ParameterState } from "./bucket.js";
import { type BaseOptions, checkOption, Optimizer, type ParamGroup, type Params, type RuleState } from "./optimizer.js";
import { descent } from "./sgd.js";

interface DecayOptions extends BaseOptions {
  /** L2 penalty. Default 0. */
  weightDecay: number;
  /** Ascend. Default false. */
  maximize: boolean;
}

function decayOptions(owner: string, options: Partial<DecayOptions>, defaultLr: number): DecayOptions {
  const { lr = defaultLr, weightDecay = 0, maximize = false } = options;
  checkOption(owner, "lr", lr, lr >= 0, "0 or more");
  checkOption(owner, "weightDecay", weightDecay, weightDecay >= 0, "0 or more");
  return { lr, weightDecay, maximize };
}

export interface RMSpropOptions extends DecayOptions {
  /** Decay of the average of squares. Default 0.99. */
  alpha: number;
  /** Added to the root. Default 1e-8. */
  eps: number;
  /** Weight of the velocity. Default 0. */
  momentum: number;
  /** Divide by the deviation instead of the mean square. Default false. */
  centered: boolean;
}

/** RMSprop (Hinton 2012; centred: Graves 2013). */
export class RMSprop extends Optimizer<RMSpropOptions> {
  protected override readonly torchOptions = { foreach: null, capturable: false, differentiable: false };

  constructor(params: Params<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    const { alpha = 0.99, eps = 1e-8, momentum = 0, centered = false } = options;
    checkOption("RMSprop", "alpha", alpha, alpha >= 0, "0 or more");
    checkOption("RMSprop", "momentum", momentum, momentum >= 0, "0 or more");
    super(params, { ...decayOptions("RMSprop", options, 1e-2), alpha, eps, momentum, centered });
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<RMSpropOptions>): void {
    const { lr, alpha, eps, momentum, centered } = group;
    const g = descent(p, gradient, group);
    const square = state.tensor("square_avg");
    square.copy_(square.mul(alpha).add(g.square().mul(1 - alpha)));
    let power: Tensor = square;
    if (centered) {
      const mean = state.tensor("grad_avg");
      mean.copy_(mean.mul(alpha).add(g.mul(1 - alpha)));
      power = square.sub(mean.square());
    }
    const scaled = g.div(power.sqrt().add(eps));
    if (momentum === 0) {
      p.copy_(p.sub(scaled.mul(lr)));
      return;
    }
    const velocity = state.tensor("momentum_buffer");
    velocity.copy_(velocity.mul(momentum).add(scaled));
    p.copy_(p.sub(velocity.mul(lr)));
  }
}

export interface AdagradOptions extends DecayOptions {
  /** How fast the learning rate falls with steps. Default 0. */
  lrDecay: number;
  /** Where the sums of squares start. Default 0. */
  initialAccumulatorValue: number;
  /** Added to the root. Default 1e-10. */
  eps: number;
}

/** Adagrad (Duchi et al. 2011). */
export class Adagrad extends Optimizer<AdagradOptions> {
  protected override readonly torchOptions = { foreach: null, differentiable: false, fused: null };

  constructor(params: Params<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    const { lrDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = options;
    checkOption("Adagrad", "lrDecay", lrDecay, lrDecay >= 0, "0 or more");
    checkOption(
      "Adagrad",
      "initialAccumulatorValue",
      initialAccumulatorValue,
      initialAccumulatorValue >= 0,
      "0 or more",
    );
    super(params, { ...decayOptions("Adagrad", options, 1e-2), lrDecay, initialAccumulatorValue, eps });
  }

  protected override initialState(p: Tensor, { initialAccumulatorValue }: ParamGroup<AdagradOptions>): ParameterState {
    return { step: 0, tensors: new Map([["sum", full([...p.shape], initialAccumulatorValue)]]), scalars: {} };
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<AdagradOptions>): void {
    const g = descent(p, gradient, group);
    const sum = state.tensor("sum", group.initialAccumulatorValue);
    sum.copy_(sum.add(g.square()));
    const rate = group.lr / (1 + (state.step - 1) * group.lrDecay);
    p.copy_(p.sub(g.div(sum.sqrt().add(group.eps)).mul(rate)));
  }
}

export interface AdadeltaOptions extends DecayOptions {
  /** Decay of the averages of squares. Default 0.9. */
  rho: number;
  /** Added under the roots. Default 1e-6. */
  eps: number;
}

/** Adadelta (Zeiler 2012). */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  protected override readonly torchOptions = { foreach: null, capturable: false, differentiable: false };

  constructor(params: Params<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    const { rho = 0.9, eps = 1e-6 } = options;
    checkOption("Adadelta", "rho", rho, rho >= 0 && rho <= 1, "0 to 1");
    super(params, { ...decayOptions("Adadelta", options, 1), rho, eps });
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<AdadeltaOptions>): void {
    const { lr, rho, eps } = group;
    const g = descent(p, gradient, group);
    const square = state.tensor("square_avg");
    const travelled = state.tensor("acc_delta");
    square.copy_(square.mul(rho).add(g.square().mul(1 - rho)));
    const delta = travelled.add(eps).sqrt().div(square.add(eps).sqrt()).mul(g);
    travelled.copy_(travelled.mul(rho).add(delta.square().mul(1 - rho)));
    p.copy_(p.sub(delta.mul(lr)));
  }
}

export interface ASGDOptions extends DecayOptions {
  /** Decay term. Default 1e-4. */
  lambd: number;
  /** Power of the learning rate's fall. Default 0.75. */
  alpha: number;
  /** The step at which averaging starts. Default 1e6. */
  t0: number;
}

/** Averaged SGD (Polyak & Juditsky 1992); the averages are in the state, under `ax`. */
export class ASGD extends Optimizer<ASGDOptions> {
  protected override readonly torchOptions = { foreach: null, capturable: false, differentiable: false };

  constructor(params: Params<ASGDOptions>, options: Partial<ASGDOptions> = {}) {
    const { lambd = 1e-4, alpha = 0.75, t0 = 1e6 } = options;
    super(params, { ...decayOptions("ASGD", options, 1e-2), lambd, alpha, t0 });
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<ASGDOptions>): void {
    const { lr, lambd, alpha, t0 } = group;
    const { scalars, step } = state;
    const eta = scalars.eta ?? lr;
    const mu = scalars.mu ?? 1;
    const g = descent(p, gradient, group);
    p.copy_(p.mul(1 - lambd * eta).sub(g.mul(eta)));
    const average = state.tensor("ax");
    average.copy_(average.add(p.sub(average).mul(mu)));
    scalars.eta = lr / (1 + lambd * lr * step) ** alpha;
    scalars.mu = 1 / Math.max(1, step - t0);
  }
}
