/**
 * Twenty steps of a small CNN on pictures whose bright quadrant is their class, against the trajectory that PyTorch
 * reached from the same weights (`golden/make.py`).
 */

import { fromHost, memory, noGrad, synchronize, type Tensor } from "@kindling/core";
import { DataLoader, TensorDataset } from "@kindling/data";
import { absmax, checkValues, fillModel, key, sampleLogits, sampleLoss, unit, Worst } from "@kindling/goldens";
import * as nn from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { report } from "./check.js";
import { fetchJson } from "./fetch.js";
import type { TrainingReport } from "./report.js";

const GOLDEN = new URL("../golden/small-cnn.json", import.meta.url);

interface Golden {
  seed: number;
  gain: number;
  pictures: number;
  batch: number;
  sgd: { lr: number; momentum: number; weight_decay: number; nesterov: boolean };
  /** Before each step, and how far f32 rounding alone moves them. */
  losses: number[];
  loss_noise: number[];
  /** Of the first batch after the last step, in eval mode. The noise is relative to absmax. */
  logits: number[];
  logits_noise: number;
}

const CLASSES = 4;
const SIZE = 16;
const CHANNELS = 3;

function smallCnn(): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(CHANNELS, 8, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 8, 3, { padding: 1, groups: 8 }),
    new nn.Conv2d(8, 16, 1, { bias: false }),
    new nn.BatchNorm2d(16),
    new nn.Hardswish(),
    new nn.AdaptiveAvgPool2d(4),
    new nn.Flatten(),
    new nn.Linear(256, CLASSES),
  );
}

/** Noise with one bright quadrant, and its number as the label. */
function pictures({ pictures: count, seed }: Golden): TensorDataset {
  const values = new Float32Array(count * CHANNELS * SIZE * SIZE);
  const labels = Int32Array.from({ length: count }, (_, i) => i % CLASSES);
  const noise = key("pictures", seed);
  for (let i = 0; i < values.length; i++) {
    const [x, y] = [i % SIZE, Math.floor(i / SIZE) % SIZE];
    const quadrant = 2 * Math.floor(y / 8) + Math.floor(x / 8);
    const label = labels[Math.floor(i / (CHANNELS * SIZE * SIZE))];
    values[i] = 0.5 * unit(noise, i) + (quadrant === label ? 0.25 : 0);
  }
  return new TensorDataset(fromHost(values, [count, CHANNELS, SIZE, SIZE]), fromHost(labels, [count]));
}

/** @param onStep hears each loss as it is known */
export async function checkTraining(
  onStep: (losses: readonly number[], steps: number) => void,
): Promise<TrainingReport> {
  const golden = await fetchJson<Golden>(GOLDEN);
  const losses: number[] = [];
  const tensors: number[] = [];
  const counts = await report((tally) =>
    tally.run("training/small-cnn", async () => {
      const worst = new Worst();
      const logits = await train(golden, async (loss) => {
        const [step, value] = [losses.length, await loss.item()];
        losses.push(value);
        onStep(losses, golden.losses.length);
        worst.near(`loss ${step}`, value, golden.losses[step], sampleLoss(golden.loss_noise[step]));
        tensors.push(await liveTensors());
      });
      const scale = absmax(golden.logits);
      const tolerance = sampleLogits(golden.logits_noise);
      checkValues("logits", Array.from(await logits.data(), Number), golden.logits, { tolerance, scale, worst });
      return `${worst}`;
    }),
  );
  return { ...counts, losses, tensors };
}

/** Trains for as many steps as the golden has losses; gives the logits of the first batch afterwards. */
async function train(golden: Golden, onStep: (loss: Tensor) => Promise<void>): Promise<Tensor> {
  const model = smallCnn();
  fillModel(model, golden);
  const { lr, momentum, weight_decay: weightDecay, nesterov } = golden.sgd;
  const optimizer = new SGD(model.parameters(), { lr, momentum, weightDecay, nesterov });
  const loader = new DataLoader<Tensor[], Tensor[]>(pictures(golden), { batchSize: golden.batch });
  for (let step = 0; step < golden.losses.length; ) {
    for await (const [images, labels] of loader) {
      optimizer.zeroGrad();
      const loss = nn.functional.crossEntropy(model.call(images), labels);
      loss.backward();
      await optimizer.step();
      await onStep(loss);
      step++;
    }
  }
  model.eval();
  for await (const [images] of loader) return noGrad(() => model.call(images));
  throw new RangeError("the golden has no pictures");
}

/** Live tensors. Where the browser lets us collect garbage (`--js-flags=--expose-gc`), without those that were dropped. */
async function liveTensors(): Promise<number> {
  await synchronize();
  const { gc } = globalThis as { gc?: () => void };
  for (let turn = 0; gc && turn < 3; turn++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return memory().tensors;
}
