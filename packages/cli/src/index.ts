/** @kindling/cli as a library: what the command `kindling` does, for programs. */

export { NonFiniteLossError, UsageError } from "./errors.js";
export { type FinetuneResult, finetune, type Progress, type Reporter } from "./finetune.js";
export type { Augmentation, FinetuneOptions, Schedule } from "./options.js";
export { type Guess, type Prediction, predict } from "./predict.js";
export type { Entry, WeightsReport } from "./pretrained.js";
export type { Preprocessing } from "./recipe.js";
export { type EpochRecord, type RunConfig, readRun } from "./run-folder.js";
export { type PassProgress, trainEpoch, type Validation, validate } from "./training.js";
