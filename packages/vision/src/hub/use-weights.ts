/** Reads a file of weights, and downloads it again where only reading it shows that it is damaged. */

import { CheckpointError } from "@kindling/checkpoint";
import { isDamage } from "./check.js";
import { fetchWeights, requestFor } from "./fetch-weights.js";
import type { WeightsOptions } from "./options.js";
import { hashInName } from "./request.js";
import { nameOf, type WeightsFile } from "./store.js";

/**
 * Gets the file of an address, as `fetchWeights` does, and reads it. What the reader finds wrong makes the file's hash
 * count, also of a file that is there already: if that is wrong too, the file is downloaded again and read once more.
 *
 * @param read may be called twice, and rejects with CheckpointError where it cannot read the file
 * @throws DownloadError if the file cannot be got; CheckpointError that names the file and says what to do; else what
 *   `read` rejects with
 */
export async function useWeights<T>(
  source: string | URL,
  options: WeightsOptions,
  read: (file: WeightsFile) => Promise<T>,
): Promise<T> {
  const file = await fetchWeights(source, options);
  try {
    return await read(file);
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.kind === "io") throw error;
    const hash = hashAgainst(error, source, options);
    if (hash === undefined) throw unverified(error, file);
    const verified = await fetchWeights(source, { ...options, checkHash: hash });
    // Read even if the hash was right: another process may have replaced the file meanwhile.
    return read(verified).catch((again) => {
      throw again instanceof CheckpointError ? asPublished(again, verified, hash) : again;
    });
  }
}

/** The hash that tells whether to download a file again. Digits in its name count only once it looks damaged. */
function hashAgainst(error: CheckpointError, source: string | URL, options: WeightsOptions): string | undefined {
  const { hash, name } = requestFor(source, options);
  return hash ?? (options.checkHash === undefined && isDamage(error) ? hashInName(name) : undefined);
}

function unverified(cause: CheckpointError, file: WeightsFile): CheckpointError {
  const remove = typeof file === "string" ? `Remove ${file}` : "Remove this site's data, or give another modelDir,";
  return withAdvice(
    cause,
    `${remove} to download it again, or give the first digits of its SHA-256 as checkHash: a file of which no hash is ` +
      "known, or is to be checked, is not replaced",
  );
}

function asPublished(cause: CheckpointError, file: WeightsFile, hash: string): CheckpointError {
  return withAdvice(
    cause,
    `The SHA-256 of ${nameOf(file)} begins with ${hash}, as it should, so that another download would be the same: ` +
      "tell whoever publishes the file, or use another",
  );
}

const withAdvice = (cause: CheckpointError, advice: string): CheckpointError =>
  new CheckpointError(cause.kind, `${cause.message}\n${advice}`, { cause });
