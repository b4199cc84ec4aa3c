/** Learning-rate schedules: the rates of 20 steps, against `ops/schedulers.json`. */

import { zeros } from "@kindling/core";
import { lrScheduler, SGD } from "@kindling/optim";
import { Worst } from "./encoded.js";
import { camelCaseKeys } from "./naming.js";
import { Mismatch, NotBuilt, type Tally } from "./report.js";
import { SCHEDULER } from "./tolerances.js";

interface SchedulerCase {
  scheduler: string;
  args: Record<string, unknown>;
  /** One rate for each parameter group. */
  base_lr: number[];
  lr: number[][];
  momentum?: number[];
  metrics?: number[];
}

interface Scheduler {
  step(metric?: number): void;
}
type SchedulerClass = new (optimizer: SGD, options: Record<string, unknown>) => Scheduler;

/** `ops/schedulers.json`. */
export interface SchedulersFixture {
  cases: SchedulerCase[];
}

/** Runs every case. */
export async function runSchedulers({ cases }: SchedulersFixture, tally: Tally): Promise<void> {
  for (const [i, item] of cases.entries()) {
    await tally.run(`schedulers/${item.scheduler}.${i}`, async () => checkSchedule(item));
  }
}

function checkSchedule({ scheduler: name, args, base_lr, lr, momentum, metrics }: SchedulerCase): undefined {
  const groups = base_lr.map((rate) => ({ params: [zeros([1], { requiresGrad: true })], lr: rate }));
  const optimizer = new SGD(groups, { lr: base_lr[0], momentum: 0.9 });
  const scheduler = build(optimizer, name, args);
  const worst = new Worst();
  for (const [step, want] of lr.entries()) {
    const got = optimizer.paramGroups.map((group) => group.lr);
    if (got.length !== want.length) throw new Mismatch(`got ${got.length} parameter groups, want ${want.length}`);
    want.forEach((rate, group) => {
      const what = `rate of group ${group} at step ${step}`;
      worst.near(what, got[group], rate, SCHEDULER * Math.abs(rate));
    });
    if (momentum) {
      const used = optimizer.paramGroups[0].momentum;
      worst.near(`momentum at step ${step}`, used as number, momentum[step], SCHEDULER * momentum[step]);
    }
    scheduler.step(metrics?.[step]);
  }
}

/** A scheduler by torch's name; those that hold others have `[name, args]` pairs in the fixture. */
function build(optimizer: SGD, name: string, args: Record<string, unknown>): Scheduler {
  const Class = (lrScheduler as unknown as Record<string, SchedulerClass | undefined>)[name];
  if (!Class) throw new NotBuilt(`the scheduler ${name} is not built yet`);
  const { schedulers, ...options } = args as { schedulers?: [string, Record<string, unknown>][] };
  if (!schedulers) return new Class(optimizer, camelCaseKeys(options));
  const inner = schedulers.map(([innerName, innerArgs]) => build(optimizer, innerName, innerArgs));
  if (name === "ChainedScheduler") return new lrScheduler.ChainedScheduler(inner as never);
  return new Class(optimizer, { ...camelCaseKeys(options), schedulers: inner });
}
