/** Errors of the command that are the user's to put right: shown as one message, without a stack. */

import { KindlingError } from "@kindling/core";

/** A folder, file or option that cannot be used; the message says what to do. */
export class UsageError extends KindlingError {
  override name = "UsageError";
}

/** The loss is NaN or infinite: training has diverged, or the pictures or weights hold such numbers. */
export class NonFiniteLossError extends KindlingError {
  override name = "NonFiniteLossError";

  /** @param where e.g. "at step 3 of epoch 1"; epochs and steps count from 1 */
  constructor(
    readonly value: number,
    readonly where: string,
    advice: string,
  ) {
    super(`the loss is ${value} ${where}, so training stopped; ${advice}`);
  }
}
