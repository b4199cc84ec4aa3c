/**
 * The fine-tuning sample in a fixed order: `finetune-sample/trajectory.json`. Three runs of 36 steps (only the head with
 * batch norm in train mode, only the head in eval mode, all layers), each loss, the accuracy and the logits afterwards.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { load } from "@kindling/checkpoint";
import { noGrad, stack, type Tensor, tensor } from "@kindling/core";
import { functional as F, Linear, type StateDict } from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { io, models, transforms } from "@kindling/vision";
import { checkValues, Worst } from "./encoded.js";
import { fillEntry } from "./fill.js";
import { readJson } from "./fixtures.js";
import { disposeModel } from "./model.js";
import type { Tally } from "./report.js";
import { sampleLogits, sampleLoss } from "./tolerances.js";

interface Trajectory {
  classes: string[];
  batch: number;
  sgd: { momentum: number };
  runs: Record<string, SampleRun>;
}

interface SampleRun {
  freeze: boolean;
  bn_train: boolean;
  lr: number;
  losses: number[];
  f32_noise: number[];
  val_accuracy: number;
  val_accuracy_f32: number;
  /** Of the first four validation pictures, class by class. */
  logits_first4: number[][];
}

/** Pictures of a class in each split. */
const PER_CLASS = 100;

/** Training pictures that the steps go through before they start over. */
const CYCLE = 384;

const WEIGHTS = "shufflenet_v2_x0_5-fashion6.pth";

interface Pictures {
  images: Tensor[];
  labels: number[];
}

/** Runs each run of `finetune-sample/trajectory.json`. */
export async function runSample(directory: string, tally: Tally): Promise<void> {
  const folder = join(directory, "finetune-sample");
  if (!existsSync(join(folder, "trajectory.json"))) return;
  const trajectory = readJson<Trajectory>(join(folder, "trajectory.json"));
  let pictures: Promise<[train: Pictures, val: Pictures]> | undefined;
  for (const [name, run] of Object.entries(trajectory.runs)) {
    await tally.run(`sample/${name}`, async () => {
      pictures ??= Promise.all([readPictures(folder, "train", trajectory), readPictures(folder, "val", trajectory)]);
      const [train, val] = await pictures;
      const weights = (await load(join(folder, WEIGHTS))) as StateDict;
      return checkTrajectory(weights, train, val, trajectory, run);
    });
  }
}

/** Training pictures in turn (000 of each class, then 001, …), validation pictures class by class. */
async function readPictures(folder: string, split: "train" | "val", { classes }: Trajectory): Promise<Pictures> {
  const prepare = transforms.compose([
    transforms.toTensor(),
    transforms.resize([64, 64]),
    transforms.normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
  ]);
  const pictures: Pictures = { images: [], labels: [] };
  for (let i = 0; i < classes.length * PER_CLASS; i++) {
    const label = split === "train" ? i % classes.length : Math.floor(i / PER_CLASS);
    const number = split === "train" ? Math.floor(i / classes.length) : i % PER_CLASS;
    const file = join(folder, split, classes[label], `${String(number).padStart(3, "0")}.png`);
    pictures.images.push(prepare(await io.decodeImage(file)));
    pictures.labels.push(label);
  }
  return pictures;
}

async function checkTrajectory(
  weights: StateDict,
  train: Pictures,
  val: Pictures,
  { classes, batch, sgd }: Trajectory,
  run: SampleRun,
): Promise<string> {
  const model = models.shufflenet_v2_x0_5({ numClasses: 6 }) as models.ShuffleNetV2 & { fc: Linear };
  const worst = new Worst();
  try {
    model.loadStateDict(weights);
    if (run.freeze) model.requiresGrad_(false);
    model.fc = computedHead(model.fc.inFeatures, classes.length);
    model.train(run.bn_train);
    const trainable = model.parameters().filter((parameter) => parameter.requiresGrad);
    const optimizer = new SGD(trainable, { lr: run.lr, momentum: sgd.momentum });
    for (const [step, want] of run.losses.entries()) {
      const first = (batch * step) % CYCLE;
      const images = stack(train.images.slice(first, first + batch), 0);
      const labels = tensor(Int32Array.from(train.labels.slice(first, first + batch)));
      optimizer.zeroGrad();
      const loss = F.crossEntropy(model.call(images), labels);
      loss.backward();
      await optimizer.step();
      worst.near(`loss ${step}`, await loss.item(), want, sampleLoss(run.f32_noise[step]));
    }
    await checkValidation(model, val, batch, run, worst);
  } finally {
    disposeModel(model);
  }
  return worst.toString();
}

/** The new last layer with the fill of seed 1, gain 1. */
function computedHead(inFeatures: number, outFeatures: number): Linear {
  const head = new Linear(inFeatures, outFeatures);
  const entry = (name: string, shape: readonly number[]): Tensor =>
    tensor(fillEntry(`fc.${name}`, shape, { seed: 1, gain: 1 })!, { shape });
  head.loadStateDict({ weight: entry("weight", head.weight.shape), bias: entry("bias", [outFeatures]) });
  return head;
}

/** Accuracy over the validation pictures in eval mode, and the first rows of logits. */
async function checkValidation(
  model: models.ShuffleNetV2,
  val: Pictures,
  batch: number,
  run: SampleRun,
  worst: Worst,
): Promise<void> {
  model.eval();
  const rows: number[][] = [];
  for (let first = 0; first < val.images.length; first += batch) {
    const images = stack(val.images.slice(first, first + batch), 0);
    const logits = noGrad(() => model.call(images));
    rows.push(...((await logits.toArray()) as number[][]));
  }
  const correct = rows.filter((row, i) => row.indexOf(Math.max(...row)) === val.labels[i]).length;
  const accuracy = correct / rows.length;
  const slack = Math.max(1 / rows.length, 2 * Math.abs(run.val_accuracy_f32 - run.val_accuracy));
  worst.near("accuracy", accuracy, run.val_accuracy, slack);
  const want = run.logits_first4.flat();
  const scale = Math.max(...want.map(Math.abs));
  const tolerance = sampleLogits(Math.max(...run.f32_noise));
  checkValues("logits", rows.slice(0, run.logits_first4.length).flat(), want, { tolerance, scale, worst });
}
