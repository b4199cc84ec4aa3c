/** The last layer of a classifier, whatever the model calls it, and how to give it other classes. */

import { ArgumentError } from "@kindling/core";
import { Conv2d, Linear, type Module } from "@kindling/nn";
import { checkClasses } from "./options.js";

/** Fields in which torchvision's classifiers keep their head. */
export const HEAD_FIELDS = ["fc", "classifier", "heads", "head"] as const;

/** Fields of auxiliary classifiers: `aux1` and `aux2` of GoogLeNet, `AuxLogits` of Inception v3. */
export const isAuxiliary = (field: string): boolean => /^aux/i.test(field);

/** Where a layer that gives logits is. */
export interface Head {
  /** Its path in the model, and the prefix of its state-dict keys: `fc`, `classifier.3`, `heads.head`. */
  readonly path: string;
  /** Linear, or in fully convolutional models such as SqueezeNet a 1×1 convolution. */
  readonly layer: Linear | Conv2d;
}

/** The head of a model, with those of its auxiliary classifiers. */
export interface ModelHead extends Head {
  /** The last layers of the classifiers that only training uses; empty for most models. */
  readonly auxiliary: readonly Head[];
}

/**
 * The layer that gives the logits: the last `Linear` or `Conv2d` in the field `fc`, `classifier`, `heads` or `head`.
 * @throws ArgumentError if the model has none
 */
export function findHead(model: Module): ModelHead {
  const fields = new Map(model.namedChildren());
  for (const field of HEAD_FIELDS) {
    const head = lastLayer(field, fields.get(field));
    if (head) return { ...head, auxiliary: auxiliaryHeads(fields) };
  }
  throw new ArgumentError(
    `${model.typeName} has no linear layer or convolution in ${HEAD_FIELDS.join(", ")}; it has ${[...fields.keys()].join(", ")}. ` +
      "Replace its last layer by hand: model.field = new Linear(inFeatures, numClasses)",
  );
}

function auxiliaryHeads(fields: ReadonlyMap<string, Module>): Head[] {
  return [...fields].flatMap(([field, module]) => (isAuxiliary(field) ? (lastLayer(field, module) ?? []) : []));
}

function lastLayer(field: string, module: Module | undefined): Head | undefined {
  const found = module?.namedModules().filter(isHead).at(-1);
  return found && { path: found[0] === "" ? field : `${field}.${found[0]}`, layer: found[1] };
}

const isHead = (named: [string, Module]): named is [string, Linear | Conv2d] =>
  named[1] instanceof Linear || named[1] instanceof Conv2d;

/**
 * Puts a new last layer for `numClasses` classes in place of the old one, with torch's default initialisation; in
 * models with auxiliary classifiers, there too. Parameters frozen before stay frozen, and those of the new layers are
 * trainable.
 * @returns the new layers and where they stand
 * @throws ArgumentError for a number of classes below 1, or if the model has no head that `findHead` knows
 */
export function replaceHead(model: Module, numClasses: number): ModelHead {
  checkClasses("replaceHead", numClasses);
  const { auxiliary, ...head } = findHead(model);
  return {
    ...replaceLayer(model, head, numClasses),
    auxiliary: auxiliary.map((aux) => replaceLayer(model, aux, numClasses)),
  };
}

function replaceLayer(model: Module, { path, layer }: Head, numClasses: number): Head {
  const fresh = withOutputs(layer, numClasses);
  fresh.train(layer.training);
  const at = path.lastIndexOf(".");
  model.getSubmodule(path.slice(0, Math.max(at, 0))).addModule(path.slice(at + 1), fresh);
  return { path, layer: fresh };
}

/** A layer like this one, but for its number of outputs and its values. */
function withOutputs(layer: Linear | Conv2d, outputs: number): Linear | Conv2d {
  const bias = layer.bias !== null;
  if (layer instanceof Linear) return new Linear(layer.inFeatures, outputs, { bias });
  const { inChannels, kernelSize, stride, padding, dilation } = layer;
  return new Conv2d(inChannels, outputs, kernelSize, { stride, padding, dilation, bias });
}
