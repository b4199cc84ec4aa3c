/** One request: asks a server for what a draft lacks, and appends what comes. */

import { platform } from "#platform/hub";
import { checkStatus, continues, Interruption, originOf, totalOf } from "./answers.js";
import { DownloadError } from "./errors.js";
import type { DownloadProgress } from "./options.js";
import type { Draft, Origin } from "./store.js";
import { abortable } from "./waiting.js";

/** A server that sends nothing for so long is given up. */
const STALLED_MS = 60_000;

/** How to ask, and whom to tell. */
export interface TransferOptions {
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal | undefined;
  readonly report: (progress: DownloadProgress) => void;
  /** The file's hash is known, so a mixture of two versions would be found out. */
  readonly hashKnown: boolean;
}

/**
 * Completes a draft from an address.
 *
 * @returns whether bytes of an earlier request were kept
 * @throws Interruption for what may pass, DownloadError for what will not, the signal's reason
 */
export async function transfer(url: string, draft: Draft, options: TransferOptions): Promise<boolean> {
  const resume = canResume(url, draft, options);
  if (resume && draft.received === draft.origin?.total) return true;

  const watch = new Watch(url, options.signal);
  const headers = resume ? rangeHeaders(url, draft) : { "Accept-Encoding": "identity" };
  // Called as a function: a browser's own fetch refuses to be a method.
  const send = options.fetch;
  const response = await watch.step(() => send(url, { headers, signal: watch.signal }));
  try {
    const continued = resume && continues(url, response, draft);
    if (!continued && (response.status === 206 || response.status === 416)) {
      await draft.restart({ url });
      const failure = new DownloadError("http", `${url}: the server answered ${response.status} with another part`);
      throw new Interruption(failure, 0);
    }
    checkStatus(url, response);
    if (!continued) await draft.restart(originOf(url, response));
    await receive(url, response, draft, watch, options);
    return continued;
  } finally {
    // Of what is read to its end there is nothing to cancel; the rest is not wanted.
    response.body?.cancel().catch(() => {});
  }
}

/** Whether the rest of a file may be put behind what there is: it is the same version, or the hash will tell. */
function canResume(url: string, { received, origin }: Draft, { hashKnown }: TransferOptions): boolean {
  if (!origin || received === 0 || received > (origin.total ?? Number.POSITIVE_INFINITY)) return false;
  return hashKnown || (origin.url === url && versionOf(origin) !== undefined);
}

function rangeHeaders(url: string, { received, origin }: Draft): Record<string, string> {
  const headers = { Range: `bytes=${received}-` };
  const version = origin?.url === url ? versionOf(origin) : undefined;
  return platform.ifRange && version !== undefined ? { ...headers, "If-Range": version } : headers;
}

/** What tells versions of a file apart to the byte. A weak tag does not: it says that they are alike. */
function versionOf({ etag, lastModified }: Origin): string | undefined {
  return etag === undefined || etag.startsWith("W/") ? lastModified : etag;
}

async function receive(
  url: string,
  response: Response,
  draft: Draft,
  watch: Watch,
  { report }: TransferOptions,
): Promise<void> {
  const total = draft.origin?.total ?? totalOf(response);
  const reader = response.body?.getReader();
  try {
    report({ received: draft.received, total });
    for (;;) {
      const step = await watch.step(async () => reader?.read());
      if (!step?.value) break;
      await draft.append(step.value);
      report({ received: draft.received, total });
      if (total !== undefined && draft.received > total)
        throw new DownloadError("length", `${url}: the server promised ${total} bytes and sent more`);
    }
  } finally {
    reader?.releaseLock();
  }
  if (total !== undefined && draft.received < total) {
    const message = `${url}: the server promised ${total} bytes and sent ${draft.received}`;
    throw new Interruption(new DownloadError("length", message));
  }
}

/** Waits for a server as long as something comes now and then, and as long as the caller wants. */
class Watch {
  readonly #stalled = new AbortController();
  readonly signal: AbortSignal;

  constructor(
    private readonly url: string,
    private readonly caller: AbortSignal | undefined,
  ) {
    this.signal = caller ? AbortSignal.any([caller, this.#stalled.signal]) : this.#stalled.signal;
  }

  /** One step of the conversation. Whatever fails in it is the network's failure, and may pass. */
  async step<T>(run: () => Promise<T>): Promise<T> {
    const late = new Error(`nothing came for ${STALLED_MS / 1000} seconds`);
    const timer = setTimeout(() => this.#stalled.abort(late), STALLED_MS);
    try {
      return await abortable(run(), this.signal);
    } catch (cause) {
      this.caller?.throwIfAborted();
      throw new Interruption(new DownloadError("network", `${this.url}: ${reasons(cause)}`, { cause }));
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What an error says, and the errors behind it: `fetch` itself says no more than that it failed. */
function reasons(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return inner === undefined ? error.message : `${error.message} (${reasons(inner)})`;
}
