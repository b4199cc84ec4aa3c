/** Schedulers that also turn momentum: the one-cycle policy and cyclical rates (Smith 2015, 2017). */

import { ArgumentError } from "@kindling/core";
import { LRScheduler, perGroup, type Scheduled, type ScheduledGroup, type SchedulerOptions } from "./scheduler.js";

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

interface Phase {
  readonly end: number;
  readonly lr: readonly ["initial" | "max" | "min", "initial" | "max" | "min"];
  readonly momentum: readonly ["base" | "max", "base" | "max"];
}

/** Up to `maxLr` and down to almost nothing, once; a step a batch. */
export class OneCycleLR extends LRScheduler {
  totalSteps: number;
  phases: Phase[];
  annealStrategy: "cos" | "linear";
  cycleMomentum: boolean;
  /** One a group. */
  lrs: { initial: number; max: number; min: number }[];
  momenta: { base: number; max: number }[];

  constructor(optimizer: Scheduled, options: OneCycleOptions) {
    const { pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4, lastEpoch = -1 } = options;
    const lrs = perGroup("OneCycleLR", "maxLr", options.maxLr, optimizer).map((max) => {
      const initial = max / divFactor;
      return { initial, max, min: initial / finalDivFactor };
    });
    if (lastEpoch === -1) for (const [i, group] of optimizer.paramGroups.entries()) group.initialLr = lrs[i].initial;
    super(optimizer, options);
    this.lrs = lrs;
    this.totalSteps = totalSteps(options);
    if (!(pctStart >= 0 && pctStart <= 1))
      throw new ArgumentError(`OneCycleLR: pctStart is ${pctStart}; it lies between 0 and 1`);
    this.phases = phases(this.totalSteps, pctStart, options.threePhase ?? false);
    this.annealStrategy = options.annealStrategy ?? "cos";
    this.cycleMomentum = options.cycleMomentum ?? true;
    const base = perGroup("OneCycleLR", "baseMomentum", options.baseMomentum ?? 0.85, optimizer);
    const max = perGroup("OneCycleLR", "maxMomentum", options.maxMomentum ?? 0.95, optimizer);
    this.momenta = base.map((b, i) => ({ base: b, max: max[i] }));
    if (this.cycleMomentum) checkMomentum("OneCycleLR", optimizer);
    this.step();
  }

  protected rates(): number[] {
    const step = this.lastEpoch;
    if (step > this.totalSteps)
      throw new ArgumentError(
        `OneCycleLR: step ${step + 1} of a cycle of ${this.totalSteps}; make the cycle as long as the training`,
      );
    const found = this.phases.findIndex(({ end }) => step <= end);
    const i = found === -1 ? this.phases.length - 1 : found;
    const start = i === 0 ? 0 : this.phases[i - 1].end;
    const { end, lr, momentum } = this.phases[i];
    const share = (step - start) / (end - start);
    const anneal = (from: number, to: number): number =>
      this.annealStrategy === "linear"
        ? (to - from) * share + from
        : to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1);
    if (this.cycleMomentum)
      for (const [g, group] of this.optimizer.paramGroups.entries())
        setMomentum(group, anneal(this.momenta[g][momentum[0]], this.momenta[g][momentum[1]]));
    return this.lrs.map((rates) => anneal(rates[lr[0]], rates[lr[1]]));
  }
}

function totalSteps({ totalSteps, epochs, stepsPerEpoch }: OneCycleOptions): number {
  const total = totalSteps ?? (epochs ?? Number.NaN) * (stepsPerEpoch ?? Number.NaN);
  if (!(Number.isInteger(total) && total > 0))
    throw new ArgumentError("OneCycleLR: give totalSteps, or epochs and stepsPerEpoch, as positive integers");
  return total;
}

function phases(total: number, pctStart: number, threePhase: boolean): Phase[] {
  const rise: Phase = { end: pctStart * total - 1, lr: ["initial", "max"], momentum: ["max", "base"] };
  if (!threePhase) return [rise, { end: total - 1, lr: ["max", "min"], momentum: ["base", "max"] }];
  return [
    rise,
    { end: 2 * pctStart * total - 2, lr: ["max", "initial"], momentum: ["base", "max"] },
    { end: total - 1, lr: ["initial", "min"], momentum: ["max", "max"] },
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
  scaleMode: "cycle" | "iterations";
  cycleMomentum: boolean;
  baseMomentums: number[];
  maxMomentums: number[];
  readonly #scale: (x: number) => number;

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
    const heights = {
      triangular: () => 1,
      triangular2: (cycle: number) => 1 / 2 ** (cycle - 1),
      exp_range: (step: number) => gamma ** step,
    };
    this.#scale = options.scaleFn ?? heights[mode];
    this.scaleMode = options.scaleFn ? (options.scaleMode ?? "cycle") : mode === "exp_range" ? "iterations" : "cycle";
    this.cycleMomentum = options.cycleMomentum ?? true;
    this.baseMomentums = perGroup("CyclicLR", "baseMomentum", options.baseMomentum ?? 0.8, optimizer);
    this.maxMomentums = perGroup("CyclicLR", "maxMomentum", options.maxMomentum ?? 0.9, optimizer);
    if (this.cycleMomentum) checkMomentum("CyclicLR", optimizer);
    this.step();
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
