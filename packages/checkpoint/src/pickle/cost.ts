/** What values cost: estimated bytes of heap, in units that err high. The budget of a load is counted in them. */

export const COST = {
  /** An object with its own storage: array, map, set, bytes, tensor in the file. */
  container: 200,
  /** A tensor on the host, but for its elements. */
  tensor: 1500,
  /** A key, a value or a member in a hash table, and an entry of the memo. */
  entry: 40,
  /** A place in an array or on the stack; arrays grow by half and are copied while they do. */
  slot: 16,
  /** A boxed number, and the head of a string. */
  small: 24,
} as const;

/** The cost of a value by itself: what it refers to is counted where it was made. */
export function costOf(value: unknown): number {
  if (typeof value === "string") return COST.small + 2 * value.length;
  if (typeof value !== "object" || value === null) return COST.small;
  if (Array.isArray(value)) return COST.container + COST.slot * value.length;
  if (value instanceof Uint8Array) return COST.container + value.length;
  if (value instanceof Map) return COST.container + 2 * COST.entry * value.size;
  if (value instanceof Set) return COST.container + COST.entry * value.size;
  return COST.container;
}
