// What a process that trains ResNet-18 has and takes: memory, garbage, fresh pages, and what it does when there is nothing
// to do.

import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { init, memory, resetPeak } from "@kindling/core";
import { models } from "@kindling/vision";
import { median } from "../median.js";
import { trainingStep } from "../workloads/training.js";
import type { Figure } from "./figure.js";

/** Before these, V8 still moves code to its optimising tier, and pools still grow. */
const WARM_UP = 10;
const STEPS = 20;
const IDLE_MS = 1000;

await init({ device: "cpu", threads: Number(process.argv[2]) });
const rssBefore = process.memoryUsage.rss();
resetPeak();
const run = trainingStep(models.resnet18(), [8, 3, 224, 224]);
for (let i = 0; i < WARM_UP; i++) await run();

const pauses: number[] = [];
const observer = new PerformanceObserver((list) => pauses.push(...list.getEntries().map(({ duration }) => duration)));
globalThis.gc?.();
await setTimeout(10); // The collection above is not to be counted.
observer.observe({ entryTypes: ["gc"] });

const allocated: number[] = [];
const faultsBefore = process.resourceUsage().minorPageFault;
const start = performance.now();
for (let i = 0; i < STEPS; i++) {
  const before = process.memoryUsage().heapUsed;
  await run();
  allocated.push(process.memoryUsage().heapUsed - before);
}
const ms = performance.now() - start;
const faults = process.resourceUsage().minorPageFault - faultsBefore;
await setTimeout(10); // Observers are told in a later turn.
observer.disconnect();
const { peak } = memory();

const cpuBefore = process.cpuUsage();
await setTimeout(IDLE_MS);
const { user, system } = process.cpuUsage(cpuBefore);

const figures: Figure[] = [
  { name: "training: peak of tensors and workspaces", unit: "MB", value: peak / 1e6 },
  {
    name: "training: peak of the process, over a started device",
    unit: "MB",
    value: (1024 * process.resourceUsage().maxRSS - rssBefore) / 1e6,
  },
  // The median: a step in which garbage was collected ends with less than it began with.
  { name: "training: allocated on the JS heap by a step", unit: "kB", value: median(allocated) / 1e3 },
  { name: `training: collections in ${STEPS} steps`, unit: "", value: pauses.length },
  { name: "training: longest collection", unit: "ms", value: Math.max(0, ...pauses) },
  { name: "training: share of time in collections", unit: "%", value: (100 * pauses.reduce((a, b) => a + b, 0)) / ms },
  { name: "training: pages first touched by a step", unit: "", value: faults / STEPS },
  { name: "idle: CPU time in a second", unit: "ms", value: (user + system) / 1e3 },
];
console.log(JSON.stringify(figures));
process.exit();
