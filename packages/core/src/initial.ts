/**
 * Initial values: what variables start with, made of constants and random numbers alone. They wait until something uses
 * them, for often they are never used: other values are loaded over them.
 */

import type { Node } from "./node.js";
import { type Request, unreshaped } from "./schedule/trace.js";

/** Operators of which an initial value is made at most. A longer history is computed, lest it grow. */
const LIMIT = 64;

/** Whether a value depends on nothing in memory. */
export function isInitial(node: Node): boolean {
  const seen = new Set([node]);
  for (const n of seen) {
    if (n.realized || n.overwritten || seen.size > LIMIT) return false;
    for (const input of n.inputs) seen.add(input);
  }
  return true;
}

/**
 * Splits variables that have initial values into those that the requests use, and those that may wait. Where a value
 * itself is asked for, as by somebody who saves a model, nobody waits: the others are about to be asked for.
 */
export function sortByUse<V extends { readonly node: Node }>(
  variables: readonly V[],
  requests: readonly Request[],
): { used: V[]; waiting: V[] } {
  if (variables.length === 0) return { used: [], waiting: [] };
  const asked = new Set(requests.map(({ node }) => node));
  if (variables.some(({ node }) => asked.has(unreshaped(node)))) return { used: [...variables], waiting: [] };
  const reached = new Set(asked);
  for (const node of reached) if (!node.realized) for (const input of node.inputs) reached.add(input);
  const used: V[] = [];
  const waiting: V[] = [];
  for (const variable of variables) (reached.has(variable.node) ? used : waiting).push(variable);
  return { used, waiting };
}
