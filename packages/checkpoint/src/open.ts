/** Opens a checkpoint: reads the directory and the pickle, and leaves tensors in the file. */

import { platform } from "#platform";
import { CheckpointError } from "./errors.js";
import { defaultLimits, type LoadLimits, type LoadOptions } from "./limits.js";
import { mergeReads } from "./merge-reads.js";
import { recognise } from "./recognise.js";
import { type ByteSource, blobSource, bytesSource, guarded, streamSource } from "./source.js";
import { readLegacyFormat } from "./torch/legacy-format.js";
import { readZipFormat } from "./torch/zip-format.js";
import { urlSource } from "./url-source.js";

/** A path (in browsers: an address), an address, bytes, a `Blob` or `File`, a stream, or any source of bytes. */
export type CheckpointInput = string | URL | Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array> | ByteSource;

/** Opens an input. A `ByteSource` stays the caller's: closing what this gives does not close it. */
export async function openSource(input: CheckpointInput, options: LoadOptions): Promise<ByteSource> {
  options.signal?.throwIfAborted();
  // Bytes in memory need no merging of reads, all else does.
  if (input instanceof Uint8Array) return guarded(bytesSource(input), options.signal);
  if (input instanceof ArrayBuffer) return guarded(bytesSource(new Uint8Array(input)), options.signal);
  return guarded(mergeReads(await openReader(input, options)), options.signal);
}

async function openReader(
  input: Exclude<CheckpointInput, Uint8Array | ArrayBuffer>,
  options: LoadOptions,
): Promise<ByteSource> {
  if (typeof input === "string") return platform.openPath(input, options);
  if (input instanceof URL) return urlSource(input, options);
  if (input instanceof Blob) return blobSource(input);
  if (input instanceof ReadableStream) return streamSource(input, options);
  const { name, size, isRemote } = input;
  return { name, size, isRemote, read: (offset, length) => input.read(offset, length), async close() {} };
}

/** Runs a function on an opened input, and closes it. Errors name the input, also those of parts that do not know it. */
export async function withSource<T>(
  input: CheckpointInput,
  options: LoadOptions,
  use: (source: ByteSource) => Promise<T>,
): Promise<T> {
  const source = await openSource(input, options);
  try {
    return await use(source);
  } catch (error) {
    throw naming(source.name, error);
  } finally {
    await source.close();
  }
}

/** An error of a part that does not know which file it reads, with the name of the file. */
export function naming(source: string, error: unknown): unknown {
  if (!(error instanceof CheckpointError) || error.message.startsWith(`${source}: `)) return error;
  return new CheckpointError(error.kind, `${source}: ${error.message}`, { cause: error });
}

/** The limits of a load, with the defaults for a file of this size. */
export function limitsFor(source: Pick<ByteSource, "size">, limits: LoadLimits): Required<LoadLimits> {
  const chosen = defaultLimits(source.size);
  for (const key of Object.keys(chosen) as (keyof LoadLimits)[]) chosen[key] = limits[key] ?? chosen[key];
  return chosen;
}

/** The value of a `.pth` file whose tensors are still in the file, and which format of torch's it has. */
export async function readValue(
  source: ByteSource,
  limits: Required<LoadLimits>,
): Promise<{ format: "zip" | "legacy"; value: unknown }> {
  const format = await recognise(source);
  if (format === "zip") return { format, value: await readZipFormat(source, limits) };
  if (format === "legacy") return { format, value: await readLegacyFormat(source, limits) };
  throw new CheckpointError(format.kind, `${source.name}: ${format.why}`);
}
