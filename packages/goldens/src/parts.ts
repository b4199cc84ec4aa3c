/** The parts of a fixture set by name. A part that a set lacks runs nothing. */

import { join } from "node:path";
import { hasFile } from "./fixtures.js";
import { runGrads } from "./grads.js";
import { runModels } from "./models.js";
import { runOps } from "./ops.js";
import { runOptim } from "./optim.js";
import type { Report, Tally } from "./report.js";
import { runSample } from "./sample.js";
import { runSchedulers } from "./schedulers.js";
import { runTrain } from "./train.js";

type Part = (directory: string, tally: Tally) => Promise<void>;

export const PARTS: Readonly<Record<string, Part>> = {
  ops: runOps,
  optim: runOptim,
  schedulers: runSchedulers,
  transforms: async (directory, tally) => {
    if (hasFile(join(directory, "ops", "transforms.json"))) await external("transforms", directory, tally);
  },
  pth: async (directory, tally) => {
    if (hasFile(join(directory, "pth", "expected.json"))) await external("pth", directory, tally);
  },
  models: runModels,
  grads: runGrads,
  train: runTrain,
  sample: runSample,
};

/** A part that is written beside the package it tests. */
async function external(part: "pth" | "transforms", directory: string, tally: Tally): Promise<void> {
  const module = (await import(`./${part}.js`)) as Record<string, (directory: string, report: Report) => Promise<void>>;
  await module[part === "pth" ? "runPth" : "runTransforms"](directory, tally.reporter(part));
}

/** Runs parts in order; says how many cases each had. */
export async function runParts(directory: string, parts: readonly string[], tally: Tally): Promise<void> {
  for (const part of parts) {
    const { passed, failed, skipped } = tally;
    const start = performance.now();
    await PARTS[part](directory, tally);
    const [p, f, s] = [tally.passed - passed, tally.failed - failed, tally.skipped - skipped];
    if (p + f + s === 0) continue;
    tally.print(
      `${part}: ${p} passed, ${f} failed, ${s} skipped in ${((performance.now() - start) / 1000).toFixed(1)} s`,
    );
  }
}
