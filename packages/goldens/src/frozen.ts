/** A frozen backbone with a new head: only the head's parameters may change, and no gradient kernel runs for the rest. */

import { resetStats, stats, type Tensor, tensor } from "@kindling/core";
import { functional as F, Linear, type Module } from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { models } from "@kindling/vision";
import { checkEncoded, type Encoded, Worst } from "./encoded.js";
import { buildInputs, buildModel, disposeModel, fillModel, type ModelFixture } from "./model.js";
import { Mismatch } from "./report.js";
import { FIRST_LOSS, laterLoss, TRAINED_STATE } from "./tolerances.js";

export interface FrozenFixture extends ModelFixture {
  labels: number[];
  /** Attribute path of the layer that is replaced, its inputs, its outputs. */
  head: [path: string, inFeatures: number, outFeatures: number];
  sgd: { lr: number; momentum: number; weight_decay: number };
  runs: FrozenRun[];
}

interface FrozenRun {
  bn_mode: "train" | "eval";
  /** Before each step, and after the last. */
  losses: number[];
  losses_f32: number[];
  changed_params: string[];
  changed_buffers: string[];
  fc_weight: Encoded;
  fc_bias: Encoded;
}

/** Kernels that only a trained convolution needs. */
const FROZEN_KERNELS = ["conv2dInputGrad", "conv2dWeightGrad"];

/** Freezes, replaces the head, trains in each batch-norm mode, and looks at everything that changed. */
export async function checkFrozen(fixture: FrozenFixture): Promise<string> {
  const worst = new Worst();
  for (const run of fixture.runs) {
    const model = await buildModel(fixture);
    try {
      await checkRun(model, fixture, run, worst);
    } finally {
      disposeModel(model);
    }
  }
  return worst.toString();
}

async function checkRun(model: models.Classifier, fixture: FrozenFixture, run: FrozenRun, worst: Worst): Promise<void> {
  const [path, inFeatures, outFeatures] = fixture.head;
  model.requiresGrad_(false);
  replaceModule(model, path, new Linear(inFeatures, outFeatures));
  fillModel(model, fixture);
  model.train(run.bn_mode === "train");

  const before = await snapshot(model);
  const [input] = buildInputs(fixture);
  const labels = tensor(Int32Array.from(fixture.labels));
  const { lr, momentum, weight_decay: weightDecay } = fixture.sgd;
  const trainable = model.parameters().filter((parameter) => parameter.requiresGrad);
  const optimizer = new SGD(trainable, { lr, momentum, weightDecay });
  const steps = run.losses.length - 1;
  const losses: Tensor[] = [];
  resetStats();
  for (let step = 0; step < steps; step++) {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(models.outputsOf(model.call(input))[0], labels);
    loss.backward();
    await optimizer.step();
    losses.push(loss);
  }
  const { byOp } = stats();
  for (const op of FROZEN_KERNELS) {
    if (byOp[op]) throw new Mismatch(`bn ${run.bn_mode}: ${byOp[op]} ${op} kernels ran for frozen layers, want 0`);
  }

  const changed = await changes(model, before);
  const allowed = new Set([...run.changed_params, ...run.changed_buffers]);
  const excess = changed.filter((name) => !allowed.has(name));
  if (excess.length) throw new Mismatch(`bn ${run.bn_mode}: changed though frozen: ${excess.join(", ")}`);
  const unchanged = [...allowed].filter((name) => !changed.includes(name));
  if (unchanged.length) throw new Mismatch(`bn ${run.bn_mode}: should have changed: ${unchanged.join(", ")}`);

  const state = model.stateDict();
  await checkEncoded(
    `bn ${run.bn_mode}: ${path}.weight`,
    state.get(`${path}.weight`)!,
    run.fc_weight,
    TRAINED_STATE,
    worst,
  );
  await checkEncoded(`bn ${run.bn_mode}: ${path}.bias`, state.get(`${path}.bias`)!, run.fc_bias, TRAINED_STATE, worst);
  losses.push(F.crossEntropy(models.outputsOf(model.call(input))[0], labels));
  for (const [step, loss] of losses.entries()) {
    const noise = Math.abs(run.losses_f32[step] - run.losses[step]);
    const tolerance = step === 0 ? FIRST_LOSS : laterLoss(noise);
    worst.near(`bn ${run.bn_mode}: loss ${step}`, await loss.item(), run.losses[step], tolerance);
  }
}

/** Puts a layer where a dotted path of attributes and indices says. */
function replaceModule(model: Module, path: string, layer: Module): void {
  const parts = path.split(".");
  const last = parts.pop()!;
  let owner = model as unknown as Record<string, unknown>;
  for (const part of parts) owner = owner[part] as Record<string, unknown>;
  owner[last] = layer;
}

type Snapshot = Map<string, string>;

/** The exact bits of every state-dict entry, as text. */
async function snapshot(model: Module): Promise<Snapshot> {
  const bits: Snapshot = new Map();
  for (const [name, entry] of model.stateDict()) {
    const values = await entry.data();
    bits.set(name, Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("latin1"));
  }
  return bits;
}

/** Names of the entries whose bits are others than they were. */
async function changes(model: Module, before: Snapshot): Promise<string[]> {
  const after = await snapshot(model);
  return [...after].filter(([name, bits]) => bits !== before.get(name)).map(([name]) => name);
}
