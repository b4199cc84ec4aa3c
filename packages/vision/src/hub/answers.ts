/** What the head of a server's answer says: refusal, version, length, which part of the file follows. */

import { DownloadError } from "./errors.js";
import type { Draft, Origin } from "./store.js";

/** A failure that may pass, and after how long the server says to ask again. */
export class Interruption extends Error {
  constructor(
    readonly failure: DownloadError,
    readonly retryAfterMs?: number,
  ) {
    super(failure.message);
  }
}

/** Answers of servers that are busy or being repaired. */
const PASSING: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** A server that wants to be left alone for longer is not waited for. */
const LONGEST_WAIT_MS = 60_000;

/** @throws Interruption or DownloadError if the answer is no part of a file */
export function checkStatus(url: string, { status, statusText, headers }: Response): void {
  if (status === 200 || status === 206) return;
  const answer = `${url}: the server answered ${status} ${statusText}`.trimEnd();
  if (status === 404 || status === 410) throw new DownloadError("not-found", answer);
  if (status === 401 || status === 403)
    throw new DownloadError("http", `${answer}. Some servers, PyTorch's too, say so of files that they do not have`);
  const wait = retryAfter(headers.get("Retry-After"));
  if (wait !== undefined && wait > LONGEST_WAIT_MS)
    throw new DownloadError("http", `${answer}, and wants to be asked again in ${Math.ceil(wait / 1000)} seconds`);
  const error = new DownloadError("http", answer);
  throw PASSING.includes(status) ? new Interruption(error, wait) : error;
}

/** Milliseconds to wait, from a number of seconds or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const wait = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
}

/** What an answer with a whole file says of it. */
export function originOf(url: string, { headers }: Response): Origin {
  // Of a compressed answer neither length nor ranges are those of the bytes that arrive.
  if ((headers.get("Content-Encoding") ?? "identity") !== "identity") return { url };
  return {
    url,
    etag: headers.get("ETag") ?? undefined,
    lastModified: headers.get("Last-Modified") ?? undefined,
    total: contentLength(headers),
  };
}

/** Whether an answer holds the rest of a draft, as far as its head tells. */
export function continues(url: string, { status, headers }: Response, { received, origin }: Draft): boolean {
  if (status !== 206) return false;
  const range = contentRange(headers);
  const length = contentLength(headers);
  // Across origins a browser shows the length but not the range.
  const start = range ? range.start : received;
  const total = range?.total ?? (length === undefined ? undefined : received + length);
  if (start !== received || (total !== undefined && origin?.total !== undefined && total !== origin.total))
    return false;
  return (
    origin?.url !== url ||
    (same(origin.etag, headers.get("ETag")) && same(origin.lastModified, headers.get("Last-Modified")))
  );
}

const same = (before: string | undefined, now: string | null): boolean =>
  before === undefined || now === null || before === now;

/** Length of the whole file, from an answer with the rest of it. */
export const totalOf = ({ headers }: Response): number | undefined => contentRange(headers)?.total;

function contentLength(headers: Headers): number | undefined {
  const value = headers.get("Content-Length");
  return value !== null && /^\d+$/.test(value) ? Number(value) : undefined;
}

function contentRange(headers: Headers): { start: number; total: number | undefined } | undefined {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("Content-Range") ?? "") ?? [];
  if (start === undefined) return undefined;
  return { start: Number(start), total: total === "*" ? undefined : Number(total) };
}
