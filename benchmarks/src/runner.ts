// Times one workload on our device: warm-up apart, then the median of some runs, with what the core counted meanwhile.

import { setImmediate } from "node:timers/promises";
import { memory, resetPeak, resetStats, stats } from "@kindling/core";
import type { Measurement, Run, SelfTimed, Workload } from "./workload.js";

/** Enough runs for plans to be cached and for the engine to move hot kernels to its optimising tier. */
const warmUpRuns = 5;
const warmUpMs = 500;

async function warmUp(run: Run): Promise<void> {
  const start = performance.now();
  for (let runs = 0; runs < warmUpRuns || performance.now() - start < warmUpMs; runs++) await run();
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
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

export async function measure({ task, flops, bytes, prepare, check }: Workload, runs: number): Promise<Measurement> {
  await collect();
  const work = await prepare();
  if (typeof work === "function") await warmUp(work);
  resetStats();
  resetPeak();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) times.push(await time(work));
  const ms = median(times);
  return {
    name: task.name,
    ms,
    check: await check?.(),
    gflops: flops && flops / ms / 1e6,
    gigabytes: bytes && bytes / ms / 1e6,
    kernels: stats().dispatches / runs,
    peakBytes: memory().peak,
  };
}
