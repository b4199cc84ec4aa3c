/** Published weights by name, for programs that learn only at run time which model and which weights are wanted. */

import { ArgumentError } from "@kindling/core";
import { nearestNames } from "@kindling/nn";
import { modelKey, unknownModel } from "../models/registry.js";
import * as classification from "./classification.js";
import type { WeightsEntry, WeightsEnum } from "./entry.js";

const ENUMS: Readonly<Record<string, WeightsEnum>> = { ...classification };

/** The weights that are published for a model, if there are any. */
export function findWeights(model: string): WeightsEnum | undefined {
  return Object.values(ENUMS).find(({ DEFAULT }) => DEFAULT.model === model);
}

/**
 * The weights that are published for a model: an object with its entries in torchvision's order, and `DEFAULT`.
 *
 * @param model the name of a builder (`"resnet50"`), or the builder itself
 * @throws ArgumentError for an unknown name, with the nearest ones
 */
export function getModelWeights(model: string | { readonly modelName: string }): WeightsEnum {
  const name = modelKey(typeof model === "string" ? model : (model?.modelName ?? model));
  const weights = findWeights(name);
  if (weights) return weights;
  throw unknownModel(
    name,
    Object.values(ENUMS).map(({ DEFAULT }) => DEFAULT.model),
  );
}

/**
 * The weights of a full name: `"ResNet50_Weights.IMAGENET1K_V2"`, `"ResNet50_Weights.DEFAULT"`.
 *
 * @throws ArgumentError for an unknown name, with the nearest ones
 */
export function getWeight(name: string): WeightsEntry {
  const parts = String(name).split(".");
  if (parts.length !== 2)
    throw new ArgumentError(
      `Invalid weight name provided: '${name}'; expected one like ResNet50_Weights.IMAGENET1K_V2`,
    );
  const [enumName, entry] = parts;
  if (Object.hasOwn(ENUMS, enumName)) return entryOf(ENUMS[enumName], entry);
  const near = nearestNames(enumName, Object.keys(ENUMS));
  const hint =
    near.length > 0 ? `did you mean ${near.join(" or ")}?` : "listModels() names the models that have weights";
  throw new ArgumentError(`The weight enum '${enumName}' for the specific method couldn't be retrieved; ${hint}`);
}

/** The entry of a name, `DEFAULT` among them. @throws ArgumentError that lists the entries for an unknown one */
export function entryOf(weights: WeightsEnum, entry: string): WeightsEntry {
  if (Object.hasOwn(weights, entry)) return weights[entry];
  const { enumName } = weights.DEFAULT;
  const names = ["DEFAULT", ...Object.keys(weights)].join(", ");
  throw new ArgumentError(`Unknown value '${entry}' for ${enumName}; it has ${names}`);
}

/** What was given for an entry and is none, for an error's message. */
export function describeChoice(given: unknown): string {
  const all = Object.values(ENUMS).find((weights) => weights === given);
  if (!all) return JSON.stringify(given);
  const { enumName } = all.DEFAULT;
  return `${enumName} is all of a model's weights; take one entry of it, such as ${enumName}.DEFAULT`;
}
