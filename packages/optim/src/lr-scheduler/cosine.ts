/** Cosine annealing (Loshchilov & Hutter 2017). */

import { ArgumentError } from "@kindling/core";
import { LRScheduler, type Scheduled, type SchedulerOptions } from "./scheduler.js";
import type { TorchNames } from "./state.js";

/** Half a cosine from the initial rate to `etaMin` in `tMax` epochs, and back. */
export class CosineAnnealingLR extends LRScheduler {
  tMax: number;
  etaMin: number;

  constructor(
    optimizer: Scheduled,
    { tMax, etaMin = 0, ...options }: SchedulerOptions & { tMax: number; etaMin?: number },
  ) {
    super(optimizer, options);
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.step();
  }

  protected override get torchNames(): TorchNames {
    return { tMax: "T_max" };
  }

  protected rates(): number[] {
    const { lastEpoch, tMax, etaMin, baseLrs } = this;
    const { paramGroups } = this.optimizer;
    if (lastEpoch === 0) return paramGroups.map(({ lr }) => lr);
    if (this.lastLr.length === 0) return this.closedForm();
    const height = (epoch: number): number => 1 + Math.cos((Math.PI * epoch) / tMax);
    // At the bottom the rate is etaMin, from which no factor leads up again.
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0)
      return paramGroups.map(({ lr }, i) => lr + ((baseLrs[i] - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2);
    const factor = height(lastEpoch) / height(lastEpoch - 1);
    return paramGroups.map(({ lr }) => factor * (lr - etaMin) + etaMin);
  }

  protected override closedForm(): number[] {
    const share = (1 + Math.cos((Math.PI * this.lastEpoch) / this.tMax)) / 2;
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * share);
  }
}

/** Half a cosine from the initial rate to `etaMin`, again and again: over `t0` epochs, then `tMult` times as many each time. */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  t0: number;
  tMult: number;
  etaMin: number;
  /** Length of the present period, and epochs since it began. */
  tI: number;
  tCur: number;

  constructor(
    optimizer: Scheduled,
    { t0, tMult = 1, etaMin = 0, ...options }: SchedulerOptions & { t0: number; tMult?: number; etaMin?: number },
  ) {
    super(optimizer, options);
    if (!(Number.isInteger(t0) && t0 > 0))
      throw new ArgumentError(`CosineAnnealingWarmRestarts: t0 is ${t0}; it is a positive integer`);
    if (!(Number.isInteger(tMult) && tMult >= 1))
      throw new ArgumentError(`CosineAnnealingWarmRestarts: tMult is ${tMult}; it is an integer of 1 or more`);
    this.t0 = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.tI = t0;
    this.tCur = this.lastEpoch;
    this.step();
  }

  /** Moves on by one epoch, or to any epoch, whole or not. */
  override step(epoch?: number): void {
    if (epoch === undefined && this.lastEpoch >= 0) {
      this.lastEpoch++;
      this.tCur++;
      if (this.tCur >= this.tI) {
        this.tCur -= this.tI;
        this.tI *= this.tMult;
      }
    } else this.#seek(epoch ?? 0);
    this.assign(this.rates());
  }

  override restart(): void {
    this.step(0);
  }

  override rewind(): void {
    super.rewind();
    this.tCur--;
  }

  protected override get torchNames(): TorchNames {
    return { t0: "T_0", tMult: "T_mult", tI: "T_i", tCur: "T_cur" };
  }

  #seek(epoch: number): void {
    if (epoch < 0) throw new ArgumentError(`CosineAnnealingWarmRestarts: epoch ${epoch} is negative`);
    const { t0, tMult } = this;
    let start = 0;
    this.tI = t0;
    if (tMult === 1) start = epoch - (epoch % t0);
    else
      while (epoch >= start + this.tI) {
        start += this.tI;
        this.tI *= tMult;
      }
    this.tCur = epoch - start;
    this.lastEpoch = Math.floor(epoch);
  }

  protected rates(): number[] {
    const share = (1 + Math.cos((Math.PI * this.tCur) / this.tI)) / 2;
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * share);
  }
}
