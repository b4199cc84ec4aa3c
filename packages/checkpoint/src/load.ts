/** `load`: the `torch.load` of this house. */

import type { LoadOptions } from "./limits.js";
import { type CheckpointInput, limitsFor, readValue, withSource } from "./open.js";
import { readTensors } from "./read-tensors.js";
import type { PythonValue } from "./values.js";
import { containers, replaceLeaves, storedTensor, storedTensors } from "./walk.js";

/**
 * Reads what `torch.save` wrote: the zip format, and the legacy format of torch before 1.6.
 *
 * Nothing in the file is run. A Python dict becomes a `Map`, a tensor (or Parameter) a `Tensor` on the host; the table in
 * `values.ts` has the rest. No device is started.
 *
 * @throws CheckpointError whose `kind` says what is wrong; the signal's reason. The memory taken stays within the limits of the options
 */
export async function load(input: CheckpointInput, options: LoadOptions = {}): Promise<PythonValue> {
  return withSource(input, options, async (source) => {
    const limits = limitsFor(source, options);
    const { value } = await readValue(source, limits);
    const found = containers(value, limits.maxDepth);
    const tensors = await readTensors(storedTensors(value, found), limits, source.name);
    return replaceLeaves(value, found, (leaf) => {
      const stored = storedTensor(leaf);
      return stored && tensors.get(stored.identity);
    }) as PythonValue;
  });
}
