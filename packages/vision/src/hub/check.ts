/** Tells a good file from half of one, from a web page, and from a file of another content. */

import { CheckpointError, type CheckpointErrorKind, openCheckpoint } from "@kindling/checkpoint";
import { platform } from "#platform/hub";
import { DownloadError } from "./errors.js";
import type { WeightsRequest } from "./request.js";
import { nameOf, type WeightsFile } from "./store.js";

/** What says nothing of damage: the file is whole, but asks for what the reader of checkpoints does not do. */
const UNDAMAGED: readonly CheckpointErrorKind[] = ["unsupported", "torchscript", "forbidden-global", "limit", "depth"];

/**
 * Why a file that was there before cannot be used, or undefined if it can. Its directory and pickle are read, in
 * milliseconds; torch would use it unseen. All of it is read only where these are wrong or the caller wants the hash.
 */
export async function damage(file: WeightsFile, { hash, strict }: WeightsRequest): Promise<string | undefined> {
  const flaw = await flawOf(file);
  if (hash === undefined || (flaw === undefined && !strict)) return flaw;
  const digest = await platform.sha256(file);
  return digest.startsWith(hash)
    ? undefined
    : (flaw ?? `${nameOf(file)}: its SHA-256 begins with ${digest.slice(0, hash.length)}`);
}

/** Accepts or refuses a download. @throws DownloadError of kind `hash`, or `content` where no hash is known */
export async function checkDownload(file: WeightsFile, url: string, { hash }: WeightsRequest): Promise<void> {
  if (hash === undefined) {
    const flaw = await flawOf(file);
    if (flaw !== undefined) throw new DownloadError("content", `${url} gave no weights: ${flaw}`);
    return;
  }
  const digest = await platform.sha256(file);
  if (digest.startsWith(hash)) return;
  const what = (await flawOf(file)) ?? "the file there is not the one that is meant; checkHash: false takes it anyway";
  throw new DownloadError("hash", `${url}: the SHA-256 should begin with ${hash}, but is ${digest}: ${what}`);
}

/** Whether an error of the reader is a sign of damage. */
export const isDamage = ({ kind }: CheckpointError): boolean => kind !== "io" && !UNDAMAGED.includes(kind);

/** What is wrong with a file's structure. */
async function flawOf(file: WeightsFile): Promise<string | undefined> {
  try {
    await (await openCheckpoint(file)).close();
    return undefined;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    if (error.kind === "io") throw new DownloadError("storage", error.message, { cause: error });
    return isDamage(error) ? error.message : undefined;
  }
}
