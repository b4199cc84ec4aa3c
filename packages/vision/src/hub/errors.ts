/** The error of downloads: what went wrong, as a word for programs and a sentence for people. */

import { KindlingError } from "@kindling/core";

/**
 * What went wrong, for programs to branch on.
 *
 * | kind | meaning |
 * |---|---|
 * | `not-found` | no server that was asked has the file |
 * | `http` | the server refuses for another reason, or is out of order and stayed so |
 * | `network` | no connection, or connections that kept breaking |
 * | `length` | the server sent another number of bytes than it promised |
 * | `hash` | the content is not the one whose SHA-256 was asked for |
 * | `content` | the server sent something else, as the web page of a login |
 * | `read-only` | the folder cannot be made or written to |
 * | `disk-full` | no room for the file |
 * | `storage` | reading or writing failed in another way |
 */
export type DownloadErrorKind =
  | "not-found"
  | "http"
  | "network"
  | "length"
  | "hash"
  | "content"
  | "read-only"
  | "disk-full"
  | "storage";

/** A file of weights that could not be got; `kind` says in one word why. */
export class DownloadError extends KindlingError {
  override name = "DownloadError";

  constructor(
    readonly kind: DownloadErrorKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
