/** A set of published weights, and the weights of one model, as torchvision's `ResNet50_Weights` and its like. */

import type { Tensor } from "@kindling/core";
import { type Interpolation, imageClassification, type Picture, type Transform } from "../transforms/index.js";

/** Names of classes in the order of the logits; null for weights without a classifier. */
export type Categories = readonly string[] | null;

/** What is known of a set of weights. */
export interface WeightsMeta<C extends Categories = Categories> {
  readonly categories: C;
  readonly numParams: number;
  /** Smallest input that the model takes, [height, width]. */
  readonly minSize: readonly [number, number];
  /** By data set, then by measure: `metrics["ImageNet-1K"]["acc@1"]`, in percent; NaN where nothing was measured. */
  readonly metrics: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Where the licence of the weights is, for those that have one of their own. */
  readonly license?: string;
}

/** How pictures were prepared when the weights were measured; sizes in pixels. */
export interface ClassificationPreset {
  readonly name: "ImageClassification";
  /** Length that the shorter side is resized to. */
  readonly resizeSize: number;
  /** Side of the square that is cut out of the middle. */
  readonly cropSize: number;
  readonly interpolation: Interpolation;
  /** Subtracted from each channel (red, green, blue), after these are brought to [0, 1]. */
  readonly mean: readonly number[];
  /** Each channel is divided by it then. */
  readonly std: readonly number[];
}

/** One set of published weights. */
export interface WeightsEntry<C extends Categories = Categories> {
  /** `ResNet50_Weights.IMAGENET1K_V2` */
  readonly name: string;
  /** `ResNet50_Weights` */
  readonly enumName: string;
  /** `IMAGENET1K_V2` */
  readonly entry: string;
  /** The builder they belong to: `resnet50`. */
  readonly model: string;
  /** File name, which ends in the first digits of the file's SHA-256: `resnet50-11ad3fa6.pth`. */
  readonly file: string;
  /** Where PyTorch publishes the file; mirrors have it by its name. */
  readonly url: string;
  /** The first digits, in hexadecimal, of the SHA-256 of the file. */
  readonly hashPrefix: string;
  /** The numbers of `transforms()`. */
  readonly preset: ClassificationPreset;
  /** Makes the transform that the weights were measured with: a picture gives [3, cropSize, cropSize]. */
  transforms(): Transform<Picture, Tensor>;
  readonly meta: WeightsMeta<C>;
  /** The name: `ResNet50_Weights.IMAGENET1K_V2`. */
  toString(): string;
}

/**
 * The weights of one model, in torchvision's order, and `DEFAULT`, another name of the best of them. It is not
 * enumerable, so that `Object.values` gives each entry once.
 */
export type WeightsEnum<E extends string = string> = {
  readonly [K in E]: WeightsEntry<CategoriesOf<K>>;
} & { readonly DEFAULT: WeightsEntry<readonly string[]> };

/** By the name of an entry: what ends in `_FEATURES` has no classifier. */
type CategoriesOf<K extends string> = string extends K
  ? Categories
  : K extends `${string}_FEATURES`
    ? null
    : readonly string[];

/** What sets an entry apart; the rest follows from it. */
export interface WeightsSpec {
  readonly file: string;
  readonly preset: ClassificationPreset;
  readonly meta: WeightsMeta;
}

/** Address of a file on PyTorch's server. */
const publishedUrl = (file: string): string => `https://download.pytorch.org/models/${file}`;

/** @param best the entry that is `DEFAULT` */
/* @__NO_SIDE_EFFECTS__ */
export function defineWeights<E extends string>(
  enumName: string,
  model: string,
  best: NoInfer<E>,
  specs: Readonly<Record<E, WeightsSpec>>,
): WeightsEnum<E> {
  const named = Object.entries<WeightsSpec>(specs).map(([entry, spec]): [string, WeightsEntry] => [
    entry,
    defineEntry({ enumName, entry, model, ...spec }),
  ]);
  const entries = Object.fromEntries(named);
  Object.defineProperty(entries, "DEFAULT", { value: entries[best] });
  return Object.freeze(entries) as WeightsEnum<E>;
}

function defineEntry(given: WeightsSpec & Pick<WeightsEntry, "enumName" | "entry" | "model">): WeightsEntry {
  const { enumName, entry, file, preset } = given;
  const name = `${enumName}.${entry}`;
  const weights = {
    name,
    url: publishedUrl(file),
    hashPrefix: file.slice(file.lastIndexOf("-") + 1, file.lastIndexOf(".")),
    transforms: () => imageClassification(preset),
    ...given,
  };
  return frozen(Object.defineProperty(weights, "toString", { value: () => name }));
}

/** The value, of which nothing can be changed any more: entries share lists, such as the names of the classes. */
function frozen<T extends object>(value: T): T {
  if (Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) if (typeof part === "object" && part !== null) frozen(part);
  return Object.freeze(value);
}
