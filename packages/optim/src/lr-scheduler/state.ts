/**
 * Scheduler state in torch's shape: the attributes of torch's scheduler of the same name, so that a run that was saved
 * here goes on there, and the other way round.
 */

import { ArgumentError, Tensor } from "@kindling/core";
import { toSnake } from "../state-dict.js";

/** What a scheduler remembers, under torch's names. */
export type SchedulerState = Record<string, unknown>;

/** A state as it was made here, or read from a file. */
export type SavedSchedulerState = SchedulerState | ReadonlyMap<unknown, unknown>;

/** torch's names of fields, where they are not ours in snake case. */
export type TorchNames = Readonly<Record<string, string>>;

const NAMES: TorchNames = { lastLr: "_last_lr", stepCount: "_step_count" };

/** Fields that are saved: all but the optimizer and functions. */
const fieldsOf = (scheduler: object): [field: string, value: unknown][] =>
  Object.entries(scheduler).filter(([field, value]) => field !== "optimizer" && typeof value !== "function");

/** The fields of a scheduler, copied, under torch's names. */
export function stateOf(scheduler: object, names: TorchNames): SchedulerState {
  const all = { ...NAMES, ...names };
  return Object.fromEntries(
    fieldsOf(scheduler).map(([field, value]) => [all[field] ?? toSnake(field), structuredClone(value)]),
  );
}

/** Gives a scheduler's fields the values that a state has for them; what else it has is of no use here. */
export function assignState(scheduler: object, state: SavedSchedulerState, names: TorchNames): void {
  const all = { ...NAMES, ...names };
  for (const [field, present] of fieldsOf(scheduler)) {
    const name = all[field] ?? toSnake(field);
    const value = plain(entryOf(state, name));
    if (value === undefined) continue;
    if (!isAlike(value, present))
      throw new ArgumentError(
        `${scheduler.constructor.name}: ${name} in the state dict is ${describe(value)}, expected ${describe(present)}; ` +
          "give what stateDict() of a scheduler of this kind and as many parameter groups returned",
      );
    (scheduler as Record<string, unknown>)[field] = value;
  }
}

export const entryOf = (state: SavedSchedulerState, name: string): unknown =>
  state instanceof Map ? state.get(name) : Object.hasOwn(state, name) ? (state as SchedulerState)[name] : undefined;

/** A copy without what files have and fields have not: dicts of names, tuples, numbers in tensors. */
function plain(value: unknown): unknown {
  if (value instanceof Tensor) return plain(value.hostData()?.[0]);
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return Array.from(value, plain);
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]): [unknown, unknown] => [key, plain(item)]);
    return entries.every(([key]) => typeof key === "string") ? Object.fromEntries(entries) : new Map(entries);
  }
  return structuredClone(value);
}

/** Whether a value can take the place of another: same type; lists have as many items, if there were any. */
function isAlike(value: unknown, present: unknown): boolean {
  if (Array.isArray(present)) return Array.isArray(value) && (present.length === 0 || value.length === present.length);
  return typeof value === typeof present && (value === null) === (present === null) && !Array.isArray(value);
}

const describe = (value: unknown): string =>
  Array.isArray(value) ? `a list of ${value.length}` : typeof value === "number" ? "a number" : `a ${typeof value}`;
