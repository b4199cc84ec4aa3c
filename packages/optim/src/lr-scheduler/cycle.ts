/** Schedulers that also turn momentum: the one-cycle policy and cyclical rates (Smith 2015, 2017). */

import { ArgumentError } from "@kindling/core";
import { LRScheduler, perGroup, type Scheduled, type ScheduledGroup, type SchedulerOptions } from "./scheduler.js";
import type { SchedulerState, TorchNames } from "./state.js";

function momentumOf(group: ScheduledGroup): number | undefined {
  return group.betas ? group.betas[0] : group.momentum;
}

function setMomentum(group: ScheduledGroup, value: number): void {
  if (group.betas) group.betas = [value, group.betas[1]];
  else group.momentum = value;
}

function checkMomentum(owner: string, optimizer: Scheduled): void {
  if (optimizer.paramGroups.some((group) => momentumOf(group) === undefined))
    throw new ArgumentError(`${owner}: the optimizer has no momentum to cycle; pass cycleMomentum: false`);
}

/** A run that is resumed finds its bounds in the groups. */
function requireBounds(name: "maxLr" | "maxMomentum", { paramGroups }: Scheduled): void {
  const i = paramGroups.findIndex((group) => group[name] === undefined);
  if (i >= 0)
    throw new ArgumentError(
      `OneCycleLR: group ${i} has no ${name} to resume with; load the optimizer's state dict first`,
    );
}

export interface OneCycleOptions extends SchedulerOptions {
  /** The rate at the top; one, or one a group. */
  readonly maxLr: number | readonly number[];
  /** Length of the cycle in steps; or `epochs` and `stepsPerEpoch`. */
  readonly totalSteps?: number;
  readonly epochs?: number;
  readonly stepsPerEpoch?: number;
  /** Share of the steps that the rate rises. Default 0.3. */
  readonly pctStart?: number;
  /** Default "cos". */
  readonly annealStrategy?: "cos" | "linear";
  /** Turn momentum (or beta1) against the rate. Default true. */
  readonly cycleMomentum?: boolean;
  readonly baseMomentum?: number | readonly number[];
  readonly maxMomentum?: number | readonly number[];
  /** The first rate is maxLr / divFactor. Default 25. */
  readonly divFactor?: number;
  /** The last rate is the first / finalDivFactor. Default 1e4. */
  readonly finalDivFactor?: number;
  /** Fall as long as it rose, then to the last rate. Default false. */
  readonly threePhase?: boolean;
}

/** What a phase leads from and to, by torch's names of entries in the groups. */
const BOUNDS = {
  initial_lr: "initialLr",
  max_lr: "maxLr",
  min_lr: "minLr",
  max_momentum: "maxMomentum",
  base_momentum: "baseMomentum",
} as const;

type Rate = "initial_lr" | "max_lr" | "min_lr";
type Momentum = "max_momentum" | "base_momentum";

/** A stretch of steps up to `end_step`, as torch keeps it. */
interface Phase {
  readonly end_step: number;
  readonly start_lr: Rate;
  readonly end_lr: Rate;
  readonly start_momentum: Momentum;
  readonly end_momentum: Momentum;
}

/** Up to `maxLr` and down to almost nothing, once; a step a batch. The groups keep its bounds, as in torch. */
export class OneCycleLR extends LRScheduler {
  totalSteps: number;
  phases: Phase[];
  annealStrategy: "cos" | "linear";
  cycleMomentum: boolean;

  constructor(optimizer: Scheduled, options: OneCycleOptions) {
    const { pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4, lastEpoch = -1 } = options;
    const maxLrs = perGroup("OneCycleLR", "maxLr", options.maxLr, optimizer);
    if (lastEpoch === -1)
      for (const [i, group] of optimizer.paramGroups.entries()) {
        group.initialLr = maxLrs[i] / divFactor;
        group.maxLr = maxLrs[i];
        group.minLr = group.initialLr / finalDivFactor;
      }
    super(optimizer, options);
    requireBounds("maxLr", optimizer);
    this.totalSteps = totalSteps(options);
    if (!(pctStart >= 0 && pctStart <= 1))
      throw new ArgumentError(`OneCycleLR: pctStart is ${pctStart}; it lies between 0 and 1`);
    this.phases = phases(this.totalSteps, pctStart, options.threePhase ?? false);
    this.annealStrategy = options.annealStrategy ?? "cos";
    this.cycleMomentum = options.cycleMomentum ?? true;
    if (this.cycleMomentum) this.#boundMomentum(options);
    this.step();
  }

  #boundMomentum({ baseMomentum = 0.85, maxMomentum = 0.95, lastEpoch = -1 }: OneCycleOptions): void {
    checkMomentum("OneCycleLR", this.optimizer);
    const base = perGroup("OneCycleLR", "baseMomentum", baseMomentum, this.optimizer);
    const max = perGroup("OneCycleLR", "maxMomentum", maxMomentum, this.optimizer);
    if (lastEpoch === -1)
      for (const [i, group] of this.optimizer.paramGroups.entries()) {
        group.maxMomentum = max[i];
        group.baseMomentum = base[i];
      }
    requireBounds("maxMomentum", this.optimizer);
  }

  protected override get torchNames(): TorchNames {
    return { phases: "_schedule_phases", annealStrategy: "_anneal_func_type" };
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), use_beta1: this.optimizer.paramGroups.every(({ betas }) => betas) };
  }

  protected rates(): number[] {
    const step = this.lastEpoch;
    if (step > this.totalSteps)
      throw new ArgumentError(
        `OneCycleLR: step ${step + 1} of a cycle of ${this.totalSteps}; make the cycle as long as the training`,
      );
    const found = this.phases.findIndex((phase) => step <= phase.end_step);
    const i = found === -1 ? this.phases.length - 1 : found;
    const start = i === 0 ? 0 : this.phases[i - 1].end_step;
    const phase = this.phases[i];
    const share = (step - start) / (phase.end_step - start);
    const anneal = (from: number, to: number): number =>
      this.annealStrategy === "linear"
        ? (to - from) * share + from
        : to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1);
    return this.optimizer.paramGroups.map((group) => {
      const bound = (name: Rate | Momentum): number => group[BOUNDS[name]]!;
      if (this.cycleMomentum) setMomentum(group, anneal(bound(phase.start_momentum), bound(phase.end_momentum)));
      return anneal(bound(phase.start_lr), bound(phase.end_lr));
    });
  }
}

function totalSteps({ totalSteps, epochs, stepsPerEpoch }: OneCycleOptions): number {
  const total = totalSteps ?? (epochs ?? Number.NaN) * (stepsPerEpoch ?? Number.NaN);
  if (!(Number.isInteger(total) && total > 0))
    throw new ArgumentError("OneCycleLR: give totalSteps, or epochs and stepsPerEpoch, as positive integers");
  return total;
}

function phases(total: number, pctStart: number, threePhase: boolean): Phase[] {
  const phase = (end_step: number, lr: readonly [Rate, Rate], momentum: readonly [Momentum, Momentum]): Phase => ({
    end_step,
    start_lr: lr[0],
    end_lr: lr[1],
    start_momentum: momentum[0],
    end_momentum: momentum[1],
  });
  const rise = phase(pctStart * total - 1, ["initial_lr", "max_lr"], ["max_momentum", "base_momentum"]);
  if (!threePhase) return [rise, phase(total - 1, ["max_lr", "min_lr"], ["base_momentum", "max_momentum"])];
  return [
    rise,
    phase(2 * pctStart * total - 2, ["max_lr", "initial_lr"], ["base_momentum", "max_momentum"]),
    phase(total - 1, ["initial_lr", "min_lr"], ["max_momentum", "max_momentum"]),
  ];
}

export interface CyclicOptions extends SchedulerOptions {
  /** Rates at the bottom and at the top; one, or one a group. */
  readonly baseLr: number | readonly number[];
  readonly maxLr: number | readonly number[];
  /** Steps up. Default 2000. */
  readonly stepSizeUp?: number;
  /** Steps down. Default: as many. */
  readonly stepSizeDown?: number | null;
  /** Whether the height halves every cycle, or falls as gamma ** step. Default "triangular": it stays. */
  readonly mode?: "triangular" | "triangular2" | "exp_range";
  readonly gamma?: number;
  /** The height by cycle or by step, in place of `mode`. */
  readonly scaleFn?: ((x: number) => number) | null;
  readonly scaleMode?: "cycle" | "iterations";
  readonly cycleMomentum?: boolean;
  readonly baseMomentum?: number | readonly number[];
  readonly maxMomentum?: number | readonly number[];
}

/** Up and down between two rates, for ever; a step a batch. */
export class CyclicLR extends LRScheduler {
  maxLrs: number[];
  totalSize: number;
  stepRatio: number;
  mode: "triangular" | "triangular2" | "exp_range";
  gamma: number;
  scaleMode: "cycle" | "iterations";
  cycleMomentum: boolean;
  baseMomentums: number[];
  maxMomentums: number[];
  readonly #scaleFn: ((x: number) => number) | null;

  constructor(optimizer: Scheduled, options: CyclicOptions) {
    const { stepSizeUp = 2000, mode = "triangular", gamma = 1, lastEpoch = -1 } = options;
    const baseLrs = perGroup("CyclicLR", "baseLr", options.baseLr, optimizer);
    if (lastEpoch === -1)
      for (const [i, group] of optimizer.paramGroups.entries()) {
        group.lr = baseLrs[i];
        group.initialLr = baseLrs[i];
      }
    super(optimizer, options);
    this.baseLrs = baseLrs;
    this.maxLrs = perGroup("CyclicLR", "maxLr", options.maxLr, optimizer);
    this.totalSize = stepSizeUp + (options.stepSizeDown ?? stepSizeUp);
    this.stepRatio = stepSizeUp / this.totalSize;
    this.mode = mode;
    this.gamma = gamma;
    this.#scaleFn = options.scaleFn ?? null;
    this.scaleMode = options.scaleFn ? (options.scaleMode ?? "cycle") : mode === "exp_range" ? "iterations" : "cycle";
    this.cycleMomentum = options.cycleMomentum ?? true;
    this.baseMomentums = perGroup("CyclicLR", "baseMomentum", options.baseMomentum ?? 0.8, optimizer);
    this.maxMomentums = perGroup("CyclicLR", "maxMomentum", options.maxMomentum ?? 0.9, optimizer);
    if (this.cycleMomentum) checkMomentum("CyclicLR", optimizer);
    this.step();
  }

  #scale(x: number): number {
    if (this.#scaleFn) return this.#scaleFn(x);
    if (this.mode === "triangular") return 1;
    return this.mode === "triangular2" ? 1 / 2 ** (x - 1) : this.gamma ** x;
  }

  /** With an empty place for `scaleFn`, as torch has it for plain functions. */
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), _scale_fn_custom: null };
  }

  protected rates(): number[] {
    const cycle = Math.floor(1 + this.lastEpoch / this.totalSize);
    const x = 1 + this.lastEpoch / this.totalSize - cycle;
    const share = x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1);
    const height = share * this.#scale(this.scaleMode === "cycle" ? cycle : this.lastEpoch);
    if (this.cycleMomentum)
      for (const [i, group] of this.optimizer.paramGroups.entries())
        setMomentum(group, this.maxMomentums[i] - (this.maxMomentums[i] - this.baseMomentums[i]) * height);
    return this.baseLrs.map((lr, i) => lr + (this.maxLrs[i] - lr) * height);
  }
}
