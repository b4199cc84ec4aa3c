/** Where the bytes come from: an array, a `Blob` or a stream, read by range and never beyond its end. */

import { CheckpointError, type CheckpointErrorKind } from "./errors.js";
import { DEFAULT_MAX_SOURCE_BYTES, type LoadOptions } from "./limits.js";

/** Random access to the bytes of one file. */
export interface ByteSource {
  /** What to call it in messages. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Whether every read is a round trip to a server, so that few are better than small ones. Default false. */
  readonly isRemote?: boolean | undefined;
  /** Bytes `[offset, offset + length)`, in a buffer of their own that the caller may keep. The range lies inside. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** What is asked of a source that may have to be read to its end, or waited for. */
export type SourceOptions = Pick<LoadOptions, "maxSourceBytes" | "signal">;

/** Reads a range that a file merely claims to have: checked against the end of the source before memory is taken. */
export async function readRange(
  source: ByteSource,
  offset: number,
  length: number,
  what: string,
  kind: CheckpointErrorKind = "truncated",
): Promise<Uint8Array<ArrayBuffer>> {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0)
    throw new CheckpointError(kind, `${source.name}: ${what} has an impossible place (${length} bytes at ${offset})`);
  if (offset + length > source.size)
    throw new CheckpointError(
      kind,
      `${source.name}: ${what} should lie at bytes ${offset} to ${offset + length}, but the file has ${source.size}`,
    );
  const bytes = await source.read(offset, length);
  if (bytes.length !== length)
    throw new CheckpointError("truncated", `${source.name}: the file became shorter while ${what} was read`);
  return bytes;
}

/** The same source, which refuses to read once it is closed, or the signal is aborted. It is closed once. */
export function guarded(source: ByteSource, signal: AbortSignal | undefined): ByteSource {
  const { name, size, isRemote } = source;
  let closing: Promise<void> | undefined;
  return {
    name,
    size,
    isRemote,
    async read(offset, length) {
      signal?.throwIfAborted();
      if (closing) throw new CheckpointError("io", `${name}: is closed`);
      return source.read(offset, length);
    },
    close() {
      closing ??= source.close();
      return closing;
    },
  };
}

/** A source over bytes in memory. */
export function bytesSource(bytes: Uint8Array, name = "checkpoint"): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      const copy = new Uint8Array(length);
      copy.set(bytes.subarray(offset, offset + length));
      return copy;
    },
    async close() {},
  };
}

/**
 * A source over a `Blob` or a `File` of a browser; ranges are read when they are asked for. Reading fails with a
 * `CheckpointError` of kind `io` once the file that a `File` stands for has changed or is gone.
 */
export function blobSource(blob: Blob, name = "name" in blob ? String(blob.name) : "blob"): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      const bytes = await blob
        .slice(offset, offset + length)
        .arrayBuffer()
        .catch((cause: unknown) => {
          throw new CheckpointError("io", `${name}: cannot be read any more: the file has changed, or is gone`, {
            cause,
          });
        });
      return new Uint8Array(bytes);
    },
    async close() {},
  };
}

/**
 * A source over a stream: read to its end first, because the directory of an archive stands there. A stream that brings
 * nothing and does not end is waited for until the signal is aborted.
 *
 * @throws CheckpointError of kind `limit` if it brings more than `maxSourceBytes`, `io` if it fails; the signal's reason
 */
export async function streamSource(
  stream: ReadableStream<Uint8Array>,
  options: SourceOptions & { readonly name?: string } = {},
): Promise<ByteSource> {
  const { name = "stream", maxSourceBytes = DEFAULT_MAX_SOURCE_BYTES } = options;
  const collected = new BlobBuilder();
  for await (const chunk of chunksOf(stream, name, options.signal)) {
    if (collected.size + chunk.length > maxSourceBytes)
      throw new CheckpointError(
        "limit",
        `${name}: brings more than ${maxSourceBytes} bytes. If it is trusted, raise the option maxSourceBytes`,
      );
    collected.append(chunk);
  }
  return blobSource(collected.blob(), name);
}

/**
 * The pieces of a stream; the stream is cancelled where it is not read to its end.
 *
 * @throws CheckpointError of kind `io` if the stream fails, or brings anything but bytes; the signal's reason
 */
export async function* chunksOf(
  stream: ReadableStream<Uint8Array>,
  name: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const failure = (why: string, cause?: unknown): CheckpointError =>
    new CheckpointError("io", `${name}: ${why}`, { cause });
  if (stream.locked) throw failure("the stream is being read by somebody else");
  const reader = stream.getReader();
  const abort = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const step = await reader.read().catch((cause: unknown) => {
        signal?.throwIfAborted();
        throw failure("reading failed on the way", cause);
      });
      signal?.throwIfAborted();
      if (step.done) return;
      if (!(step.value instanceof Uint8Array)) throw failure("the stream brings something that is not a Uint8Array");
      yield step.value as Uint8Array<ArrayBuffer>;
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    // Of what has ended there is nothing to cancel.
    await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

/** Pieces handed over to a `Blob` in batches: what a browser has in blobs it may put on disk. */
class BlobBuilder {
  size = 0;
  private readonly done: Blob[] = [];
  private batch: Uint8Array<ArrayBuffer>[] = [];
  private batchBytes = 0;

  append(chunk: Uint8Array<ArrayBuffer>): void {
    this.size += chunk.length;
    this.batchBytes += chunk.length;
    this.batch.push(chunk);
    if (this.batchBytes >= BlobBuilder.BATCH_BYTES) this.finishBatch();
  }

  blob(): Blob {
    this.finishBatch();
    return new Blob(this.done);
  }

  private finishBatch(): void {
    this.done.push(new Blob(this.batch));
    this.batch = [];
    this.batchBytes = 0;
  }

  private static readonly BATCH_BYTES = 2 ** 24;
}
