/** What a classifier returns: logits, or in training mode logits with those of auxiliary classifiers. */

import { Tensor } from "@kindling/core";
import type { Module } from "@kindling/nn";

/** Logits [N, numClasses] of the last layer, and under other names those of auxiliary classifiers. */
export interface AuxiliaryOutputs {
  readonly logits: Tensor;
}

/** A model whose name is known only when the program runs. */
export interface Classifier extends Module {
  /** x: [N, 3, H, W] */
  forward(x: Tensor): Tensor | AuxiliaryOutputs;
}

/** The logits of the last layer, then those of the auxiliary classifiers, if there are any. */
export function outputsOf(output: Tensor | AuxiliaryOutputs): [logits: Tensor, ...auxiliary: Tensor[]] {
  if (output instanceof Tensor) return [output];
  const { logits, ...auxiliary } = output;
  return [logits, ...Object.values<Tensor>(auxiliary)];
}
