/** The last layer of a classifier, whatever the model calls it, and how to give it other classes. */

import { ArgumentError } from "@kindling/core";
import { Conv2d, Linear, type Module } from "@kindling/nn";

/** Fields in which torchvision's classifiers keep their head. */
const HEAD_FIELDS = ["fc", "classifier", "heads", "head"] as const;

/** Where the head of a model is. */
export interface Head {
  /** Its path in the model, and the prefix of its state-dict keys: `fc`, `classifier.3`, `heads.head`. */
  readonly path: string;
  /** Linear, or in fully convolutional models such as SqueezeNet a 1×1 convolution. */
  readonly layer: Linear | Conv2d;
}

/**
 * The layer that gives the logits: the last `Linear` or `Conv2d` in the field `fc`, `classifier`, `heads` or `head`.
 * @throws ArgumentError if the model has none
 */
export function findHead(model: Module): Head {
  const fields = new Map(model.namedChildren());
  for (const field of HEAD_FIELDS) {
    const found = fields.get(field)?.namedModules().filter(isHead).at(-1);
    if (found) return { path: found[0] === "" ? field : `${field}.${found[0]}`, layer: found[1] };
  }
  throw new ArgumentError(
    `${model.typeName} has no linear layer or convolution in ${HEAD_FIELDS.join(", ")}; it has ${[...fields.keys()].join(", ")}. ` +
      "Replace its last layer by hand: model.field = new Linear(inFeatures, numClasses)",
  );
}

const isHead = (named: [string, Module]): named is [string, Linear | Conv2d] =>
  named[1] instanceof Linear || named[1] instanceof Conv2d;

/**
 * Puts a new last layer for `numClasses` classes in place of the old one, with torch's default initialisation.
 * Parameters frozen before stay frozen, and those of the new layer are trainable.
 * @returns the new layer and where it stands
 * @throws ArgumentError if the model has no head that `findHead` knows
 */
export function replaceHead(model: Module, numClasses: number): Head {
  if (!Number.isSafeInteger(numClasses) || numClasses < 1)
    throw new ArgumentError(`replaceHead: ${numClasses} classes; expected a whole number, 1 or more`);
  const { path, layer } = findHead(model);
  const bias = layer.bias !== null;
  const fresh =
    layer instanceof Linear
      ? new Linear(layer.inFeatures, numClasses, { bias })
      : new Conv2d(layer.inChannels, numClasses, layer.kernelSize, {
          stride: layer.stride,
          padding: layer.padding,
          dilation: layer.dilation,
          bias,
        });
  const at = path.lastIndexOf(".");
  model.getSubmodule(path.slice(0, Math.max(at, 0))).addModule(path.slice(at + 1), fresh);
  return { path, layer: fresh };
}
