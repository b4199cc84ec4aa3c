/**
 * The training loop proper: one epoch of steps, and a pass over the validation pictures. Nothing here waits for the
 * device but every few hundred milliseconds to see the loss, and when an epoch ends.
 */

import { flush, noGrad, type Tensor } from "@kindling/core";
import type { DataLoader } from "@kindling/data";
import { functional as F } from "@kindling/nn";
import type { Optimizer } from "@kindling/optim";
import { models } from "@kindling/vision";
import { NonFiniteLossError } from "./errors.js";

/** Batches of pictures [N, 3, H, W] and int32 labels [N]. */
export type Batches = DataLoader<[Tensor, number], [Tensor, Tensor]>;

/** How far a pass over the data has come. */
export interface PassProgress {
  /** Batches done, and batches of the whole pass. */
  readonly step: number;
  readonly steps: number;
  /** Pictures done. */
  readonly pictures: number;
  /** Mean loss of the pass so far; NaN while none is known. */
  readonly loss: number;
}

type OnProgress = (progress: PassProgress) => void;

/** Time between two looks at the loss: each waits until the device has caught up. */
const LOOK_EVERY_MS = 300;

/** Mean of losses that stay on the device until somebody looks. */
class MeanLoss {
  #waiting: { loss: Tensor; pictures: number; step: number }[] = [];
  #sum = 0;
  #pictures = 0;
  #looked = performance.now();

  /** @param epoch from 1, for the message when a loss is no number */
  constructor(readonly epoch: number) {}

  get value(): number {
    return this.#sum / this.#pictures;
  }

  add(loss: Tensor, pictures: number, step: number): void {
    this.#waiting.push({ loss, pictures, step });
  }

  get due(): boolean {
    return performance.now() - this.#looked >= LOOK_EVERY_MS;
  }

  /** @throws NonFiniteLossError that names the step */
  async look(): Promise<number> {
    for (const { loss, pictures, step } of this.#waiting.splice(0)) {
      const value = await loss.item();
      if (!Number.isFinite(value))
        throw new NonFiniteLossError(
          value,
          `at step ${step} of epoch ${this.epoch}`,
          "a lower --lr usually helps, and pictures or weights may hold such numbers",
        );
      this.#sum += value * pictures;
      this.#pictures += pictures;
    }
    this.#looked = performance.now();
    return this.value;
  }
}

/**
 * Trains on every batch once.
 * @param epoch from 1
 * @returns the mean loss, over the steps done if `signal` stopped it: the step that runs is finished first
 * @throws NonFiniteLossError that names the step
 */
export async function trainEpoch(
  model: models.Classifier,
  optimizer: Optimizer,
  batches: Batches,
  epoch: number,
  progress: OnProgress,
  signal?: AbortSignal,
): Promise<number> {
  model.train();
  const mean = new MeanLoss(epoch);
  let step = 0;
  let pictures = 0;
  for await (const [images, labels] of batches) {
    optimizer.zeroGrad();
    const loss = lossOf(model.call(images), labels);
    loss.backward();
    await optimizer.step();
    step++;
    pictures += images.shape[0];
    mean.add(loss, images.shape[0], step);
    if (mean.due) progress({ step, steps: batches.length, pictures, loss: await mean.look() });
    if (signal?.aborted) break;
  }
  return mean.look();
}

/** Weight of the loss of each auxiliary classifier, as GoogLeNet and Inception v3 were trained (Szegedy et al. 2014). */
const AUXILIARY_WEIGHT = 0.3;

function lossOf(output: ReturnType<models.Classifier["forward"]>, labels: Tensor): Tensor {
  const [loss, ...auxiliary] = models.outputsOf(output).map((logits) => F.crossEntropy(logits, labels));
  return auxiliary.reduce((sum, term) => sum.add(term.mul(AUXILIARY_WEIGHT)), loss);
}

export interface Validation {
  readonly loss: number;
  /** Share of pictures whose largest logit is that of their class, 0 … 1. */
  readonly accuracy: number;
}

/** Loss and accuracy in evaluation mode, without gradients; of the batches done if `signal` stopped it. */
export async function validate(
  model: models.Classifier,
  batches: Batches,
  progress: OnProgress,
  signal?: AbortSignal,
): Promise<Validation> {
  model.eval();
  const results: { loss: Tensor; correct: Tensor }[] = [];
  let pictures = 0;
  for await (const [images, labels] of batches) {
    results.push(
      noGrad(() => {
        const [logits] = models.outputsOf(model.call(images));
        return {
          loss: F.crossEntropy(logits, labels, { reduction: "sum" }),
          correct: logits.argmax(1).eq(labels).sum(),
        };
      }),
    );
    await flush();
    pictures += images.shape[0];
    progress({ step: results.length, steps: batches.length, pictures, loss: Number.NaN });
    if (signal?.aborted) break;
  }
  const total = { loss: 0, correct: 0 };
  for (const { loss, correct } of results) {
    total.loss += await loss.item();
    total.correct += await correct.item();
  }
  return { loss: total.loss / pictures, accuracy: total.correct / pictures };
}
