/** Scopes: which tensors are the user's, and which are inner values of a module or a function. */

import { context } from "./context.js";
import { engine } from "./engine.js";
import { Tensor } from "./tensor.js";

/** Calls `visit` for the tensors in a value: a tensor, or lists, maps and plain objects of them. */
function eachTensor(value: unknown, visit: (t: Tensor) => void): void {
  if (value instanceof Tensor) visit(value);
  else if (value instanceof Map) for (const v of value.values()) eachTensor(v, visit);
  else if (Array.isArray(value)) for (const v of value) eachTensor(v, visit);
  else if (value && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype)
    for (const v of Object.values(value)) eachTensor(v, visit);
}

function nested<T>(fn: () => T): T {
  context.depth++;
  try {
    return fn();
  } finally {
    context.depth--;
  }
}

/** Runs `fn` so that tensors it makes are inner values, which need no memory of their own; what it returns counts as made
 *  by the caller. For functions composed of operators. */
export function scoped<T>(fn: () => T): T {
  const result = nested(fn);
  if (context.depth === 0) eachTensor(result, (t) => engine.track(t.node));
  return result;
}

/** Runs a module's forward. When the outermost call returns, its results and the tensors that `stashed` finds are held. */
export function runCall<T>(fn: () => T, stashed: () => Iterable<Tensor>): T {
  const result = nested(fn);
  if (context.depth === 0) {
    eachTensor(result, hold);
    for (const t of stashed()) hold(t);
    engine.bound();
  }
  return result;
}

/** The tensor gets memory at the next flush, so that it can be read at any time. */
export function hold(t: Tensor): void {
  engine.hold(t.node);
}
