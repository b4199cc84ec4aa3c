/**
 * A file on a web server, read by range (`Range: bytes=…`, RFC 9110 section 14). Nothing that the server says is taken
 * on trust: an answer must be the part that was asked for, of the version that was opened, and no longer.
 */

import { CheckpointError } from "./errors.js";
import { type ByteSource, chunksOf, type SourceOptions, streamSource } from "./source.js";

/**
 * Bytes at the beginning and at the end of a file that are got in one request each and kept: what opening a checkpoint
 * reads is there, the header or pickle in front and an archive's directory at the end.
 */
const EDGE_BYTES = 2 ** 18;

export interface UrlSourceOptions extends SourceOptions {
  /** Asks the server, in place of the global `fetch`; can add headers such as `Authorization`. */
  readonly fetch?: typeof fetch;
}

/**
 * A source over a web address. Opening takes one request; each read one more, except in the first and the last 256 KiB
 * of the file. A server that ignores ranges sends the whole file once, which is then kept (`maxSourceBytes`). Nothing is
 * retried, and nothing kept after closing: `fetchWeights` of `@kindling/vision` downloads files and keeps them.
 *
 * @throws CheckpointError of kind `io` for a refusal, a broken connection, an answer that is not what was asked for, or
 *   a file that was replaced since it was opened; `limit`; the signal's reason
 */
export async function urlSource(url: string | URL, options: UrlSourceOptions = {}): Promise<ByteSource> {
  const server = new Server(String(url), options);
  const response = await server.ask("GET", { Range: `bytes=0-${EDGE_BYTES - 1}` });
  const { name } = server;
  const { status, headers, body } = response;
  if (status === 200) return streamSource(body ?? new Blob([]).stream(), { ...options, name });
  if (status === 416 && headers.get("Content-Range") === "bytes */0") return server.source(0, new Uint8Array(0));
  server.check206(response);
  const range = server.contentRange(response);
  const length = range === undefined ? EDGE_BYTES : range.end - range.start + 1;
  if (range && (range.start !== 0 || length !== Math.min(EDGE_BYTES, range.total ?? length)))
    return server.refuse(response, "sent another part of the file than was asked for");
  const head = await server.body(response, length, range === undefined);
  const size = range?.total ?? (head.length < EDGE_BYTES ? head.length : await server.length());
  server.remember(response, size);
  return server.source(size, head);
}

/** One address, and what is known of the file there. */
class Server {
  private size = 0;
  private etag: string | null = null;
  private lastModified: string | null = null;
  private tail: Promise<Uint8Array<ArrayBuffer>> | undefined;

  constructor(
    readonly name: string,
    private readonly options: UrlSourceOptions,
  ) {}

  async ask(method: string, headers: Record<string, string>): Promise<Response> {
    // Called as a function: a browser's own fetch refuses to be a method.
    const { fetch: send = fetch, signal } = this.options;
    signal?.throwIfAborted();
    try {
      // Browsers let requests for one address wait for each other while they may write to the cache.
      return await send(this.name, { method, headers, signal, cache: "no-store" });
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.error(`cannot be fetched (${cause instanceof Error ? cause.message : String(cause)})`, cause);
    }
  }

  /** Remembers the version of the file that an answer is a part of. */
  remember({ headers }: Response, size: number): void {
    this.size = size;
    this.etag = headers.get("ETag");
    this.lastModified = headers.get("Last-Modified");
  }

  source(size: number, head: Uint8Array<ArrayBuffer>): ByteSource {
    const tailOffset = Math.max(0, size - EDGE_BYTES);
    return {
      name: this.name,
      size,
      isRemote: true,
      read: async (offset, length) => {
        const end = offset + length;
        if (end <= head.length) return head.slice(offset, end);
        if (offset < tailOffset) return this.range(offset, length);
        this.tail ??= this.range(tailOffset, size - tailOffset);
        const tail = await this.tail.catch((error: unknown) => {
          this.tail = undefined;
          throw error;
        });
        return tail.slice(offset - tailOffset, end - tailOffset);
      },
      async close() {},
    };
  }

  /** Length of the file, where a server of another origin does not let the page see `Content-Range`. */
  async length(): Promise<number> {
    const { status, headers, body } = await this.ask("HEAD", {});
    await body?.cancel();
    const length = headers.get("Content-Length") ?? "";
    if (status !== 200 || !/^\d+$/.test(length) || isEncoded(headers))
      throw this.error(
        "the server answers ranges without saying the file's length; " +
          "one of another origin must send Access-Control-Expose-Headers: Content-Range",
      );
    return Number(length);
  }

  private async range(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (length === 0) return new Uint8Array(0);
    const end = offset + length - 1;
    const response = await this.ask("GET", { Range: `bytes=${offset}-${end}` });
    if (response.status === 416) return this.refuse(response, CHANGED);
    this.check206(response);
    const { headers } = response;
    const range = this.contentRange(response);
    const differs = (before: string | null, now: string | null) => before !== null && now !== null && before !== now;
    if (
      differs(this.etag, headers.get("ETag")) ||
      differs(this.lastModified, headers.get("Last-Modified")) ||
      (range?.total !== undefined && range.total !== this.size)
    )
      return this.refuse(response, CHANGED);
    if (range && (range.start !== offset || range.end !== end))
      return this.refuse(response, "sent another part of the file than was asked for");
    return this.body(response, length);
  }

  check206(response: Response): void {
    const { status, statusText, headers } = response;
    if (status === 206 && !isEncoded(headers)) return;
    response.body?.cancel().catch(() => {});
    if (status === 206) throw this.error("the server sent a compressed part, of which no byte can be placed");
    if (status === 200) throw this.error("the server stopped answering ranges");
    throw this.error(`the server answered ${`${status} ${statusText}`.trimEnd()}`);
  }

  /** What part of the file an answer says it is; undefined where it does not say. */
  contentRange(response: Response): { start: number; end: number; total: number | undefined } | undefined {
    const value = response.headers.get("Content-Range");
    if (value === null) return undefined;
    const [, start, end, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(value) ?? [];
    if (start === undefined || Number(start) > Number(end) || Number(end) >= Number(total === "*" ? Infinity : total))
      return this.refuse(response, "says something impossible in Content-Range");
    return { start: Number(start), end: Number(end), total: total === "*" ? undefined : Number(total) };
  }

  /** The body of an answer: exactly `length` bytes, or with `mayEndEarly` at most so many. No more are waited for. */
  async body({ body }: Response, length: number, mayEndEarly = false): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.allocate(length);
    let received = 0;
    for await (const chunk of chunksOf(body ?? new Blob([]).stream(), this.name, this.options.signal)) {
      if (received + chunk.length > length) throw this.error(`the server sent more than the ${length} bytes asked for`);
      bytes.set(chunk, received);
      received += chunk.length;
    }
    if (received === length) return bytes;
    if (mayEndEarly) return bytes.slice(0, received);
    throw this.error(`the server sent ${received} of the ${length} bytes asked for`);
  }

  private allocate(length: number): Uint8Array<ArrayBuffer> {
    try {
      return new Uint8Array(length);
    } catch (cause) {
      const message = `${this.name}: one read of ${length} bytes is more than this engine can hold`;
      throw new CheckpointError("limit", message, { cause });
    }
  }

  /** Gives an answer up. */
  refuse(response: Response, why: string): never {
    response.body?.cancel().catch(() => {});
    throw this.error(`the server ${why}`);
  }

  private error(why: string, cause?: unknown): CheckpointError {
    return new CheckpointError("io", `${this.name}: ${why}`, { cause });
  }
}

const CHANGED = "has another version of the file than the one that was opened; open it again";

const isEncoded = (headers: Headers): boolean => (headers.get("Content-Encoding") ?? "identity") !== "identity";
