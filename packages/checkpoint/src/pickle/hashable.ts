/** What Python lets be the key of a dict or the member of a set. */

import { FrozenSet, Tuple } from "../values.js";

/** False for what is a list, dict or set in Python. */
export function isHashable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value instanceof Tuple;
  return !(value instanceof Map) && (!(value instanceof Set) || value instanceof FrozenSet);
}
