/** Eval-mode gradients of many models: the `grads/` fixtures. */

import { join } from "node:path";
import { tensor } from "@kindling/core";
import { functional as F } from "@kindling/nn";
import { models } from "@kindling/vision";
import { Worst } from "./encoded.js";
import { fixtureNames, readJson } from "./fixtures.js";
import { checkGradients, type GradientEntry } from "./gradients.js";
import { buildInputs, buildModel, disposeModel, type ModelFixture } from "./model.js";
import { NotBuilt, type Tally } from "./report.js";
import { FIRST_LOSS } from "./tolerances.js";

interface GradsFixture extends ModelFixture {
  loss: number;
  grads: GradientEntry[];
}

/** Runs every fixture of `grads/`. */
export async function runGrads(directory: string, tally: Tally): Promise<void> {
  for (const name of fixtureNames(join(directory, "grads"))) {
    await tally.run(`grads/${name}`, () => checkEvalGradients(readJson(join(directory, "grads", `${name}.json`))));
  }
}

async function checkEvalGradients(fixture: GradsFixture): Promise<string> {
  const { group = "classification" } = fixture;
  if (group !== "classification" && group !== "video") throw new NotBuilt(`${group} models are not built yet`);
  const model = await buildModel(fixture);
  const worst = new Worst();
  try {
    model.eval();
    const [input] = buildInputs(fixture);
    const ofInput = fixture.grads.find(([name]) => name === "<input>");
    input.requiresGrad = typeof ofInput?.[1] === "number";
    const [logits] = models.outputsOf(model.call(input));
    const [batch, classes] = logits.shape;
    const labels = Int32Array.from({ length: batch }, (_, i) => (37 * i + 5) % classes);
    const loss = F.crossEntropy(logits, tensor(labels));
    loss.backward();
    const parameters = new Map(model.namedParameters());
    worst.near("loss", await loss.item(), fixture.loss, FIRST_LOSS);
    const gradientOf = (name: string) => (name === "<input>" ? input : parameters.get(name))?.grad ?? null;
    await checkGradients(fixture.grads, gradientOf, "eval", worst);
  } finally {
    disposeModel(model);
  }
  return worst.toString();
}
