/** Which parameters learn: freezing a model but for a part of it, and thawing it part by part (Howard & Ruder 2018). */

import { ArgumentError } from "@kindling/core";
import { BatchNorm1d, BatchNorm2d, Module, nearestNames, type Parameter } from "@kindling/nn";
import { findHead } from "./head.js";
import { checkOptions, shown } from "./options.js";

/** Decides by state-dict name: `layer4.0.conv1.weight`. */
export type ParameterPredicate = (name: string, parameter: Parameter) => boolean;

/**
 * A part of a model: a module of it; the path of a module or a parameter (`"layer4"`), or `"head"` for the last layer
 * and those of auxiliary classifiers; a pattern that state-dict names match; a function of name and parameter.
 */
export type ModelPart = Module | string | RegExp | ParameterPredicate;

export interface FreezeOptions {
  /** What is left as it is. Default nothing. */
  readonly except?: ModelPart | readonly ModelPart[];
  /**
   * `"train"`: frozen batch norms go on normalising by the batch and updating their statistics in training mode, as in
   * torch. `"eval"`: they use the statistics that they have, and keep them, whatever `model.train()` says. Default "train".
   */
  readonly batchNorm?: "train" | "eval";
}

/**
 * Stops parameters from learning: no gradients are computed for them, and nothing of the backward pass that only they
 * would need.
 * @returns the parameters that still learn, for the optimizer
 * @throws ArgumentError if a part given as `except` is none of the model's, or an option is unknown
 */
export function freeze(model: Module, options: FreezeOptions = {}): Parameter[] {
  checkOptions("freeze", options, ["except", "batchNorm"]);
  const { except = [], batchNorm = "train" } = options;
  if (batchNorm !== "train" && batchNorm !== "eval")
    throw new ArgumentError(`freeze: batchNorm is ${String(batchNorm)}; expected "train" or "eval"`);
  const kept = parametersOf("freeze", model, except);
  for (const parameter of model.parameters()) if (!kept.has(parameter)) parameter.requiresGrad = false;
  for (const norm of batchNorms(model))
    if (!norm.parameters().some((parameter) => kept.has(parameter))) norm.frozenStatistics = batchNorm === "eval";
  return model.parameters().filter((parameter) => parameter.requiresGrad);
}

/**
 * Lets parameters learn again, and their batch norms collect statistics; one part after the other thaws a model
 * gradually. Give an optimizer that exists already the new parameters by `addParamGroup`.
 * @param only what thaws; everything if not given
 * @returns the parameters that were frozen and now learn
 * @throws ArgumentError if a part given as `only` is none of the model's
 */
export function unfreeze(model: Module, only?: ModelPart | readonly ModelPart[]): Parameter[] {
  const parts = only === undefined ? new Set(model.parameters()) : parametersOf("unfreeze", model, only);
  const thawed = [...parts].filter((parameter) => !parameter.requiresGrad);
  for (const parameter of thawed) parameter.requiresGrad = true;
  for (const norm of batchNorms(model))
    if (only === undefined || norm.parameters().some((parameter) => parts.has(parameter)))
      norm.frozenStatistics = false;
  return thawed;
}

const batchNorms = (model: Module): (BatchNorm1d | BatchNorm2d)[] =>
  model.modules().filter((module) => module instanceof BatchNorm1d || module instanceof BatchNorm2d);

/** The parameters of parts of a model. */
function parametersOf(caller: string, model: Module, parts: ModelPart | readonly ModelPart[]): Set<Parameter> {
  const list = Array.isArray(parts) ? (parts as readonly ModelPart[]) : [parts as ModelPart];
  return new Set(
    list.flatMap((part) => {
      if (!isPart(part))
        throw new ArgumentError(
          `${caller}: a part of the model is ${shown(part)}; expected a module, a path, "head", a pattern or a function`,
        );
      const found = parametersOfPart(model, part);
      if (found.length === 0) throw noSuchPart(caller, model, part);
      return found;
    }),
  );
}

const isPart = (part: unknown): boolean =>
  typeof part === "string" || typeof part === "function" || part instanceof Module || part instanceof RegExp;

function parametersOfPart(model: Module, part: ModelPart): Parameter[] {
  if (part instanceof Module) return model.modules().includes(part) ? part.parameters() : [];
  const matches = typeof part === "string" ? under(model, part) : part instanceof RegExp ? matching(part) : part;
  return model.namedParameters().flatMap(([name, parameter]) => (matches(name, parameter) ? [parameter] : []));
}

function under(model: Module, path: string): ParameterPredicate {
  const isField = model.namedChildren().some(([name]) => name === path);
  const paths = path === "head" && !isField ? headPaths(model) : [path];
  return (name) => paths.some((p) => name === p || name.startsWith(`${p}.`));
}

function headPaths(model: Module): string[] {
  const { path, auxiliary } = findHead(model);
  return [path, ...auxiliary.map((head) => head.path)];
}

/** A pattern with the flag `g` would go on where it left off. */
const matching =
  (pattern: RegExp): ParameterPredicate =>
  (name) =>
    name.search(pattern) >= 0;

function noSuchPart(caller: string, model: Module, part: ModelPart): ArgumentError {
  if (part instanceof Module)
    return new ArgumentError(`${caller}: the ${part.typeName} given is not in the model, or has no parameters`);
  if (typeof part !== "string")
    return new ArgumentError(
      `${caller}: ${part instanceof RegExp ? `no parameter's name matches ${part}` : "the function chose no parameter"}; ` +
        `names are like ${model.namedParameters()[0]?.[0] ?? "none: the model has no parameters"}`,
    );
  const names = [...model.namedModules(), ...model.namedParameters()].map(([name]) => name);
  const near = nearestNames(part, new Set(names.filter((name) => name !== "")));
  const hint =
    near.length > 0
      ? `did you mean ${near.join(" or ")}?`
      : `the model has ${model
          .namedChildren()
          .map(([name]) => name)
          .join(", ")}`;
  return new ArgumentError(`${caller}: there are no parameters under "${part}"; ${hint}`);
}
