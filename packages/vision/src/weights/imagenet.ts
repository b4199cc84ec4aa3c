/** Weights of classifiers that were trained on ImageNet's thousand classes. */

import { IMAGENET_MEAN, IMAGENET_STD, type Interpolation } from "../transforms/index.js";
import { type Categories, defineWeights, type WeightsEnum, type WeightsSpec } from "./entry.js";
import { IMAGENET_CATEGORIES } from "./imagenet-categories.js";

/** A row of the table of classifiers. What it leaves out is what most of them have. */
export interface ImageNetRow {
  readonly file: string;
  /** How many parameters the model has. */
  readonly params: number;
  /** Side of the smallest square that the model takes. */
  readonly minSize: number;
  /** Of the most probable class, and of the five most probable, in percent. Default: not measured. */
  readonly accuracy?: readonly [top1: number, top5: number];
  /** What the shorter side of a picture is resized to. Default 256. */
  readonly resize?: number;
  /** Side of the square that is cut out of the middle. Default 224. */
  readonly crop?: number;
  /** Default bilinear. */
  readonly interpolation?: Interpolation;
  /** Default: ImageNet's. */
  readonly mean?: readonly number[];
  /** Default: ImageNet's. */
  readonly std?: readonly number[];
  /** Default: the classes of ImageNet. */
  readonly categories?: Categories;
  readonly license?: string;
}

/** @param best the entry that is `DEFAULT` */
/* @__NO_SIDE_EFFECTS__ */
export function imagenetWeights<E extends string>(
  enumName: string,
  model: string,
  best: NoInfer<E>,
  rows: Readonly<Record<E, ImageNetRow>>,
): WeightsEnum<E> {
  const specs = Object.entries<ImageNetRow>(rows).map(([entry, row]) => [entry, specOf(row)]);
  return defineWeights(enumName, model, best, Object.fromEntries(specs) as Record<E, WeightsSpec>);
}

function specOf({ file, params, minSize, ...row }: ImageNetRow): WeightsSpec {
  const { accuracy: [top1, top5] = [Number.NaN, Number.NaN], categories = IMAGENET_CATEGORIES, license } = row;
  const { resize = 256, crop = 224, interpolation = "bilinear", mean = IMAGENET_MEAN, std = IMAGENET_STD } = row;
  const metrics = { "ImageNet-1K": { "acc@1": top1, "acc@5": top5 } };
  return {
    file,
    preset: { name: "ImageClassification", resizeSize: resize, cropSize: crop, interpolation, mean, std },
    meta: { categories, numParams: params, minSize: [minSize, minSize], metrics, ...(license && { license }) },
  };
}
