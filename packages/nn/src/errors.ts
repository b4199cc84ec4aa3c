/** The errors of nn. */

import { KindlingError } from "@kindling/core";

/** A state dict does not fit the module: keys are missing, unexpected, or of another shape. */
export class StateDictError extends KindlingError {
  override name = "StateDictError";

  constructor(
    message: string,
    readonly missingKeys: readonly string[],
    readonly unexpectedKeys: readonly string[],
    /** Keys whose shape in the state dict is not the module's. */
    readonly mismatchedKeys: readonly string[],
  ) {
    super(message);
  }
}
