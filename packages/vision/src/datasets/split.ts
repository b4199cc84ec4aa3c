/**
 * Training and validation parts of a folder of pictures.
 */

import { ArgumentError } from "@kindling/core";
import { DataError, Rng } from "@kindling/data";
import type { Image } from "../io/image.js";
import type { Transform } from "../transforms/transform.js";
import { type BadSample, ImageFolder, type ImageFolderOptions } from "./folder.js";
import { classFolders } from "./listing.js";

/**
 * Divides sample indices so that each class gives the share `fraction` of its samples to the first part, chosen by
 * `seed`. A class of two or more has samples in both parts; a single sample goes to the first. Both parts are sorted.
 */
export function splitByClass(
  targets: readonly number[],
  options: { fraction?: number; seed?: number } = {},
): { train: number[]; val: number[] } {
  const { fraction = 0.8, seed = 0 } = options;
  if (!(fraction > 0 && fraction < 1)) {
    throw new ArgumentError(`fraction is ${fraction}; expected a number between 0 and 1`);
  }
  const byLabel = new Map<number, number[]>();
  targets.forEach((label, index) => {
    byLabel.set(label, [...(byLabel.get(label) ?? []), index]);
  });
  const train: number[] = [];
  const val: number[] = [];
  for (const [label, indices] of byLabel) {
    // Each class has random numbers of its own, so that adding a class leaves the others as they were.
    const order = new Rng(seed, { index: label }).permutation(indices.length);
    const most = Math.max(1, indices.length - 1);
    const kept = Math.min(Math.max(1, Math.round(indices.length * fraction)), most);
    order.forEach((position, rank) => {
      (rank < kept ? train : val).push(indices[position]);
    });
  }
  const ascending = (a: number, b: number) => a - b;
  return { train: train.sort(ascending), val: val.sort(ascending) };
}

export interface TrainValOptions<Item> extends Omit<ImageFolderOptions<Item>, "transform"> {
  readonly trainTransform?: Transform<Image, Item>;
  readonly valTransform?: Transform<Image, Item>;
  /** Share of each class that trains, where the folder is not divided yet; 0.8 by default. */
  readonly fraction?: number;
  readonly seed?: number;
  /** Leave out pictures that cannot be read (all are decoded once to find them), instead of failing when they come. */
  readonly skipBad?: boolean;
}

export interface TrainVal<Item> {
  readonly train: ImageFolder<Item>;
  readonly val: ImageFolder<Item>;
  readonly classes: readonly string[];
  /** Pictures left out by `skipBad`. */
  readonly bad: readonly BadSample[];
}

/**
 * Opens a folder that holds `train/` and `val/`, each with one folder a class, or the class folders themselves, which
 * are then split by `splitByClass`. Raises a `DataError` for a folder with fewer than two classes, or whose parts have
 * different classes.
 */
export async function openTrainVal<Item = Image>(
  root: string,
  options: TrainValOptions<Item> = {},
): Promise<TrainVal<Item>> {
  const { trainTransform, valTransform, fraction, seed, skipBad = false, ...folder } = options;
  const names = classFolders(root);
  const divided = names.includes("train") && names.includes("val");
  const bad: BadSample[] = [];
  const open = async (path: string): Promise<ImageFolder> => {
    const opened = new ImageFolder(path, folder);
    if (!skipBad) return opened;
    const found = await opened.findBad();
    bad.push(...found);
    return opened.without(found);
  };
  const finish = (train: ImageFolder, val: ImageFolder): TrainVal<Item> => ({
    train: transformed(train, trainTransform),
    val: transformed(val, valTransform),
    classes: train.classes,
    bad,
  });
  if (divided) {
    const [train, val] = [await open(`${root}/train`), await open(`${root}/val`)];
    checkSameClasses(root, train.classes, val.classes);
    checkClasses(root, train);
    return finish(train, val);
  }
  const all = await open(root);
  checkClasses(root, all);
  const parts = splitByClass(all.targets, { fraction, seed });
  return finish(all.select(parts.train), all.select(parts.val));
}

function transformed<Item>(folder: ImageFolder, transform?: Transform<Image, Item>): ImageFolder<Item> {
  return transform ? folder.withTransform(transform) : (folder as unknown as ImageFolder<Item>);
}

function checkSameClasses(root: string, train: readonly string[], val: readonly string[]): void {
  const missing = train.filter((name) => !val.includes(name));
  const extra = val.filter((name) => !train.includes(name));
  if (missing.length === 0 && extra.length === 0) return;
  const notes = [
    missing.length > 0 && `only train has ${missing.join(", ")}`,
    extra.length > 0 && `only val has ${extra.join(", ")}`,
  ];
  throw new DataError(`${root}/train and ${root}/val have different classes: ${notes.filter(Boolean).join("; ")}`);
}

function checkClasses(root: string, { classes, samples }: Pick<ImageFolder, "classes" | "samples">): void {
  if (classes.length === 1 && (classes[0] === "train" || classes[0] === "val")) {
    const lacks = classes[0] === "train" ? "val" : "train";
    throw new DataError(`${root} has ${classes[0]}/ but no ${lacks}/: give both, or one level of class folders`);
  }
  if (classes.length < 2) {
    throw new DataError(`${root} has one class (${classes[0]}); a classifier needs pictures of two classes or more`);
  }
  const seen = new Set(samples.map(({ label }) => label));
  const lost = classes.filter((_, label) => !seen.has(label));
  if (lost.length > 0) throw new DataError(`${root} has no readable picture of the class ${lost.join(", ")}`);
}
