/** What a coming backward() will read of the forward pass: found by building the gradients and looking, not by running. */

import { type Node, numelOf } from "../node.js";
import { constant, fill } from "../ops/create.js";
import { backpropagate, tapeOf } from "./backward.js";

/** Inner nodes of `root`'s history that its gradient needs and that are worth keeping. */
export function inputGradientBoundary(root: Node): Node[] {
  const forward = new Set<Node>();
  const enter = (start: Node, visit: (n: Node) => readonly Node[]): void => {
    const stack = [start];
    while (stack.length) {
      const n = stack.pop()!;
      for (const i of visit(n)) stack.push(i);
    }
  };
  enter(root, (n) => {
    if (forward.has(n)) return [];
    forward.add(n);
    return n.realized ? tapeOf(n) : [...n.inputs, ...tapeOf(n)];
  });
  const { gradients } = backpropagate([root], [fill(root.shape, constant(1, root.dtype))], { createGraph: false });
  const found = new Set<Node>();
  const seen = new Set<Node>();
  const worth = (n: Node): void => {
    let base = n;
    while (base.op.kind === "move" && !base.realized && !base.sink) base = base.inputs[0];
    const cheap =
      base.realized ||
      base.sink ||
      ["leaf", "const", "uniform", "iota"].includes(base.op.kind) ||
      numelOf(base.shape) === 0;
    if (!cheap) found.add(base);
  };
  for (const g of gradients.values())
    enter(g, (n) => {
      if (seen.has(n)) return [];
      seen.add(n);
      if (forward.has(n)) {
        worth(n);
        return [];
      }
      return n.inputs;
    });
  return [...found];
}
