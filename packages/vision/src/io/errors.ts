/** Errors of image files. */

import { KindlingError } from "@kindling/core";

/** A file is no picture, is damaged, or cannot be read; the message names it, `cause` is the decoder's own error. */
export class ImageError extends KindlingError {
  override name = "ImageError";
}
