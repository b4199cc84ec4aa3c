// Times one workload on our device: warm-up apart, then the median of some runs, with what the core counted meanwhile.

import { setImmediate } from "node:timers/promises";
import { memory, resetPeak, resetStats, stats } from "@kindling/core";
import type { Answer } from "../peers/tasks.js";
import { median } from "./median.js";
import type { Run, SelfTimed, Workload } from "./workload.js";

/** Enough for plans to be cached and for the engine to move hot kernels to its optimising tier: so many runs, for so long;
 *  or fewer of long runs, in which each kernel is called often. */
const warmUpRuns = 5;
const warmUpMs = 500;
const longWarmUpRuns = 2;
const longWarmUpMs = 4000;

/** Short runs are repeated at least so long: seven of a millisecond say more of the machine's moment than of the work. */
const measureMs = 200;

/** Resolves to what the last run gave. */
async function warmUp(run: Run): Promise<unknown> {
  const start = performance.now();
  for (let runs = 1; ; runs++) {
    const result = await run();
    const ms = performance.now() - start;
    if ((runs >= warmUpRuns && ms >= warmUpMs) || (runs >= longWarmUpRuns && ms >= longWarmUpMs)) return result;
  }
}

/** Lets go of what earlier workloads held, so that the peak is this one's. Needs `node --expose-gc`. */
async function collect(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await setImmediate();
  }
}

async function time(work: Run | SelfTimed): Promise<number> {
  if (typeof work !== "function") return work.time();
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export async function measure({ prepare, check }: Workload, runs: number): Promise<Answer> {
  await collect();
  const work = await prepare();
  const result = typeof work === "function" ? await warmUp(work) : undefined;
  resetStats();
  resetPeak();
  const times: number[] = [];
  const start = performance.now();
  while (times.length < runs || performance.now() - start < measureMs) times.push(await time(work));
  const kernels = stats().dispatches / times.length;
  const peakBytes = memory().peak;
  const shapes = typeof result === "string" ? result : undefined;
  return { ms: median(times), check: check ? await check() : shapes, kernels, peakBytes };
}
