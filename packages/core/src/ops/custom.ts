/** Values with a gradient rule of their own, where a closed form is shorter or more exact than the chain rule. */

import { context } from "../context.js";
import type { Node, Vjp } from "../node.js";
import { zerosLike } from "./create.js";
import { alias } from "./movement.js";

/** A node with the value of `output` whose gradients are what `vjp` builds for `inputs`, and flow nowhere else. */
export function customVjp(output: Node, inputs: readonly Node[], vjp: Vjp): Node {
  if (!context.gradEnabled || !inputs.some((i) => i.requiresGrad)) return output;
  const node = alias(output);
  node.tape = inputs;
  node.vjp = vjp;
  node.requiresGrad = true;
  return node;
}

/** A value that `inputs` do not change, as the sum of no elements: their gradients are zeros, not missing. */
export const unmoved = (value: Node, inputs: readonly Node[]): Node =>
  customVjp(value, inputs, () => inputs.map((x) => zerosLike(x)));
