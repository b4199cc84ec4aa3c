/** Reads a file of weights into a model. */

import { findStateDict, load } from "@kindling/checkpoint";
import type { Module } from "@kindling/nn";

/**
 * Puts the weights of a `.pth` file into a model whose keys and shapes they match.
 *
 * @throws StateDictError if they do not match; CheckpointError if the file cannot be read
 */
export async function loadWeights(model: Module, file: string | Blob): Promise<void> {
  model.loadStateDict(findStateDict(await load(file)));
}
