/** Files, checksums and inflation in Node. */

import { constants } from "node:buffer";
import type { Stats } from "node:fs";
import { type FileHandle, open, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { inflateRaw, crc32 as zlibCrc32 } from "node:zlib";
import { CheckpointError } from "../errors.js";
import type { ByteSource } from "../source.js";
import { writeAtomically } from "./atomic-write.js";
import type { Platform } from "./platform.js";

/** One system call reads at most this much (Node refuses 2 GiB and more). */
const READ_CHUNK = 2 ** 30;

/** Output of one round of inflation; a round is a task for another thread. */
const INFLATE_CHUNK = 2 ** 24;

const inflate = promisify(inflateRaw);

async function openPath(path: string): Promise<ByteSource> {
  let file: FileHandle;
  let opened: Stats;
  try {
    file = await open(path, "r");
  } catch (cause) {
    throw new CheckpointError("io", `${path}: cannot be opened for reading (${reason(cause)})`, { cause });
  }
  try {
    opened = await file.stat();
    if (opened.isDirectory())
      throw new CheckpointError(
        "io",
        `${path}: is a folder; give the path of a file in it, of a sharded checkpoint that of its .safetensors.index.json`,
      );
    if (!opened.isFile()) throw new CheckpointError("io", `${path}: is not a regular file`);
  } catch (cause) {
    await file.close();
    throw cause;
  }
  return {
    name: path,
    size: opened.size,
    async read(offset, length) {
      if (length > constants.MAX_LENGTH)
        throw new CheckpointError("limit", `${path}: one read of ${length} bytes is more than this engine can hold`);
      const bytes = uninitialised(length);
      let read: number;
      let now: Stats;
      try {
        read = await fill(bytes, file, offset);
        now = await file.stat();
      } catch (cause) {
        throw new CheckpointError("io", `${path}: cannot be read (${reason(cause)})`, { cause });
      }
      if (now.size !== opened.size || now.mtimeMs !== opened.mtimeMs)
        throw new CheckpointError("io", `${path}: has been written to since it was opened; open it again`);
      return bytes.subarray(0, read);
    },
    close: () => file.close(),
  };
}

/** Reads until the buffer is full or the file ends; gives how many bytes there were. */
async function fill(bytes: Uint8Array, file: FileHandle, offset: number): Promise<number> {
  let done = 0;
  while (done < bytes.length) {
    const want = Math.min(READ_CHUNK, bytes.length - done);
    const { bytesRead } = await file.read(bytes, done, want, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** A buffer of its own that is not cleared first, since every byte is about to be read into it. */
function uninitialised(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer, 0, length);
}

const reason = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

export const platform: Platform = {
  openPath,
  writeAtomically,
  sibling: (path, name) => join(dirname(path), name),
  siblings: (path) => readdir(dirname(path)).catch(() => []),
  async remove(path) {
    await rm(path, { force: true }).catch((cause: unknown) => {
      throw new CheckpointError("io", `${path}: cannot be removed (${reason(cause)})`, { cause });
    });
  },
  async inflateRaw(compressed, size) {
    // A chunk of the very size is filled and handed over as it is.
    const chunkSize = Math.min(Math.max(size, 64), INFLATE_CHUNK);
    const inflated = await inflate(compressed, { maxOutputLength: Math.max(size, 1), chunkSize });
    if (inflated.length !== size) throw new RangeError(`inflated to ${inflated.length} bytes instead of ${size}`);
    return inflated.buffer.byteLength === size
      ? new Uint8Array(inflated.buffer as ArrayBuffer)
      : new Uint8Array(inflated);
  },
  crc32: (bytes) => zlibCrc32(bytes),
};
