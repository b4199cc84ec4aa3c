/** Schedulers that multiply the rate by a factor of the epoch. */

import { ArgumentError } from "@kindling/core";
import { LRScheduler, perGroup, type Scheduled, type SchedulerOptions } from "./scheduler.js";
import type { SchedulerState, TorchNames } from "./state.js";

/** A factor by epoch. */
export type Factor = (epoch: number) => number;

/** A scheduler by functions, one a group: torch's state dict has a place for each, which is empty for plain functions. */
abstract class FunctionScheduler extends LRScheduler {
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), lr_lambdas: this.baseLrs.map(() => null) };
  }
}

/** Sets the rate to the initial one times lambda(epoch); one function, or one a group. */
export class LambdaLR extends FunctionScheduler {
  readonly #lambdas: Factor[];

  constructor(optimizer: Scheduled, lrLambda: Factor | readonly Factor[], options: SchedulerOptions = {}) {
    super(optimizer, options);
    this.#lambdas = perGroup("LambdaLR", "lrLambda", lrLambda, optimizer);
    this.step();
  }

  protected rates(): number[] {
    return this.baseLrs.map((lr, i) => lr * this.#lambdas[i](this.lastEpoch));
  }
}

/** Multiplies the rate by lambda(epoch) at every step. */
export class MultiplicativeLR extends FunctionScheduler {
  readonly #lambdas: Factor[];

  constructor(optimizer: Scheduled, lrLambda: Factor | readonly Factor[], options: SchedulerOptions = {}) {
    super(optimizer, options);
    this.#lambdas = perGroup("MultiplicativeLR", "lrLambda", lrLambda, optimizer);
    this.step();
  }

  protected rates(): number[] {
    const { lastEpoch } = this;
    return this.optimizer.paramGroups.map(({ lr }, i) => (lastEpoch > 0 ? lr * this.#lambdas[i](lastEpoch) : lr));
  }
}

/** A scheduler that multiplies every group's rate by one number. */
abstract class FactorScheduler extends LRScheduler {
  /** What the present rate is multiplied by at epoch `lastEpoch`. */
  protected abstract factor(): number;
  /** The product of all factors so far. */
  protected abstract total(): number;

  protected rates(): number[] {
    const factor = this.factor();
    return this.optimizer.paramGroups.map(({ lr }) => lr * factor);
  }

  protected override closedForm(): number[] {
    const total = this.total();
    return this.baseLrs.map((lr) => lr * total);
  }
}

/** Times gamma every `stepSize` epochs. */
export class StepLR extends FactorScheduler {
  stepSize: number;
  gamma: number;

  constructor(
    optimizer: Scheduled,
    { stepSize, gamma = 0.1, ...options }: SchedulerOptions & { stepSize: number; gamma?: number },
  ) {
    super(optimizer, options);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.step();
  }

  protected factor(): number {
    return this.lastEpoch > 0 && this.lastEpoch % this.stepSize === 0 ? this.gamma : 1;
  }

  protected total(): number {
    return this.gamma ** Math.floor(this.lastEpoch / this.stepSize);
  }
}

/** Times gamma at each milestone; an epoch named twice counts twice. */
export class MultiStepLR extends FactorScheduler {
  /** How often each epoch was named. */
  milestones: Map<number, number>;
  gamma: number;

  constructor(
    optimizer: Scheduled,
    { milestones, gamma = 0.1, ...options }: SchedulerOptions & { milestones: readonly number[]; gamma?: number },
  ) {
    super(optimizer, options);
    this.milestones = new Map();
    for (const epoch of milestones) this.milestones.set(epoch, (this.milestones.get(epoch) ?? 0) + 1);
    this.gamma = gamma;
    this.step();
  }

  protected factor(): number {
    return this.gamma ** (this.milestones.get(this.lastEpoch) ?? 0);
  }

  protected total(): number {
    let passed = 0;
    for (const [epoch, times] of this.milestones) if (epoch <= this.lastEpoch) passed += times;
    return this.gamma ** passed;
  }
}

/** `factor` times the rate until epoch `totalIters`, then the rate itself. */
export class ConstantLR extends FactorScheduler {
  startFactor: number;
  totalIters: number;

  constructor(
    optimizer: Scheduled,
    { factor = 1 / 3, totalIters = 5, ...options }: SchedulerOptions & { factor?: number; totalIters?: number } = {},
  ) {
    super(optimizer, options);
    if (!(factor >= 0 && factor <= 1))
      throw new ArgumentError(`ConstantLR: factor is ${factor}; it lies between 0 and 1`);
    this.startFactor = factor;
    this.totalIters = totalIters;
    this.step();
  }

  protected override get torchNames(): TorchNames {
    return { startFactor: "factor" };
  }

  protected factor(): number {
    if (this.lastEpoch === 0) return this.startFactor;
    return this.lastEpoch === this.totalIters ? 1 / this.startFactor : 1;
  }

  protected total(): number {
    return this.lastEpoch >= this.totalIters ? 1 : this.startFactor;
  }
}

/** From `startFactor` times the rate to `endFactor` times it, in a line over `totalIters` epochs. */
export class LinearLR extends FactorScheduler {
  startFactor: number;
  endFactor: number;
  totalIters: number;

  constructor(
    optimizer: Scheduled,
    options: SchedulerOptions & { startFactor?: number; endFactor?: number; totalIters?: number } = {},
  ) {
    super(optimizer, options);
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options;
    if (!(startFactor > 0 && startFactor <= 1))
      throw new ArgumentError(`LinearLR: startFactor is ${startFactor}; it is above 0 and at most 1`);
    if (!(endFactor >= 0 && endFactor <= 1))
      throw new ArgumentError(`LinearLR: endFactor is ${endFactor}; it lies between 0 and 1`);
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.step();
  }

  protected factor(): number {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    if (lastEpoch === 0) return startFactor;
    if (lastEpoch > totalIters) return 1;
    const rise = endFactor - startFactor;
    return 1 + rise / (totalIters * startFactor + (lastEpoch - 1) * rise);
  }

  protected total(): number {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    return startFactor + ((endFactor - startFactor) * Math.min(totalIters, lastEpoch)) / totalIters;
  }
}

/** Times gamma every epoch. */
export class ExponentialLR extends FactorScheduler {
  gamma: number;

  constructor(optimizer: Scheduled, { gamma, ...options }: SchedulerOptions & { gamma: number }) {
    super(optimizer, options);
    this.gamma = gamma;
    this.step();
  }

  protected factor(): number {
    return this.lastEpoch === 0 ? 1 : this.gamma;
  }

  protected total(): number {
    return this.gamma ** this.lastEpoch;
  }
}

/** To 0 over `totalIters` epochs, as a power of the share that is left. */
export class PolynomialLR extends FactorScheduler {
  totalIters: number;
  power: number;

  constructor(
    optimizer: Scheduled,
    { totalIters = 5, power = 1, ...options }: SchedulerOptions & { totalIters?: number; power?: number } = {},
  ) {
    super(optimizer, options);
    this.totalIters = totalIters;
    this.power = power;
    this.step();
  }

  protected factor(): number {
    const { lastEpoch, totalIters, power } = this;
    if (lastEpoch === 0 || lastEpoch > totalIters) return 1;
    return ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** power;
  }

  protected total(): number {
    return (1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters) ** this.power;
  }
}
