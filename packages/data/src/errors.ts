/** Errors of loading data. */

import { KindlingError } from "@kindling/core";

/** An item of a data set could not be loaded or put into a batch; `cause` is the original error, `index` the item. */
export class DataError extends KindlingError {
  override name = "DataError";
  readonly index?: number;

  constructor(message: string, options: { cause?: unknown; index?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.index = options.index;
  }
}
