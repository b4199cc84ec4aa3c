/** The one error of this package: what is wrong with a checkpoint, as a word for programs and a sentence for people. */

import { KindlingError } from "@kindling/core";

/**
 * What went wrong, for programs to branch on.
 *
 * | kind | meaning |
 * |---|---|
 * | `io` | the file cannot be opened, read or written |
 * | `not-a-checkpoint` | the bytes are something else: a web page, another archive, an empty file |
 * | `truncated` | the file ends too early |
 * | `unsupported` | legal, but not something this package reads or writes |
 * | `torchscript` | a TorchScript archive: a program, not weights |
 * | `zip`, `crc` | the archive contradicts itself; a checksum does not match |
 * | `missing-member` | the pickle names a storage that the file does not hold |
 * | `bad-pickle` | the pickle is malformed |
 * | `forbidden-global` | the pickle asks for a class or function that is not on the list of known ones |
 * | `storage-size`, `bounds` | a storage of another size than claimed; a tensor that leaves its storage |
 * | `depth`, `cycle`, `limit` | nested too deep; contains itself; needs more memory than allowed |
 * | `safetensors` | a malformed safetensors header, or index of shards |
 */
export type CheckpointErrorKind =
  | "io"
  | "not-a-checkpoint"
  | "truncated"
  | "unsupported"
  | "torchscript"
  | "zip"
  | "crc"
  | "missing-member"
  | "bad-pickle"
  | "forbidden-global"
  | "storage-size"
  | "bounds"
  | "depth"
  | "cycle"
  | "limit"
  | "safetensors";

/** A checkpoint that cannot be read or written; `kind` says in one word why. */
export class CheckpointError extends KindlingError {
  override name = "CheckpointError";

  constructor(
    readonly kind: CheckpointErrorKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
