/** Says what a failing file system means for a download, and what to do about it. */

import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { DownloadError } from "../errors.js";

/** Codes of folders that cannot be made or written to. */
const NOT_WRITABLE: ReadonlySet<string | undefined> = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOTDIR",
  "EEXIST",
  "ENOENT",
]);
const FULL: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT"]);

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

export const isFull = (error: unknown): boolean => FULL.has(codeOf(error));

/** The error for a folder that cannot be made, or a file that cannot be made in it. */
export async function folderFault(cause: unknown, folder: string): Promise<DownloadError> {
  if (isFull(cause)) return fullDisk(cause, folder, undefined);
  const code = codeOf(cause);
  if (!NOT_WRITABLE.has(code)) return storageFault(cause, folder);
  const message =
    `${folder} cannot be written to (${code}). Give another folder as modelDir, or name one in TORCH_HOME; ` +
    "or put the file there by other means: then nothing is written";
  return new DownloadError("read-only", message, { cause });
}

/** @param missing bytes for which there was no room, where known */
export async function fullDisk(cause: unknown, path: string, missing: number | undefined): Promise<DownloadError> {
  const space = await statfs(dirname(path)).catch(() => undefined);
  const free = space ? `${space.bavail * space.bsize} bytes are free` : "it is full";
  const need = missing === undefined ? "" : `; ${missing} more bytes are needed`;
  const message = `no room for ${path}: ${free}${need}. Make room, or give a folder on another disk as modelDir or in TORCH_HOME`;
  return new DownloadError("disk-full", message, { cause });
}

export function storageFault(cause: unknown, path: string): DownloadError {
  return new DownloadError("storage", `${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
}
