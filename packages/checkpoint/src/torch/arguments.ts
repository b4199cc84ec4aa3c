/** Checks of the arguments that a pickle passes to a known function. */

import { CheckpointError } from "../errors.js";
import { GlobalReference } from "../pickle/unpickler.js";
import { quoted } from "../printable.js";
import { encodeUtf8 } from "../utf8.js";

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

/** A short description of any value, for messages. */
export function describe(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "string") return quoted(value, 40);
  if (value instanceof GlobalReference) return value.name;
  if (typeof value === "object") return `a ${value.constructor.name}`;
  if (typeof value === "bigint") return "an int of many digits";
  return String(value);
}

export function checkCount(args: readonly unknown[], least: number, most: number, what: string): void {
  if (args.length < least || args.length > most)
    throw bad(
      `${what} is called with ${args.length} arguments, expected ${least === most ? least : `${least} to ${most}`}`,
    );
}

/** A Python int that JavaScript holds exactly. */
export function integer(value: unknown, what: string): number {
  if (typeof value === "bigint") throw new CheckpointError("limit", `${what} is ${describe(value)}, beyond 2^53`);
  if (typeof value !== "number" || !Number.isInteger(value)) throw bad(`${what} is ${describe(value)}, not an integer`);
  return value;
}

/** A tuple, size or list of ints. */
export function integers(value: unknown, what: string): number[] {
  if (!Array.isArray(value)) throw bad(`${what} is ${describe(value)}, not a tuple of integers`);
  return Array.from(value, (item) => integer(item, what));
}

export function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw bad(`${what} is ${describe(value)}, not a string`);
  return value;
}

export function flag(value: unknown, what: string): boolean {
  if (typeof value !== "boolean") throw bad(`${what} is ${describe(value)}, not a boolean`);
  return value;
}

/** Bytes, which Python 2 pickles as a `str`: read as text where they are UTF-8. */
export function bytesOf(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return encodeUtf8(text(value, what));
}
