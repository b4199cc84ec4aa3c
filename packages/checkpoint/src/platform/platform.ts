/** What the package asks of the place it runs in; one implementation for Node and one for browsers. */

import type { ByteSource, SourceOptions } from "../source.js";

export interface Platform {
  /** Opens a path (Node) or an address (browsers) for reading by range; a `CheckpointError` of kind `io` where it cannot. */
  openPath(path: string, options: SourceOptions): Promise<ByteSource>;
  /** The path of a file named `name` beside the file at `path`. */
  sibling(path: string, name: string): string;
  /** Writes the chunks as one file, whole or not at all: a temporary file, fsync, rename. */
  writeAtomically(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** The names of the files beside the file at `path`. */
  siblings(path: string): Promise<string[]>;
  /** Removes a file if it is there. */
  remove(path: string): Promise<void>;
  /** Inflates a raw deflate stream that must give exactly `size` bytes; rejects at the first byte more, or on garbage. */
  inflateRaw(compressed: Uint8Array<ArrayBuffer>, size: number): Promise<Uint8Array<ArrayBuffer>>;
  /** CRC-32 of zip (ISO 3309). */
  crc32(bytes: Uint8Array): number;
}
