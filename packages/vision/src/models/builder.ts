/**
 * Builders: functions that make a model by its torchvision name, with random weights at once, or with published weights
 * as soon as these are read. What weights there are, and how to get them, is loaded when they are first asked for.
 */

import { ArgumentError } from "@kindling/core";
import type { Layer, Module } from "@kindling/nn";
import type { DownloadOptions } from "../hub/index.js";
import type { WeightsEntry } from "../weights/entry.js";
import { type ClassifierOptions, checkObject } from "./options.js";

/** Published weights: an entry, its name (`"IMAGENET1K_V2"` or `"ResNet50_Weights.IMAGENET1K_V2"`), or the best there are. */
export type WeightsChoice = WeightsEntry | "DEFAULT" | (string & {});

/** Options of a builder that give a model with random weights; how others would be got is passed over. */
export interface RandomWeights extends DownloadOptions {
  readonly weights?: null;
  readonly pretrained?: false;
}

/** Options of a builder that ask for published weights; the rest says how they are got. */
export interface PublishedWeights extends DownloadOptions {
  readonly weights?: WeightsChoice | null;
  /** The older way to ask: `true` is what torchvision had before there were several, mostly `"IMAGENET1K_V1"`. */
  readonly pretrained?: boolean;
}

/** Options of a builder that do ask for published weights. */
export type WithWeights = PublishedWeights & ({ readonly weights: WeightsChoice } | { readonly pretrained: true });

/** Makes a model. O: the options of its constructor. */
export interface ModelBuilder<M extends Module = Layer, O extends ClassifierOptions = ClassifierOptions> {
  /** With random weights. */
  (options?: O & RandomWeights): M;
  /** With published weights, from the cache or downloaded. */
  (options: O & WithWeights): Promise<M>;
  /** With the one or the other, as is known only when the program runs: `await` takes both. */
  (options: O & PublishedWeights): M | Promise<M>;
  /** torchvision's name of the builder: `resnet50`. */
  readonly modelName: string;
  /** Makes the form of the model that `weights` belong to, and has `load` give it its values. */
  pretrained(weights: WeightsEntry, options: O, load: (model: M) => void | Promise<void>): Promise<M>;
}

/** What weights change about a model besides its values. */
export interface PretrainedForm<M extends Module, O extends ClassifierOptions> {
  /** The options to build with, from those that were given. */
  readonly options?: (given: O, weights: WeightsEntry) => O;
  /** Brings the model with its weights to the form that was asked for. */
  readonly finish?: (model: M, given: O) => void;
}

/**
 * A builder. It throws an ArgumentError if it is given something else than an object of options.
 * @param build makes the model with random weights
 */
/* @__NO_SIDE_EFFECTS__ */
export function builder<M extends Module, O extends ClassifierOptions>(
  modelName: string,
  build: (options: O) => M,
  form: PretrainedForm<M, O> = {},
): ModelBuilder<M, O> {
  const pretrained = async (weights: WeightsEntry, given: O, load: (model: M) => void | Promise<void>): Promise<M> => {
    const { categories } = weights.meta;
    const options = categories ? { ...given, numClasses: fixedClasses(given.numClasses, categories.length) } : given;
    const model = build(form.options ? form.options(options, weights) : options);
    await load(model);
    form.finish?.(model, given);
    return model;
  };
  const make = (options: O & PublishedWeights = {} as O): M | Promise<M> => {
    checkObject(modelName, options, `of options, as in ${modelName}({ weights: "DEFAULT" })`);
    const { given, choice, download } = splitOptions(options);
    if (!choice.weights && !choice.pretrained) return build(given);
    return published();

    async function published(): Promise<M> {
      const { loadPublished, resolveWeights } = await import("../weights/pretrained.js");
      const weights = resolveWeights(modelName, choice);
      return pretrained(weights, given, (model) => loadPublished(model, weights, download));
    }
  };
  return Object.assign(make as ModelBuilder<M, O>, { modelName, pretrained });
}

/** Which weights a caller asked for. */
export type AskedWeights = Pick<PublishedWeights, "weights" | "pretrained">;

const DOWNLOAD_OPTIONS: ReadonlySet<string> = new Set([
  "modelDir",
  "fileName",
  "checkHash",
  "progress",
  "mirrors",
  "fetch",
  "signal",
] satisfies (keyof DownloadOptions)[]);

/** Options of the model, which weights were asked for, and how to get them. */
function splitOptions<O extends ClassifierOptions>(
  options: O & PublishedWeights,
): { given: O; choice: AskedWeights; download: DownloadOptions } {
  const { weights, pretrained, ...rest } = options;
  const isDownload = ([name]: [string, unknown]): boolean => DOWNLOAD_OPTIONS.has(name);
  const entries = Object.entries(rest);
  return {
    given: Object.fromEntries(entries.filter((entry) => !isDownload(entry))) as O,
    choice: { weights, pretrained },
    download: Object.fromEntries(entries.filter(isDownload)),
  };
}

/** The classes that weights have, which their model has too. */
function fixedClasses(given: number | undefined, classes: number): number {
  const hint = "Leave it out, and give the model that you get another head: replaceHead(model, numClasses)";
  return fixedOption("numClasses", given, classes, hint);
}

/** The value that an option must have; torchvision's error where another was given. */
export function fixedOption<T>(option: string, given: T | undefined, value: T, hint = "Leave it out"): T {
  if (given !== undefined && given !== value)
    throw new ArgumentError(`The parameter '${option}' expected value ${value} but got ${given} instead. ${hint}`);
  return value;
}
