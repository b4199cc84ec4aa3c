/** The parts of a fixture set by name. A part that a set lacks runs nothing. */

import { join } from "node:path";
import { hasFile, readJson, readSafetensors } from "./fixtures.js";
import { runGrads } from "./grads.js";
import { runModels } from "./models.js";
import { runOps } from "./ops.js";
import { runOptim } from "./optim.js";
import { runPth } from "./pth.js";
import type { Tally } from "./report.js";
import { runSample } from "./sample.js";
import { runSchedulers } from "./schedulers.js";
import { runTrain } from "./train.js";
import { runTransforms } from "./transforms.js";

type Part = (directory: string, tally: Tally) => Promise<void>;

export const PARTS: Readonly<Record<string, Part>> = {
  ops: async (directory, tally) => {
    const path = join(directory, "ops", "ops");
    if (hasFile(`${path}.json`)) await runOps(readJson(`${path}.json`), readSafetensors(`${path}.safetensors`), tally);
  },
  optim: async (directory, tally) => {
    const path = join(directory, "ops", "optim");
    if (hasFile(`${path}.json`))
      await runOptim(readJson(`${path}.json`), readSafetensors(`${path}.safetensors`), tally);
  },
  schedulers: async (directory, tally) => {
    const path = join(directory, "ops", "schedulers.json");
    if (hasFile(path)) await runSchedulers(readJson(path), tally);
  },
  transforms: async (directory, tally) => {
    const present = hasFile(join(directory, "ops", "transforms.json"));
    if (present) await runTransforms(directory, tally.reporter("transforms"));
  },
  pth: async (directory, tally) => {
    const present = hasFile(join(directory, "pth", "expected.json"));
    if (present) await runPth(directory, tally.reporter("pth"));
  },
  models: runModels,
  grads: runGrads,
  train: runTrain,
  sample: runSample,
};

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
