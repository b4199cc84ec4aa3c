/** Where the bytes come from: an array, a `Blob`, a file or a web address, read by range and never beyond its end. */

import { CheckpointError, type CheckpointErrorKind } from "./errors.js";

/** Random access to the bytes of one file. */
export interface ByteSource {
  /** What to call it in messages. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Bytes `[offset, offset + length)`, in a buffer of their own that the caller may keep. The range lies inside. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

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

/** A source over a `Blob` or a `File` of a browser; ranges are read when they are asked for. */
export function blobSource(blob: Blob, name = "name" in blob ? String(blob.name) : "blob"): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
    async close() {},
  };
}

/** A source over a stream: read to its end first, because the directory of an archive stands there. */
export async function streamSource(stream: ReadableStream<Uint8Array>, name = "stream"): Promise<ByteSource> {
  return blobSource(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).blob(), name);
}

/**
 * A source over a web address, read by range (`Range: bytes=…`). A server that ignores ranges sends the whole file
 * once, which is then kept.
 */
export async function urlSource(url: string | URL, fetcher: typeof fetch = fetch): Promise<ByteSource> {
  const name = String(url);
  const ask = async (range: string): Promise<Response> => {
    const response = await fetcher(url, { headers: { Range: range } }).catch((cause: unknown) => {
      throw new CheckpointError("io", `${name}: cannot be fetched`, { cause });
    });
    if (!response.ok && response.status !== 416)
      throw new CheckpointError("io", `${name}: the server answered ${response.status} ${response.statusText}`);
    return response;
  };
  const first = await ask("bytes=0-0");
  if (first.status === 200) return blobSource(await first.blob(), name);
  const total = /\/(\d+)$/.exec(first.headers.get("Content-Range") ?? "")?.[1];
  await first.body?.cancel();
  if (total === undefined)
    throw new CheckpointError("io", `${name}: the server answers ranges without saying the file's length`);
  return {
    name,
    size: Number(total),
    async read(offset, length) {
      if (length === 0) return new Uint8Array(0);
      const response = await ask(`bytes=${offset}-${offset + length - 1}`);
      if (response.status !== 206)
        throw new CheckpointError("io", `${name}: the server stopped answering ranges (status ${response.status})`);
      return new Uint8Array(await response.arrayBuffer());
    },
    async close() {},
  };
}
