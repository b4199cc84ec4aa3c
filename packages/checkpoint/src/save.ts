/** `save` and `toBytes`: the `torch.save` of this house. */

import { platform } from "#platform";
import { torchArchive } from "./torch/writer.js";
import { concat } from "./zip/writer.js";

/**
 * Writes a value as `torch.save` does, in the zip format that `torch.load(path, weights_only=True)` reads.
 *
 * A `Map` of names to tensors, such as `module.stateDict()`, is saved as an `OrderedDict`, any other `Map` or plain
 * object as a dict; `PythonValue` and the table in `values.ts` have the rest. A tensor object that occurs twice is written once. Equal
 * values give equal bytes. The file is written whole or not at all: a temporary file beside it, fsync, rename.
 *
 * @throws CheckpointError of kind `io`, or `unsupported`, `cycle` or `depth` for a value that a checkpoint cannot hold
 */
export async function save(value: unknown, path: string): Promise<void> {
  await platform.writeAtomically(path, torchArchive(value));
}

/** The bytes that `save` would write. */
export async function toBytes(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of torchArchive(value)) chunks.push(chunk);
  return concat(chunks);
}
