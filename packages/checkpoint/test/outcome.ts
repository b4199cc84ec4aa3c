/** What a load comes to, in a form that can be compared: a description of the value, or the kind of the refusal. */

import { CheckpointError, type LoadOptions, load } from "@kindling/checkpoint";
import { expect } from "vitest";
import { describeValue } from "./described.js";

/** Anything but a value or a `CheckpointError` fails the test. */
export async function outcome(bytes: Uint8Array, options?: LoadOptions): Promise<unknown> {
  try {
    return describeValue(await load(bytes, options));
  } catch (error) {
    expect(error, String((error as Error).stack)).toBeInstanceOf(CheckpointError);
    return (error as CheckpointError).kind;
  }
}
