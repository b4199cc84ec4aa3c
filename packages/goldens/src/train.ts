/** SGD steps: losses, gradients, batch-norm statistics and parameters of the `train/` fixtures. */

import { join } from "node:path";
import { noGrad, type Tensor, tensor } from "@kindling/core";
import { functional as F, type Module } from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { models } from "@kindling/vision";
import { absmax, checkValues, decodeFloats, norm, Worst } from "./encoded.js";
import { sampledIndices } from "./fill.js";
import { fixtureNames, readJson } from "./fixtures.js";
import { checkFrozen, type FrozenFixture } from "./frozen.js";
import { checkGradients, type GradientEntry } from "./gradients.js";
import { buildInputs, buildModel, disableDropout, disposeModel, fillModel, type ModelFixture } from "./model.js";
import { Mismatch, type Tally } from "./report.js";
import { FIRST_LOSS, laterLoss, TRAINED_STATE } from "./tolerances.js";

interface TrainFixture extends ModelFixture {
  labels: number[];
  aux_weight: number | null;
  train: Run;
  eval?: Run;
}

interface Run {
  sgd: { lr: number; momentum: number; weight_decay: number };
  /** Before steps 1, 2 and 3, and after step 3. */
  losses: number[];
  loss_noise: number[];
  grads: GradientEntry[];
  param_norms_after_3_steps: [name: string, norm: number][];
  bn_after_step1?: ([name: string, norm: number, samples: string] | [name: string, count: number])[];
}

/** Runs every fixture of `train/`. */
export async function runTrain(directory: string, tally: Tally): Promise<void> {
  for (const name of fixtureNames(join(directory, "train"))) {
    await tally.run(`train/${name}`, async () => {
      const fixture = readJson<TrainFixture | FrozenFixture>(join(directory, "train", `${name}.json`));
      return "head" in fixture ? checkFrozen(fixture) : checkTraining(fixture);
    });
  }
}

async function checkTraining(fixture: TrainFixture): Promise<string> {
  const model = await buildModel(fixture);
  disableDropout(model);
  const worst = new Worst();
  try {
    await checkRun(model, fixture, "train", fixture.train, worst);
    if (fixture.eval) {
      fillModel(model, fixture);
      await checkRun(model, fixture, "eval", fixture.eval, worst);
    }
  } finally {
    disposeModel(model);
  }
  return worst.toString();
}

/** Three steps in one mode from the fill's weights. */
async function checkRun(
  model: models.Classifier,
  fixture: TrainFixture,
  mode: "train" | "eval",
  run: Run,
  worst: Worst,
): Promise<void> {
  model.train(mode === "train");
  const [input] = buildInputs(fixture);
  const labels = tensor(Int32Array.from(fixture.labels));
  const auxWeight = (mode === "train" && fixture.aux_weight) || 0;
  const optimizer = new SGD(model.parameters(), {
    lr: run.sgd.lr,
    momentum: run.sgd.momentum,
    weightDecay: run.sgd.weight_decay,
  });
  const parameters = new Map(model.namedParameters());
  const checkLoss = async (step: number, loss: Tensor): Promise<void> => {
    const tolerance = step === 0 ? FIRST_LOSS : laterLoss(run.loss_noise[step]);
    worst.near(`${mode}: loss ${step}`, await loss.item(), run.losses[step], tolerance);
  };

  for (let step = 0; step < 3; step++) {
    optimizer.zeroGrad();
    const loss = lossOf(model.call(input), labels, auxWeight);
    loss.backward();
    await optimizer.step();
    await checkLoss(step, loss);
    if (step > 0) continue;
    await checkGradients(run.grads, (name) => parameters.get(name)?.grad ?? null, mode, worst);
    await checkStatistics(model, run.bn_after_step1 ?? [], worst);
  }
  for (const [name, want] of run.param_norms_after_3_steps) {
    const got = norm((await parameters.get(name)!.data()) as Float32Array);
    const tolerance = laterLoss(run.loss_noise[3]);
    worst.check(
      `${mode}: norm of ${name} after 3 steps`,
      Math.abs(got - want) / want,
      tolerance,
      () => `got ${got}, want ${want}`,
    );
  }
  await checkLoss(
    3,
    noGrad(() => lossOf(model.call(input), labels, auxWeight)),
  );
}

/** Mean cross entropy of the logits, plus the weighted one of each auxiliary output. */
function lossOf(output: ReturnType<models.Classifier["forward"]>, labels: Tensor, auxWeight: number): Tensor {
  const losses = models.outputsOf(output).map((logits) => F.crossEntropy(logits, labels));
  return losses.slice(1).reduce((sum, loss) => sum.add(loss.mul(auxWeight)), losses[0]);
}

/** Running statistics and counts of batches after the first step. */
async function checkStatistics(
  model: Module,
  entries: NonNullable<Run["bn_after_step1"]>,
  worst: Worst,
): Promise<void> {
  const state = model.stateDict();
  for (const [name, want, samples] of entries) {
    const buffer = state.get(name);
    if (!buffer) throw new Mismatch(`${name}: the state dict has no such entry`);
    const values = Array.from(await buffer.data(), Number);
    if (samples === undefined) {
      worst.near(name, values[0], want, 0);
      continue;
    }
    worst.check(
      `norm of ${name}`,
      Math.abs(norm(values) - want) / want,
      TRAINED_STATE,
      () => `got ${norm(values)}, want ${want}`,
    );
    const wanted = decodeFloats(samples);
    const indices = sampledIndices(name, values.length, wanted.length);
    const picked = indices.map((i) => values[i]);
    checkValues(name, picked, wanted, {
      tolerance: TRAINED_STATE,
      scale: absmax(values),
      worst,
      at: (i) => indices[i],
    });
  }
}
