/** Builds the model of a fixture with the computed weights, and lets go of it again. */

import { fromHost, type Tensor } from "@kindling/core";
import type { Module } from "@kindling/nn";
import { models } from "@kindling/vision";
import { type FillRule, fillEntry, fillInput, type InputSpec } from "./fill.js";
import { Mismatch, NotBuilt } from "./report.js";

/** What every fixture of a model says. */
export interface ModelFixture extends FillRule {
  model: string;
  group?: "classification" | "segmentation" | "detection" | "video" | "optical_flow";
  /** `weights`: built as the builder does when it is given its default weights. */
  variant?: "none" | "weights";
  kwargs?: Record<string, unknown>;
  inputs: InputSpec[];
}

/** The fixture's model with the computed weights; `NotBuilt` for a model that we do not have yet. */
export async function buildModel(fixture: ModelFixture): Promise<models.Classifier> {
  const { model: name, variant = "none" } = fixture;
  if (models.listModels({ include: name }).length === 0) throw new NotBuilt(`the model ${name} is not built yet`);
  const builder = models.getModelBuilder(name);
  const fill = (model: models.Classifier): void => fillModel(model, fixture);
  if (variant === "weights") return builder.pretrained(models.getModelWeights(name).DEFAULT, {}, fill);
  const model = builder();
  fill(model);
  return model;
}

/** Gives every entry of a model's state dict its computed values. */
export function fillModel(model: Module, rule: FillRule): void {
  const filled = new Map<string, Tensor>();
  for (const [name, tensor] of model.stateDict()) {
    const values = fillEntry(name, tensor.shape, rule);
    if (!values) filled.set(name, tensor);
    else if (tensor.dtype === "int64")
      filled.set(name, fromHost(new BigInt64Array(values.length), tensor.shape, "int64"));
    else filled.set(name, fromHost(values, tensor.shape, "float32"));
  }
  const { missingKeys, unexpectedKeys } = model.loadStateDict(filled, { strict: true });
  if (missingKeys.length || unexpectedKeys.length) {
    throw new Mismatch(`loading its own state dict: missing ${missingKeys}, unexpected ${unexpectedKeys}`);
  }
}

/** The fixture's inputs, in order. */
export function buildInputs({ inputs, seed }: ModelFixture): Tensor[] {
  return inputs.map((input) => fromHost(fillInput(input, seed), input.shape, "float32"));
}

/** Dropout and stochastic depth off, as in the fixtures that train. */
export function disableDropout(model: Module): void {
  for (const module of model.modules()) {
    if (/^(Dropout|StochasticDepth)/.test(module.typeName)) (module as Module & { p: number }).p = 0;
  }
}

/** Gives a model's memory back without waiting for the garbage collector. */
export function disposeModel(model: Module): void {
  for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
}
