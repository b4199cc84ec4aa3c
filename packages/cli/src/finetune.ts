/**
 * Fine-tuning from a folder of pictures to a folder of results: opens both, builds the network with its pretrained
 * weights and a new head, trains and validates epoch by epoch, and writes what there is after each.
 */

import { manualSeed, type Tensor } from "@kindling/core";
import { DataLoader, type Dataset } from "@kindling/data";
import { lrScheduler, SGD } from "@kindling/optim";
import { datasets, models } from "@kindling/vision";
import { NonFiniteLossError } from "./errors.js";
import type { FinetuneOptions } from "./options.js";
import { preparePictures } from "./pictures.js";
import { buildPretrained, readWeights, type WeightsReport } from "./pretrained.js";
import { preprocessingFor } from "./recipe.js";
import { type EpochRecord, openRunFolder, type Run, type RunFolder } from "./run-folder.js";
import { type Batches, type PassProgress, trainEpoch, validate } from "./training.js";

export interface Progress extends PassProgress {
  readonly phase: "train" | "validate";
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Pictures a second, of this pass. */
  readonly rate: number;
  /** Until the last epoch ends, as far as can be told. */
  readonly secondsLeft: number;
}

/** Hears what happens. */
export interface Reporter {
  weights(report: WeightsReport | undefined): void;
  /** Pictures read before training, to find damaged ones. */
  checking(done: number, total: number): void;
  data(summary: { train: number; val: number; classes: readonly string[]; leftOut: readonly string[] }): void;
  model(summary: { name: string; trainable: number; parameters: number; batchSize: number; steps: number }): void;
  progress(progress: Progress): void;
  epoch(record: EpochRecord): void;
}

export interface FinetuneResult {
  readonly history: readonly EpochRecord[];
  /** Whether `signal` stopped the run; what was there has been saved if training had begun. */
  readonly interrupted: boolean;
  readonly saved: boolean;
}

/**
 * Runs on the device that `init` started. With `signal`, the step that runs is finished and everything is saved.
 * @throws KindlingError for whatever is wrong with the input, before the first step; NonFiniteLossError during training,
 *   which leaves the last good checkpoint in `out`
 */
export async function finetune(
  options: FinetuneOptions,
  reporter: Reporter,
  signal?: AbortSignal,
): Promise<FinetuneResult> {
  manualSeed(options.seed);
  const { model, report } = await pretrained(options);
  reporter.weights(report);
  const folders = await datasets.openTrainVal(options.folder, { seed: options.seed });
  const out = await openRunFolder(options.out);
  const preprocessing = preprocessingFor(options.augment, options.size);
  const checked = (done: number, total: number): void => reporter.checking(done, total);
  const { train, val, leftOut } = await preparePictures(folders, { ...options, preprocessing, checked, signal });
  if (signal?.aborted) return { history: [], interrupted: true, saved: false };
  const { classes } = folders;
  reporter.data({
    train: train.length,
    val: val.length,
    classes,
    leftOut: leftOut.map(({ error }) => error.message),
  });

  if (options.freeze) model.requiresGrad_(false);
  models.replaceHead(model, classes.length);

  const description = { classes, config: { model: options.model, preprocessing, options: { ...options } } };
  return new Training({ options, model, description, out, train, val, reporter, signal }).run();
}

async function pretrained(options: FinetuneOptions): Promise<{ model: models.Classifier; report?: WeightsReport }> {
  if (options.weights === undefined) return { model: models.getModel(options.model) };
  return buildPretrained(options.model, await readWeights(options.weights));
}

type Pictures = Dataset<[Tensor, number]>;

/** Everything that is ready when training begins. */
interface Job {
  readonly options: FinetuneOptions;
  readonly model: models.Classifier;
  /** What the folder says about the network, beside its weights. */
  readonly description: Run;
  readonly out: RunFolder;
  readonly train: Pictures;
  readonly val: Pictures;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal;
}

/** The epochs of one run. */
class Training {
  readonly #job: Job;
  readonly #history: EpochRecord[] = [];
  /** Seconds that validation took in the last epoch. */
  #validationSeconds = 0;

  constructor(job: Job) {
    this.#job = job;
  }

  async run(): Promise<FinetuneResult> {
    const { model, options, out, reporter, signal } = this.#job;
    const { epochs, lr, momentum, weightDecay } = options;
    const { training, validation } = this.#loaders();
    const trainable = model.parameters().filter((parameter) => parameter.requiresGrad);
    const optimizer = new SGD(trainable, { lr, momentum, weightDecay });
    const scheduler =
      options.schedule === "cosine" ? new lrScheduler.CosineAnnealingLR(optimizer, { tMax: epochs }) : undefined;
    reporter.model({
      name: options.model,
      trainable: count(trainable),
      parameters: count(model.parameters()),
      batchSize: this.#batchSize,
      steps: training.length,
    });

    // From here on there is always a checkpoint to fall back to; one of an earlier run stays until an epoch is done.
    if (!out.hasModel) await this.#save();
    for (let epoch = 1; epoch <= epochs && !signal?.aborted; epoch++) {
      const started = performance.now();
      const trainLoss = await trainEpoch(model, optimizer, training, epoch, this.#progress("train", epoch), signal);
      if (signal?.aborted) break;
      const between = performance.now();
      const { loss: valLoss, accuracy } = await validate(model, validation, this.#progress("validate", epoch), signal);
      if (signal?.aborted) break;
      this.#validationSeconds = (performance.now() - between) / 1000;
      if (!Number.isFinite(valLoss))
        throw new NonFiniteLossError(valLoss, `in validation after epoch ${epoch}`, "a lower --lr usually helps");
      const seconds = (performance.now() - started) / 1000;
      const record = { epoch, trainLoss, valLoss, valAccuracy: accuracy, seconds };
      this.#history.push(record);
      await this.#save();
      reporter.epoch(record);
      scheduler?.step();
    }
    const interrupted = signal?.aborted ?? false;
    if (interrupted) await this.#save();
    return { history: this.#history, interrupted, saved: true };
  }

  /** The last batch of an epoch is dropped where it is not full, but a folder smaller than one batch trains too. */
  get #batchSize(): number {
    const { options, train } = this.#job;
    return Math.min(options.batchSize, train.length);
  }

  #loaders(): { training: Batches; validation: Batches } {
    const { options, train, val } = this.#job;
    const common = { batchSize: this.#batchSize, seed: options.seed, numWorkers: options.workers };
    return {
      training: new DataLoader(train, { ...common, shuffle: true, dropLast: true }),
      validation: new DataLoader(val, common),
    };
  }

  #save(): Promise<void> {
    const { out, model, description } = this.#job;
    return out.write(model, description, this.#history);
  }

  /** Adds rate and time left to the progress of a pass. */
  #progress(phase: Progress["phase"], epoch: number): (pass: PassProgress) => void {
    const started = performance.now();
    const { options, reporter } = this.#job;
    const { epochs } = options;
    return (pass) => {
      const seconds = (performance.now() - started) / 1000;
      const rate = pass.pictures / seconds;
      const passLeft = (seconds / pass.step) * (pass.steps - pass.step);
      const done = this.#history.at(-1);
      const wholeEpoch = done?.seconds ?? (phase === "train" ? (seconds / pass.step) * pass.steps : seconds);
      const thisEpoch = passLeft + (phase === "train" ? this.#validationSeconds : 0);
      const secondsLeft = thisEpoch + wholeEpoch * (epochs - epoch);
      reporter.progress({ ...pass, phase, epoch, epochs, rate, secondsLeft });
    };
  }
}

const count = (parameters: readonly Tensor[]): number => parameters.reduce((sum, { numel }) => sum + numel, 0);
