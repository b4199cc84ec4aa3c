/** Classifies pictures with a network that `finetune` has trained. */

import { load } from "@kindling/checkpoint";
import { noGrad, stack, type Tensor } from "@kindling/core";
import { type Module, StateDictError } from "@kindling/nn";
import { io, models } from "@kindling/vision";
import { UsageError } from "./errors.js";
import { unwrapStateDict } from "./pretrained.js";
import { evaluation } from "./recipe.js";
import { readRun } from "./run-folder.js";

/** A class that a picture may be of. */
export interface Guess {
  readonly name: string;
  /** 0 … 1; over all classes they sum to 1. */
  readonly probability: number;
}

/** What was found for one picture: the likeliest classes first, or why it cannot be read. */
export type Prediction =
  | { readonly path: string; readonly guesses: readonly Guess[] }
  | { readonly path: string; readonly error: io.ImageError };

/** Pictures that the network sees at once. */
const BATCH = 16;

/**
 * Classifies image files.
 * @param checkpoint the folder that `finetune` has written
 * @param top how many classes to give for each picture
 * @throws UsageError, CheckpointError if the folder does not hold a usable network
 */
export async function* predict(paths: readonly string[], checkpoint: string, top: number): AsyncGenerator<Prediction> {
  const { config, classes, weights } = await readRun(checkpoint);
  const model = models.getModel(config.model, { numClasses: classes.length }).eval();
  await loadTrained(model, config.model, weights);
  const prepare = evaluation(config.preprocessing);
  for (let first = 0; first < paths.length; first += BATCH) {
    const batch = await Promise.all(paths.slice(first, first + BATCH).map((path) => read(path, prepare)));
    const readable = batch.flatMap((item) => ("picture" in item ? [item.picture] : []));
    const rows = readable.length > 0 ? await probabilities(model, readable) : [];
    for (const item of batch) {
      if ("error" in item) yield item;
      else yield { path: item.path, guesses: likeliest(rows.shift()!, classes, top) };
    }
  }
}

async function loadTrained(model: Module, name: string, path: string): Promise<void> {
  const entries = unwrapStateDict(path, await load(path));
  try {
    model.loadStateDict(entries);
  } catch (error) {
    if (!(error instanceof StateDictError)) throw error;
    throw new UsageError(`${path} does not fit ${name} as config.json and classes.json describe it: ${error.message}`);
  }
}

type Read = { readonly path: string } & ({ readonly picture: Tensor } | { readonly error: io.ImageError });

async function read(path: string, prepare: (image: io.Image) => Tensor): Promise<Read> {
  try {
    return { path, picture: prepare(await io.decodeImage(path)) };
  } catch (error) {
    if (error instanceof io.ImageError) return { path, error };
    throw error;
  }
}

async function probabilities(model: models.Classifier, pictures: readonly Tensor[]): Promise<number[][]> {
  const rows = noGrad(() => models.outputsOf(model.call(stack(pictures, 0)))[0].softmax(1));
  return (await rows.toArray()) as number[][];
}

function likeliest(row: readonly number[], classes: readonly string[], top: number): Guess[] {
  return row
    .map((probability, label) => ({ name: classes[label], probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}
