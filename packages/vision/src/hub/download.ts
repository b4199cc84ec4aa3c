/** Keeps asking until a draft is the whole file: again after breaks, then at the next address. */

import { Interruption } from "./answers.js";
import { checkDownload } from "./check.js";
import { DownloadError, type DownloadErrorKind } from "./errors.js";
import type { WeightsRequest } from "./request.js";
import type { Draft, WeightsFile } from "./store.js";
import { type TransferOptions, transfer } from "./transfer.js";
import { sleep } from "./waiting.js";

/** Pauses before one server is asked again, in milliseconds; they begin anew whenever the file has grown. */
const PAUSES_MS = [250, 500, 1000, 2000, 4000];

/** Failures on this side, which no other server mends. */
const LOCAL: readonly DownloadErrorKind[] = ["read-only", "disk-full", "storage"];

/**
 * Downloads the file of a request.
 *
 * @param replace is called when the file is there and good, just before it takes its place
 * @throws DownloadError that names every address and what was wrong there; the signal's reason
 */
export async function download(
  request: WeightsRequest,
  draft: Draft,
  options: TransferOptions,
  replace: () => Promise<void>,
): Promise<WeightsFile> {
  const failures: DownloadError[] = [];
  for (const url of request.urls) {
    const take = (): Promise<WeightsFile> =>
      draft.finish(async (file) => {
        await checkDownload(file, url, request);
        await replace();
      });
    try {
      const pieced = await complete(url, draft, options);
      try {
        return await take();
      } catch (error) {
        if (!pieced || !isRemote(error)) throw error;
      }
      // The pieces may be of different versions; a file in one piece is not.
      await complete(url, draft, options);
      return await take();
    } catch (error) {
      if (!isRemote(error)) throw error;
      failures.push(error);
    }
  }
  throw summary(request, failures);
}

const isRemote = (error: unknown): error is DownloadError =>
  error instanceof DownloadError && !LOCAL.includes(error.kind);

/** Completes a draft from one address. @returns whether it was put together from several answers */
async function complete(url: string, draft: Draft, options: TransferOptions): Promise<boolean> {
  let furthest = draft.received;
  for (let failures = 0; ; failures++) {
    try {
      return await transfer(url, draft, options);
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
      if (draft.received > furthest) {
        furthest = draft.received;
        failures = 0;
      }
      if (failures >= PAUSES_MS.length) throw error.failure;
      await sleep(error.retryAfterMs ?? PAUSES_MS[failures], options.signal);
    }
  }
}

function summary({ name }: WeightsRequest, failures: readonly DownloadError[]): DownloadError {
  const last = failures.at(-1) as DownloadError;
  const [{ kind } = last] = failures.filter((failure) => failure.kind !== "not-found");
  const message =
    failures.length === 1
      ? `${name} could not be downloaded. ${last.message}`
      : `${name} could not be downloaded from any of ${failures.length} servers:${failures.map(({ message }) => `\n  ${message}`).join("")}`;
  return new DownloadError(kind, message, { cause: last });
}
