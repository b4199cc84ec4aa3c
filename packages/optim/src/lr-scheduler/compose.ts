/** Schedulers made of schedulers. */

import { ArgumentError } from "@kindling/core";
import type { LRScheduler, Scheduled } from "./scheduler.js";
import { assignState, entryOf, type SavedSchedulerState, type SchedulerState } from "./state.js";

function sameOptimizer(owner: string, schedulers: readonly LRScheduler[]): Scheduled {
  const [first] = schedulers;
  if (!first) throw new ArgumentError(`${owner}: no schedulers were given`);
  if (schedulers.some((s) => s.optimizer !== first.optimizer))
    throw new ArgumentError(`${owner}: the schedulers belong to different optimizers`);
  return first.optimizer;
}

/** One scheduler after the other: number i until milestone i, counted in steps. */
export class SequentialLR {
  readonly optimizer: Scheduled;
  readonly schedulers: readonly LRScheduler[];
  milestones: number[];
  lastEpoch = 0;
  #current: LRScheduler;

  constructor(
    optimizer: Scheduled,
    { schedulers, milestones }: { schedulers: readonly LRScheduler[]; milestones: readonly number[] },
  ) {
    if (sameOptimizer("SequentialLR", schedulers) !== optimizer)
      throw new ArgumentError("SequentialLR: the schedulers belong to another optimizer");
    if (milestones.length !== schedulers.length - 1)
      throw new ArgumentError(
        `SequentialLR: ${schedulers.length} schedulers take ${schedulers.length - 1} milestones; given: ${milestones.length}`,
      );
    this.optimizer = optimizer;
    this.schedulers = schedulers;
    this.milestones = [...milestones];
    // Making the schedulers has stepped each of them: go back to the beginning, and step the first alone.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr;
    for (const scheduler of schedulers) scheduler.rewind();
    this.#current = schedulers[0];
    this.#current.step();
  }

  step(): void {
    this.lastEpoch++;
    const i = this.milestones.filter((m) => m <= this.lastEpoch).length;
    this.#current = this.schedulers[i];
    if (i > 0 && this.milestones[i - 1] === this.lastEpoch) this.#current.restart();
    else this.#current.step();
  }

  getLastLr(): number[] {
    return this.#current.getLastLr();
  }

  /** What torch's scheduler of this name has in its state dict. */
  stateDict(): SchedulerState {
    return {
      _milestones: [...this.milestones],
      last_epoch: this.lastEpoch,
      _last_lr: this.getLastLr(),
      _schedulers: this.schedulers.map((s) => s.stateDict()),
    };
  }

  /** Goes on where `stateDict()` was called, here or in torch. */
  loadStateDict(state: SavedSchedulerState): void {
    const { milestones, lastEpoch } = this;
    const own = { milestones, lastEpoch };
    assignState(own, state, { milestones: "_milestones" });
    loadAll(this.schedulers, state);
    Object.assign(this, own);
    this.#current = this.schedulers[this.milestones.filter((m) => m <= this.lastEpoch).length];
  }
}

/** All schedulers at every step, each on what the one before has set. */
export class ChainedScheduler {
  readonly optimizer: Scheduled;
  readonly schedulers: readonly LRScheduler[];

  constructor(schedulers: readonly LRScheduler[]) {
    this.optimizer = sameOptimizer("ChainedScheduler", schedulers);
    this.schedulers = schedulers;
  }

  step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
  }

  getLastLr(): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  /** What torch's scheduler of this name has in its state dict. */
  stateDict(): SchedulerState {
    return { _last_lr: this.getLastLr(), _schedulers: this.schedulers.map((s) => s.stateDict()) };
  }

  /** Goes on where `stateDict()` was called, here or in torch. */
  loadStateDict(state: SavedSchedulerState): void {
    loadAll(this.schedulers, state);
  }
}

function loadAll(schedulers: readonly LRScheduler[], state: SavedSchedulerState): void {
  const states = entryOf(state, "_schedulers");
  const count = Array.isArray(states) ? states.length : 0;
  if (!Array.isArray(states) || count !== schedulers.length)
    throw new ArgumentError(`scheduler state of ${count} schedulers; there are ${schedulers.length}`);
  for (const [i, scheduler] of schedulers.entries()) scheduler.loadStateDict(states[i] as SavedSchedulerState);
}
