/**
 * Reads a file of weights into a model, which then has them once in memory, and never twice.
 *
 * The file is read and verified as a whole before the model is touched: a file that is damaged, or belongs to another
 * model, changes nothing. It costs no second copy: at the next flush the model's parameters take over the memory that
 * the file was read into, tensor by tensor, and each array on the host is given back as soon as the device has it. Hence
 * there is no other, streaming way to load; reading into the model tensor by tensor would save nothing where the device
 * has its memory in the same chips, and would leave half a model behind a file whose last checksum is wrong.
 */

import { findStateDict, load } from "@kindling/checkpoint";
import { type Module, StateDictError } from "@kindling/nn";
import { nameOf, type WeightsFile } from "../hub/index.js";

/**
 * Puts the weights of a `.pth` file into a model whose keys and shapes they match. Memory: the size of the file, and at
 * most one tensor more, while the weights move to the device. Initial values that the model was built with are dropped
 * without having been computed.
 *
 * @param file a path (in browsers: an address), or a `Blob`
 * @throws StateDictError, which names the file, if they do not match; CheckpointError if the file cannot be read. The
 *   model is then as before.
 */
export async function loadWeights(model: Module, file: WeightsFile): Promise<void> {
  const state = findStateDict(await load(file));
  try {
    model.loadStateDict(state);
  } catch (error) {
    throw error instanceof StateDictError ? misfit(error, file) : error;
  }
}

function misfit(cause: StateDictError, file: WeightsFile): StateDictError {
  const { message, missingKeys, unexpectedKeys, mismatchedKeys } = cause;
  const error = new StateDictError(`${nameOf(file)}: ${message}`, missingKeys, unexpectedKeys, mismatchedKeys);
  return Object.assign(error, { cause });
}
