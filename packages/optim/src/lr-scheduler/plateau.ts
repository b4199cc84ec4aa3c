/** Lowering the rate when a metric has stopped improving. */

import { ArgumentError } from "@kindling/core";
import { perGroup, type Scheduled } from "./scheduler.js";
import { assignState, type SavedSchedulerState, type SchedulerState, stateOf } from "./state.js";

export interface PlateauOptions {
  /** Whether the metric should fall or rise. Default "min". */
  readonly mode?: "min" | "max";
  /** What the rate is multiplied by. Default 0.1. */
  readonly factor?: number;
  /** Epochs without improvement that are tolerated. Default 10. */
  readonly patience?: number;
  /** How much better counts as better. Default 1e-4. */
  readonly threshold?: number;
  /** Whether the threshold is a share of the best value or an amount. Default "rel". */
  readonly thresholdMode?: "rel" | "abs";
  /** Epochs after a reduction in which nothing counts as bad. Default 0. */
  readonly cooldown?: number;
  /** The lowest rate; one, or one a group. Default 0. */
  readonly minLr?: number | readonly number[];
  /** Smaller reductions are left out. Default 1e-8. */
  readonly eps?: number;
}

/** Multiplies the rate by `factor` when the metric given to `step` has not improved for more than `patience` epochs. */
export class ReduceLROnPlateau {
  best: number;
  numBadEpochs = 0;
  cooldownCounter = 0;
  lastEpoch = 0;
  readonly mode: "min" | "max";
  readonly factor: number;
  readonly patience: number;
  readonly threshold: number;
  readonly thresholdMode: "rel" | "abs";
  readonly cooldown: number;
  readonly minLrs: readonly number[];
  readonly eps: number;

  constructor(
    readonly optimizer: Scheduled,
    options: PlateauOptions = {},
  ) {
    const { mode = "min", factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = "rel" } = options;
    if (!(factor < 1)) throw new ArgumentError(`ReduceLROnPlateau: factor is ${factor}; it is below 1`);
    this.mode = mode;
    this.factor = factor;
    this.patience = patience;
    this.threshold = threshold;
    this.thresholdMode = thresholdMode;
    this.cooldown = options.cooldown ?? 0;
    this.minLrs = perGroup("ReduceLROnPlateau", "minLr", options.minLr ?? 0, optimizer);
    this.eps = options.eps ?? 1e-8;
    this.best = mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  /** Takes in the metric of an epoch. */
  step(metric: number): void {
    this.lastEpoch++;
    if (this.#isBetter(metric)) {
      this.best = metric;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs <= this.patience) return;
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      const lr = Math.max(group.lr * this.factor, this.minLrs[i]);
      if (group.lr - lr > this.eps) group.lr = lr;
    }
    this.cooldownCounter = this.cooldown;
    this.numBadEpochs = 0;
  }

  #isBetter(metric: number): boolean {
    const sign = this.mode === "min" ? -1 : 1;
    const mark =
      this.thresholdMode === "rel" ? this.best * (1 + sign * this.threshold) : this.best + sign * this.threshold;
    return this.mode === "min" ? metric < mark : metric > mark;
  }

  getLastLr(): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  /** What torch's `ReduceLROnPlateau` has in its state dict. */
  stateDict(): SchedulerState {
    const worse = this.mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    return { ...stateOf(this, {}), mode_worse: worse, verbose: false, _last_lr: this.getLastLr() };
  }

  /** Goes on where `stateDict()` was called, here or in torch. */
  loadStateDict(state: SavedSchedulerState): void {
    assignState(this, state, {});
  }
}
