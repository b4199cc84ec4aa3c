/** Says what a failing store of a browser means for a download. */

import { DownloadError } from "../errors.js";

export function storageFault(cause: unknown, name: string): DownloadError {
  const full = cause instanceof DOMException && cause.name === "QuotaExceededError";
  if (full)
    return new DownloadError("disk-full", `no room for ${name}: the browser gives this site no more storage`, {
      cause,
    });
  return new DownloadError("storage", `${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
}
