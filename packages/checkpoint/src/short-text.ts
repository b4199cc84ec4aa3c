/** Any value of a checkpoint in a line, as Python writes it: short however large the value is, and fit for a terminal. */

import { printable, quoted } from "./printable.js";
import { Complex, FrozenSet, PythonObject, Tuple } from "./values.js";

/** Characters after which the rest is left out. */
const LONGEST = 100;

/** Containers inside containers that are shown; what lies deeper is `…`. */
const DEEPEST = 4;

/** Longer whole numbers are not written out. */
const LONGEST_INT_BITS = 256;

/** A value in about a hundred characters. */
export function shortText(value: unknown): string {
  const parts: string[] = [];
  let length = 0;
  for (const part of pieces(value, 0)) {
    parts.push(part);
    length += part.length;
    if (length > LONGEST) return printable(parts.join(""), LONGEST);
  }
  return printable(parts.join(""), LONGEST);
}

/** The text piece by piece, so that nobody has to make the rest of it. */
function* pieces(value: unknown, depth: number): Generator<string> {
  if (value === null) yield "None";
  else if (typeof value === "boolean") yield value ? "True" : "False";
  else if (typeof value === "string") yield quoted(value, LONGEST);
  else if (typeof value === "bigint") yield intText(value);
  else if (typeof value !== "object") yield String(value);
  else if (value instanceof Uint8Array) yield `bytes of length ${value.length}`;
  else if (value instanceof Complex) yield `(${value.re}${value.im < 0 ? "" : "+"}${value.im}j)`;
  else if (depth === DEEPEST) yield "…";
  else if (value instanceof Tuple) yield* list("(", value, value.length === 1 ? ",)" : ")", depth);
  else if (Array.isArray(value)) yield* list("[", value, "]", depth);
  else if (value instanceof Map) yield* pairs("{", value, ": ", "}", depth);
  else if (value instanceof FrozenSet) yield* list("frozenset({", value, "})", depth);
  else if (value instanceof Set) yield* list("{", value, "}", depth);
  else if (value instanceof PythonObject) yield* pairs(`${value.className}(`, value.attributes, "=", ")", depth);
  else yield String(value);
}

/** Decimals of a long number take time that grows with the square of its length. */
const intText = (value: bigint): string =>
  BigInt.asIntN(LONGEST_INT_BITS, value) === value ? String(value) : "an int of many digits";

function* list(open: string, items: Iterable<unknown>, close: string, depth: number): Generator<string> {
  yield open;
  let separator = "";
  for (const item of items) {
    yield separator;
    yield* pieces(item, depth + 1);
    separator = ", ";
  }
  yield close;
}

function* pairs(
  open: string,
  map: ReadonlyMap<unknown, unknown>,
  colon: string,
  close: string,
  depth: number,
): Generator<string> {
  yield open;
  let separator = "";
  for (const [key, value] of map) {
    yield separator;
    yield* typeof key === "string" && colon === "=" ? [key] : pieces(key, depth + 1);
    yield colon;
    yield* pieces(value, depth + 1);
    separator = ", ";
  }
  yield close;
}
