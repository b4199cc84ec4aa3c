/** Adam and its relatives that keep averages of the gradient and of its square, as torch.optim. */

import type { Tensor } from "@kindling/core";
import { type BaseOptions, checkOption, Optimizer, type ParamGroup, type Params, type RuleState } from "./optimizer.js";
import { descent } from "./sgd.js";

export interface MomentOptions extends BaseOptions {
  /** Decay of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** L2 penalty, or decoupled decay. */
  weightDecay: number;
  /** Ascend. Default false. */
  maximize: boolean;
}

export interface AdamOptions extends MomentOptions {
  /** Divide by the largest average so far (Reddi et al. 2018). Default false. */
  amsgrad: boolean;
}

function momentOptions(owner: string, options: Partial<MomentOptions>, lr: number, weightDecay = 0): MomentOptions {
  const { betas = [0.9, 0.999], eps = 1e-8, maximize = false } = options;
  const full = { lr: options.lr ?? lr, betas, eps, weightDecay: options.weightDecay ?? weightDecay, maximize };
  checkOption(owner, "lr", full.lr, full.lr >= 0, "0 or more");
  checkOption(owner, "eps", eps, eps >= 0, "0 or more");
  checkOption(owner, "weightDecay", full.weightDecay, full.weightDecay >= 0, "0 or more");
  for (const beta of betas)
    checkOption(owner, "betas", betas, beta >= 0 && beta < 1, "two numbers from 0 up to but not including 1");
  return full;
}

/** The running average of the gradient, updated. */
function firstMoment(g: Tensor, state: RuleState, beta: number): Tensor {
  const m = state.tensor("exp_avg");
  return m.copy_(m.mul(beta).add(g.mul(1 - beta)));
}

/** The running average of the squared gradient, updated. */
function secondMoment(g: Tensor, state: RuleState, beta: number): Tensor {
  const v = state.tensor("exp_avg_sq");
  return v.copy_(v.mul(beta).add(g.square().mul(1 - beta)));
}

/** Adam (Kingma & Ba 2015). */
export class Adam extends Optimizer<AdamOptions> {
  protected override readonly torchOptions = { foreach: null, capturable: false, differentiable: false, fused: null };

  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { ...momentOptions("Adam", options, 1e-3), amsgrad: options.amsgrad ?? false });
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<AdamOptions>): void {
    adamStep(p, p, descent(p, gradient, group), state, group);
  }
}

/** Adam with weight decay that bypasses the averages (Loshchilov & Hutter 2019). */
export class AdamW extends Optimizer<AdamOptions> {
  protected override readonly torchOptions = { foreach: null, capturable: false, differentiable: false, fused: null };

  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { ...momentOptions("AdamW", options, 1e-3, 0.01), amsgrad: options.amsgrad ?? false });
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<AdamOptions>): void {
    const g = group.maximize ? gradient.neg() : gradient;
    adamStep(p, p.mul(1 - group.lr * group.weightDecay), g, state, group);
  }
}

/** Steps from `from` and assigns the result to p. */
function adamStep(p: Tensor, from: Tensor, g: Tensor, state: RuleState, group: ParamGroup<AdamOptions>): void {
  const [beta1, beta2] = group.betas;
  const m = firstMoment(g, state, beta1);
  let v = secondMoment(g, state, beta2);
  if (group.amsgrad) {
    const largest = state.tensor("max_exp_avg_sq");
    v = largest.copy_(largest.maximum(v));
  }
  const denominator = v
    .sqrt()
    .mul(1 / Math.sqrt(1 - beta2 ** state.step))
    .add(group.eps);
  p.copy_(from.sub(m.div(denominator).mul(group.lr / (1 - beta1 ** state.step))));
}

export interface NAdamOptions extends MomentOptions {
  /** How fast the momentum's schedule decays. Default 4e-3. */
  momentumDecay: number;
  /** Weight decay as AdamW's. Default false. */
  decoupledWeightDecay: boolean;
}

/** Adam with Nesterov's momentum (Dozat 2016). */
export class NAdam extends Optimizer<NAdamOptions> {
  protected override readonly torchOptions = { foreach: null, capturable: false, differentiable: false };

  constructor(params: Params<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    const { momentumDecay = 4e-3, decoupledWeightDecay = false } = options;
    checkOption("NAdam", "momentumDecay", momentumDecay, momentumDecay >= 0, "0 or more");
    super(params, { ...momentOptions("NAdam", options, 2e-3), momentumDecay, decoupledWeightDecay });
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<NAdamOptions>): void {
    const { lr, eps, momentumDecay, weightDecay } = group;
    const [beta1, beta2] = group.betas;
    const decoupled = group.decoupledWeightDecay && weightDecay !== 0;
    const g = descent(p, gradient, decoupled ? { ...group, weightDecay: 0 } : group);
    const from = decoupled ? p.mul(1 - lr * weightDecay) : p;
    const momentumAt = (step: number): number => beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
    const mu = momentumAt(state.step);
    const next = momentumAt(state.step + 1);
    state.scalars.mu_product = (state.scalars.mu_product ?? 1) * mu;
    const product = state.scalars.mu_product;
    const m = firstMoment(g, state, beta1);
    const v = secondMoment(g, state, beta2);
    const denominator = v
      .mul(1 / (1 - beta2 ** state.step))
      .sqrt()
      .add(eps);
    // torch normalises the look-ahead by a product in which mu stands twice; its values are the measure here.
    const productAhead = product * mu * next;
    const ahead = g.mul((lr * (1 - mu)) / (1 - product)).add(m.mul((lr * next) / (1 - productAhead)));
    p.copy_(from.sub(ahead.div(denominator)));
  }
}

export interface RAdamOptions extends MomentOptions {
  /** Weight decay as AdamW's. Default false. */
  decoupledWeightDecay: boolean;
}

/** Adam whose adaptive denominator waits until its variance is tractable (Liu et al. 2020). */
export class RAdam extends Optimizer<RAdamOptions> {
  protected override readonly torchOptions = { foreach: null, capturable: false, differentiable: false };

  constructor(params: Params<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    const { decoupledWeightDecay = false } = options;
    super(params, { ...momentOptions("RAdam", options, 1e-3), decoupledWeightDecay });
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<RAdamOptions>): void {
    const { lr, eps, weightDecay } = group;
    const [beta1, beta2] = group.betas;
    const decoupled = group.decoupledWeightDecay && weightDecay !== 0;
    const g = descent(p, gradient, decoupled ? { ...group, weightDecay: 0 } : group);
    const from = decoupled ? p.mul(1 - lr * weightDecay) : p;
    const m = firstMoment(g, state, beta1).mul(lr / (1 - beta1 ** state.step));
    const v = secondMoment(g, state, beta2);
    const correction = 1 - beta2 ** state.step;
    const longest = 2 / (1 - beta2) - 1;
    const length = longest - (2 * state.step * beta2 ** state.step) / correction;
    if (length <= 5) {
      p.copy_(from.sub(m));
      return;
    }
    const rectified = Math.sqrt(((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length));
    p.copy_(from.sub(m.mul(rectified * Math.sqrt(correction)).div(v.sqrt().add(eps))));
  }
}

/** Adam with the infinity norm in place of the second moment (Kingma & Ba 2015). */
export class Adamax extends Optimizer<MomentOptions> {
  protected override readonly torchOptions = { foreach: null, capturable: false, differentiable: false };

  constructor(params: Params<MomentOptions>, options: Partial<MomentOptions> = {}) {
    super(params, momentOptions("Adamax", options, 2e-3));
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<MomentOptions>): void {
    const [beta1, beta2] = group.betas;
    const g = descent(p, gradient, group);
    const m = firstMoment(g, state, beta1);
    const norm = state.tensor("exp_inf");
    norm.copy_(norm.mul(beta2).maximum(g.abs().add(group.eps)));
    p.copy_(p.sub(m.div(norm).mul(group.lr / (1 - beta1 ** state.step))));
  }
}
