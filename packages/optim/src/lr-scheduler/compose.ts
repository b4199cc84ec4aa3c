/** Schedulers made of schedulers. */

import { ArgumentError } from "@kindling/core";
import type { LRScheduler, Scheduled, SchedulerState } from "./scheduler.js";

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
  readonly milestones: readonly number[];
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
    this.milestones = milestones;
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

  stateDict(): SchedulerState {
    return { lastEpoch: this.lastEpoch, schedulers: this.schedulers.map((s) => s.stateDict()) };
  }

  loadStateDict(state: SchedulerState): void {
    this.lastEpoch = state.lastEpoch as number;
    loadAll(this.schedulers, state);
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

  stateDict(): SchedulerState {
    return { schedulers: this.schedulers.map((s) => s.stateDict()) };
  }

  loadStateDict(state: SchedulerState): void {
    loadAll(this.schedulers, state);
  }
}

function loadAll(schedulers: readonly LRScheduler[], state: SchedulerState): void {
  const states = state.schedulers as SchedulerState[];
  if (states?.length !== schedulers.length)
    throw new ArgumentError(`scheduler state of ${states?.length ?? 0} schedulers; there are ${schedulers.length}`);
  for (const [i, scheduler] of schedulers.entries()) scheduler.loadStateDict(states[i]);
}
