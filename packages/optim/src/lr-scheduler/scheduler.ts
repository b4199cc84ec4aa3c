/**
 * Learning-rate schedulers, as torch.optim.lr_scheduler. A scheduler sets the groups' `lr` when it is made, and again on
 * every `step()`, which is called after the optimizer's. Most are chainable: they multiply the rate that they find, so
 * several may act on one optimizer.
 */

import { ArgumentError } from "@kindling/core";
import type { BaseOptions, ParamGroup } from "../optimizer.js";
import { assignState, type SavedSchedulerState, type SchedulerState, stateOf, type TorchNames } from "./state.js";

/** A parameter group as schedulers see it: some also turn momentum. */
export type ScheduledGroup = ParamGroup<BaseOptions & { momentum?: number; betas?: readonly [number, number] }> &
  Partial<CycleBounds>;

/** Bounds that OneCycleLR keeps in the groups, where torch's looks for them. */
export interface CycleBounds {
  maxLr: number;
  minLr: number;
  maxMomentum: number;
  baseMomentum: number;
}

/** What schedulers need of an optimizer. */
export interface Scheduled {
  readonly paramGroups: ScheduledGroup[];
}

export interface SchedulerOptions {
  /** The last epoch of the run that is resumed. Default −1: from the start. */
  readonly lastEpoch?: number;
}

export abstract class LRScheduler {
  /** Steps taken. */
  lastEpoch: number;
  /** The groups' rates before any scheduler. */
  baseLrs: number[];
  protected lastLr: number[] = [];
  /** How often a rate was set; torch counts it. */
  protected stepCount = 0;

  constructor(
    readonly optimizer: Scheduled,
    { lastEpoch = -1 }: SchedulerOptions = {},
  ) {
    this.lastEpoch = lastEpoch;
    for (const [i, group] of optimizer.paramGroups.entries()) {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      else if (group.initialLr === undefined)
        throw new ArgumentError(
          `${this.constructor.name}: lastEpoch ${lastEpoch} resumes a run, but group ${i} has no initialLr; load the optimizer's state dict first`,
        );
    }
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr!);
  }

  /** The rates of epoch `lastEpoch`, given the groups' present ones. */
  protected abstract rates(): number[];

  /** The rates of epoch `lastEpoch` in closed form; what a sequence starts a scheduler with. */
  protected closedForm(): number[] {
    return this.rates();
  }

  /** Moves on by one epoch, and sets the groups' rates. */
  step(): void {
    this.lastEpoch++;
    this.stepCount++;
    this.assign(this.rates());
  }

  /** Starts at epoch 0 again. */
  restart(): void {
    this.lastEpoch = 0;
    this.stepCount++;
    this.assign(this.closedForm());
  }

  /** Undoes the step that the constructor took. */
  rewind(): void {
    this.lastEpoch--;
  }

  protected assign(rates: readonly number[]): void {
    for (const [i, group] of this.optimizer.paramGroups.entries()) group.lr = rates[i];
    this.lastLr = [...rates];
  }

  /** The rates set last, one a group. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** torch's names of fields, where they are not ours in snake case. */
  protected get torchNames(): TorchNames {
    return {};
  }

  /** What torch's scheduler of this name has in its state dict, but for functions: they are given anew when it is made. */
  stateDict(): SchedulerState {
    return { ...stateOf(this, this.torchNames), verbose: false, _get_lr_called_within_step: false };
  }

  /**
   * Goes on where `stateDict()` was called, here or in torch. Load the optimizer's state dict as well: it has the rates.
   * @throws ArgumentError when the state is of another kind of scheduler, or of another number of groups
   */
  loadStateDict(state: SavedSchedulerState): void {
    assignState(this, state, this.torchNames);
  }
}

/** One value a group: a list as it is, a single value for each. */
export function perGroup<T>(owner: string, name: string, value: T | readonly T[], optimizer: Scheduled): T[] {
  const groups = optimizer.paramGroups.length;
  if (!Array.isArray(value)) return new Array<T>(groups).fill(value as T);
  if (value.length !== groups)
    throw new ArgumentError(`${owner}: ${value.length} values of ${name} for ${groups} parameter groups`);
  return [...value];
}
