/** backward(), grad(): autograd as users call it. */

import { engine } from "../engine.js";
import { AutogradError, ShapeError } from "../errors.js";
import { type Node, sameShape } from "../node.js";
import { constant, fill } from "../ops/create.js";
import { backpropagate } from "./backward.js";

export interface BackwardOptions {
  /** Keep the history, so that backward() can go through it again. */
  retainGraph?: boolean;
  /** Make the gradients differentiable themselves. Implies `retainGraph`. */
  createGraph?: boolean;
}

/** The gradient to start from: ones for a scalar, else it must be given. */
export function seedOf(op: string, root: Node, gradient: Node | undefined): Node {
  if (gradient) {
    if (!sameShape(gradient.shape, root.shape))
      throw new ShapeError(`${op}: the gradient has shape [${gradient.shape}], but the output has [${root.shape}]`);
    return gradient;
  }
  if (root.numel !== 1)
    throw new AutogradError(
      `${op}: a gradient is only implied for a scalar, but the output has shape [${root.shape}]; pass one, or take sum() or mean() first`,
    );
  return fill(root.shape, constant(1, root.dtype));
}

export function runBackward(root: Node, gradient: Node | undefined, options: BackwardOptions): void {
  if (!root.requiresGrad)
    throw new AutogradError(
      `backward(): the tensor of dtype ${root.dtype} and shape [${root.shape}] does not depend on anything that requires a gradient`,
    );
  const seed = seedOf("backward()", root, gradient);
  const keep = options.retainGraph ?? options.createGraph ?? false;
  engine.beginBackward();
  const { gradients, visited } = backpropagate([root], [seed], { createGraph: options.createGraph ?? false });
  for (const [leaf, g] of gradients) leaf.sink?.accumulate(g);
  for (const collector of new Set([...gradients.keys()].map((leaf) => leaf.sink?.collector))) collector?.collect();
  if (!keep) engine.consume(visited);
}
