/** Published weights for a builder: which ones are meant, and the model with them. */

import { ArgumentError } from "@kindling/core";
import type { Module } from "@kindling/nn";
import { type DownloadOptions, useWeights } from "../hub/index.js";
import type { AskedWeights } from "../models/builder.js";
import type { WeightsEntry } from "./entry.js";
import { loadWeights } from "./load-into.js";
import { describeChoice, entryOf, findWeights, getWeight } from "./lookup.js";

/**
 * The weights that a caller asked for.
 *
 * @throws ArgumentError if there are none of that name, or if they belong to another model
 */
export function resolveWeights(model: string, { weights, pretrained }: AskedWeights): WeightsEntry {
  if (weights && pretrained)
    throw new ArgumentError(`${model}: both weights and pretrained were given; leave pretrained out`);
  if (!weights) return legacyWeights(model);
  const entry = typeof weights === "string" ? namedWeights(model, weights) : weights;
  if (entry.model === model) return entry;
  throw new ArgumentError(
    entry.model
      ? `Invalid weights for ${model}: ${entry.name} belongs to ${entry.model}. ${hintOf(model)}`
      : `Invalid weights for ${model}: ${describeChoice(weights)}. ${hintOf(model)}`,
  );
}

/** `"DEFAULT"`, `"IMAGENET1K_V2"` or `"ResNet50_Weights.IMAGENET1K_V2"`. */
function namedWeights(model: string, name: string): WeightsEntry {
  if (name.includes(".")) return getWeight(name);
  const weights = findWeights(model);
  if (weights) return entryOf(weights, name);
  throw new ArgumentError(`No weights available for model ${model}. ${hintOf(model)}`);
}

/** What `pretrained: true` meant before there were several: the first that were published. */
function legacyWeights(model: string): WeightsEntry {
  const first = findWeights(model)?.IMAGENET1K_V1;
  if (first) return first;
  throw new ArgumentError(`No weights available for model ${model} with pretrained: true. ${hintOf(model)}`);
}

function hintOf(model: string): string {
  const weights = findWeights(model);
  if (!weights) return "Nothing is published for it: leave weights and pretrained out";
  return `Give weights: "DEFAULT" or one of ${Object.keys(weights).join(", ")}`;
}

/** Gets the file of the weights, from the folder of downloads or the web, and puts them into a model of their form. */
export async function loadPublished(model: Module, weights: WeightsEntry, download: DownloadOptions): Promise<void> {
  const { url, hashPrefix } = weights;
  await useWeights(url, { ...download, hashPrefix }, (file) => loadWeights(model, file));
}
