// The process that `pnpm bench:memory` measures: builds a model, loads a file of weights into it, and runs it once.

import { stat } from "node:fs/promises";
import { findStateDict, load } from "@kindling/checkpoint";
import { flush, init, noGrad, randn, synchronize } from "@kindling/core";
import { models } from "@kindling/vision";

/** What one load took. */
export interface LoadCost {
  model: string;
  device: string;
  fileBytes: number;
  /** Building the model: time, and what the process grew by. */
  buildMs: number;
  buildBytes: number;
  /** From the path to a model with the weights. */
  loadMs: number;
  /** The first pass, which moves the weights to the device and compiles. */
  firstPassMs: number;
  /** The most that the process had in memory while it loaded and ran, above what it had before. */
  peakBytes: number;
}

const [name, device, file] = process.argv.slice(2);
await init({ device: device as "cpu" | "webgpu" });

const start = performance.now();
const empty = process.memoryUsage.rss();
const model = models.getModel(name).eval();
const built = performance.now();
const before = process.memoryUsage.rss();

model.loadStateDict(findStateDict(await load(file)));
const loaded = performance.now();

noGrad(() => model.call(randn([1, 3, 224, 224])));
await flush();
await synchronize();
const done = performance.now();

const cost: LoadCost = {
  model: name,
  device,
  fileBytes: (await stat(file)).size,
  buildMs: built - start,
  buildBytes: before - empty,
  loadMs: loaded - built,
  firstPassMs: done - loaded,
  peakBytes: 1024 * process.resourceUsage().maxRSS - before,
};
console.log(JSON.stringify(cost));
process.exit();
