/** `save` and `toBytes`: the `torch.save` of this house. */

import { platform } from "#platform";
import { torchArchive } from "./torch/writer.js";
import { concat } from "./zip/writer.js";

/**
 * Writes a value as `torch.save` does, in the zip format.
 *
 * A `Map` of names to tensors, such as `module.stateDict()`, is saved as an `OrderedDict` of detached tensors, any other
 * `Map` or plain object as a dict; the table in `values.ts` has the rest. A tensor that occurs twice is written once;
 * tensors that are views of one tensor share one storage, in the file and in torch.
 *
 * Tensors are written as they are at the time of the call, so that training may go on. They come to the host one by one:
 * there is no second copy of a model, but of tensors that are written to before their turn has come.
 *
 * Equal values give equal bytes, whatever the path and the time. The file is written whole or not at all: a temporary
 * file beside it, fsync, rename, fsync of the folder.
 *
 * `torch.load(path, weights_only=True)`, the default since torch 2.6, reads all of it but `FrozenSet`s, `PythonObject`s
 * and integers of more than 255 bytes; older versions read less. torch 1.13 takes dicts, lists, tuples, strings, ints,
 * `Size`s and tensors of its dtypes with `weights_only`, but no floats, which torch 2.0 added; bytes, sets, complex numbers
 * and `torch.device`s came last. `weights_only=False` reads everything in any version. `float8`, `uint16` to `uint64` and
 * `complex32` tensors need torch 2.3.
 *
 * @throws CheckpointError of kind `io`, or `unsupported`, `cycle` or `depth` for a value that a checkpoint cannot hold
 */
export async function save(value: unknown, path: string): Promise<void> {
  const archive = torchArchive(value);
  try {
    await platform.writeAtomically(path, archive.chunks());
  } finally {
    archive.release();
  }
}

/** The bytes that `save` would write. */
export async function toBytes(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const archive = torchArchive(value);
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of archive.chunks()) chunks.push(chunk);
    return concat(chunks);
  } finally {
    archive.release();
  }
}
