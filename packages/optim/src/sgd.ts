/** Stochastic gradient descent with momentum, as torch.optim.SGD. */

import type { Tensor } from "@kindling/core";
import { type BaseOptions, checkOption, Optimizer, type ParamGroup, type Params, type RuleState } from "./optimizer.js";

export interface SGDOptions extends BaseOptions {
  /** Weight of the velocity. Default 0. */
  momentum: number;
  /** How much less than fully the gradient enters the velocity. Default 0. */
  dampening: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Nesterov's momentum; needs momentum and no dampening. Default false. */
  nesterov: boolean;
  /** Ascend. Default false. */
  maximize: boolean;
}

export class SGD extends Optimizer<SGDOptions> {
  protected override readonly savesStep = false;
  protected override readonly torchOptions = { foreach: null, differentiable: false, fused: null };

  constructor(params: Params<SGDOptions>, options: Partial<SGDOptions> = {}) {
    const { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false, maximize = false } = options;
    checkOption("SGD", "lr", lr, lr >= 0, "0 or more");
    checkOption("SGD", "momentum", momentum, momentum >= 0, "0 or more");
    checkOption("SGD", "weightDecay", weightDecay, weightDecay >= 0, "0 or more");
    checkOption(
      "SGD",
      "nesterov",
      nesterov,
      !nesterov || (momentum > 0 && dampening === 0),
      "false, or true with momentum and without dampening",
    );
    super(params, { lr, momentum, dampening, weightDecay, nesterov, maximize });
  }

  protected update(p: Tensor, gradient: Tensor, state: RuleState, group: ParamGroup<SGDOptions>): void {
    const { lr, momentum, dampening, nesterov } = group;
    const g = descent(p, gradient, group);
    if (momentum === 0) {
      p.copy_(p.sub(g.mul(lr)));
      return;
    }
    const velocity = state.tensor("momentum_buffer");
    velocity.copy_(velocity.mul(momentum).add(g.mul(state.step === 1 ? 1 : 1 - dampening)));
    p.copy_(p.sub((nesterov ? g.add(velocity.mul(momentum)) : velocity).mul(lr)));
  }
}

/** The gradient to descend: negated where the objective is maximised, with the L2 penalty. */
export function descent(
  p: Tensor,
  g: Tensor,
  { weightDecay, maximize }: { weightDecay: number; maximize: boolean },
): Tensor {
  const downhill = maximize ? g.neg() : g;
  return weightDecay === 0 ? downhill : downhill.add(p.mul(weightDecay));
}
