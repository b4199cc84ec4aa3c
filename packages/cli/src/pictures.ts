/**
 * The pictures of a run: read once, kept in memory as far as they fit, and checked before training begins, so that a
 * damaged file is named at once and not in the middle of an epoch.
 */

import { Tensor } from "@kindling/core";
import { DataError, type Dataset, type SampleContext } from "@kindling/data";
import { type datasets, io } from "@kindling/vision";
import { UsageError } from "./errors.js";
import type { Augmentation } from "./options.js";
import { cropRecipe, evaluationRecipe, flipRecipe, type Preprocessing, type Recipe } from "./recipe.js";

/** Bytes of prepared pictures that are kept; what goes beyond is read again each epoch. */
const KEEP_BYTES = 2 ** 30;

/** Pictures being decoded at the same time during the check. */
const CHECK_CONCURRENCY = 8;

/** What is left of the memory for pictures; training and validation share it. */
interface Allowance {
  bytes: number;
}

/** A folder of pictures behind a recipe; an item is `[float32 tensor [3, size, size], label]`. */
export class Pictures<Kept extends io.Image | Tensor> implements Dataset<[Tensor, number]> {
  readonly #folder: datasets.ImageFolder<Kept>;
  readonly #recipe: Recipe<Kept>;
  readonly #allowance: Allowance;
  readonly #kept: Map<datasets.FolderSample, Kept>;

  constructor(
    folder: datasets.ImageFolder<Kept>,
    recipe: Recipe<Kept>,
    allowance: Allowance,
    kept = new Map<datasets.FolderSample, Kept>(),
  ) {
    this.#folder = folder;
    this.#recipe = recipe;
    this.#allowance = allowance;
    this.#kept = kept;
  }

  static from<Kept extends io.Image | Tensor>(
    folder: datasets.ImageFolder,
    recipe: Recipe<Kept>,
    allowance: Allowance,
  ): Pictures<Kept> {
    return new Pictures(folder.withTransform(recipe.steady), recipe, allowance);
  }

  get length(): number {
    return this.#folder.length;
  }

  get targets(): readonly number[] {
    return this.#folder.targets;
  }

  async get(index: number, context?: SampleContext): Promise<[Tensor, number]> {
    return [this.#recipe.varied(await this.#prepared(index), context), this.#folder.samples[index].label];
  }

  async #prepared(index: number): Promise<Kept> {
    const sample = this.#folder.samples[index];
    const known = this.#kept.get(sample);
    if (known) return known;
    const [picture] = await this.#folder.get(index);
    const bytes = picture instanceof Tensor ? picture.numel * 4 : picture.data.length;
    if (bytes <= this.#allowance.bytes) {
      this.#allowance.bytes -= bytes;
      this.#kept.set(sample, picture);
    }
    return picture;
  }

  /** Reads every picture; those that are none are returned. `checked` is called after each. */
  async findBad(checked: () => void, signal?: AbortSignal): Promise<datasets.BadSample[]> {
    const bad: datasets.BadSample[] = [];
    const indices = this.#folder.samples.keys();
    const work = async (): Promise<void> => {
      for (const index of indices) {
        if (signal?.aborted) return;
        try {
          await this.#prepared(index);
        } catch (error) {
          if (!(error instanceof io.ImageError)) throw error;
          bad.push({ index, path: this.#folder.samples[index].path, error });
        }
        checked();
      }
    };
    await Promise.all(Array.from({ length: CHECK_CONCURRENCY }, work));
    return bad.sort((a, b) => a.index - b.index);
  }

  without(bad: readonly datasets.BadSample[]): Pictures<Kept> {
    return new Pictures(this.#folder.without(bad), this.#recipe, this.#allowance, this.#kept);
  }
}

export interface PictureOptions {
  readonly augment: Augmentation;
  readonly preprocessing: Preprocessing;
  /** Leave out pictures that cannot be read; otherwise they are an error. */
  readonly skipBad: boolean;
  /** Called after each picture that was read. */
  readonly checked?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface TrainVal {
  readonly train: Dataset<[Tensor, number]>;
  readonly val: Dataset<[Tensor, number]>;
  readonly leftOut: readonly datasets.BadSample[];
}

/**
 * Reads and checks the pictures of both folders.
 * @throws UsageError that names the pictures that cannot be read, unless `skipBad`
 * @throws DataError if a class has none left
 */
export async function preparePictures(
  folders: datasets.TrainVal<io.Image>,
  { augment, preprocessing, skipBad, checked, signal }: PictureOptions,
): Promise<TrainVal> {
  const allowance = { bytes: KEEP_BYTES };
  const total = folders.train.length + folders.val.length;
  let done = 0;
  const leftOut: datasets.BadSample[] = [];
  const open = async <Kept extends io.Image | Tensor>(folder: datasets.ImageFolder, recipe: Recipe<Kept>) => {
    const pictures = Pictures.from(folder, recipe, allowance);
    const bad = await pictures.findBad(() => checked?.(++done, total), signal);
    leftOut.push(...bad);
    return bad.length > 0 ? pictures.without(bad) : pictures;
  };
  const train = await (augment === "imagenet"
    ? open(folders.train, cropRecipe(preprocessing))
    : open(folders.train, flipRecipe(preprocessing)));
  const val = await open(folders.val, evaluationRecipe(preprocessing));
  if (leftOut.length > 0 && !skipBad) throw new UsageError(describeBad(leftOut));
  checkClasses(folders.classes, train.targets);
  if (val.length === 0) throw new DataError(`${folders.val.root} has no readable picture to validate with`);
  return { train, val, leftOut };
}

/** Names in messages before they are cut short. */
const NAMED = 5;

function describeBad(bad: readonly datasets.BadSample[]): string {
  const advice = "Repair or remove such files, or leave them out with --skip-bad";
  if (bad.length === 1) return `${bad[0].error.message}. ${advice}`;
  const lines = bad.slice(0, NAMED).map(({ error }) => `\n  ${error.message}`);
  const more = bad.length > NAMED ? `\n  … and ${bad.length - NAMED} more` : "";
  return `${bad.length} pictures cannot be read. ${advice}:${lines.join("")}${more}`;
}

function checkClasses(classes: readonly string[], targets: readonly number[]): void {
  const seen = new Set(targets);
  const lost = classes.filter((_, label) => !seen.has(label));
  if (lost.length > 0)
    throw new DataError(
      `no readable training picture is left of the class ${lost.join(", ")}; add some, or remove the folder`,
    );
}
