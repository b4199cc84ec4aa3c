/** Reverse-mode differentiation: walks the tape from the outputs back and adds gradients up. Nothing runs here; the
 *  gradients are nodes of the same lazy graph. */

import { context, withGrad } from "../context.js";
import { AutogradError } from "../errors.js";
import type { Node } from "../node.js";
import { elementwise } from "../ops/map.js";
import { inputGradients } from "./rules.js";

export const tapeOf = (node: Node): readonly Node[] => node.tape ?? node.inputs;

/** Nodes that a gradient of `roots` flows through, users before what they use. */
function tapeOrder(roots: readonly Node[]): Node[] {
  const done = new Set<Node>();
  const order: Node[] = [];
  const stack: { node: Node; next: number }[] = [];
  const enter = (node: Node): void => {
    if (!node.requiresGrad || done.has(node)) return;
    if (node.tapeConsumed)
      throw new AutogradError(
        "backward() goes a second time through a graph whose history an earlier backward() has consumed; pass { retainGraph: true } to the earlier one",
      );
    done.add(node);
    stack.push({ node, next: 0 });
  };
  for (const root of roots) {
    enter(root);
    while (stack.length) {
      const top = stack[stack.length - 1];
      const inputs = top.node.sink ? [] : tapeOf(top.node);
      if (top.next < inputs.length) enter(inputs[top.next++]);
      else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order.reverse();
}

export interface TapeResult {
  /** Gradients of the leaves (and of `wanted`), in the order in which the tape met them. */
  readonly gradients: ReadonlyMap<Node, Node>;
  /** The inner nodes of the tape. */
  readonly visited: readonly Node[];
}

/**
 * Gradients of Σ roots·seeds with respect to every leaf that requires one, and to the nodes `wanted`. With `createGraph`
 * the gradients can be differentiated again.
 */
export function backpropagate(
  roots: readonly Node[],
  seeds: readonly Node[],
  options: { createGraph: boolean; wanted?: ReadonlySet<Node> },
): TapeResult {
  const order = tapeOrder(roots);
  const gradients = new Map<Node, Node>();
  const leaves = new Map<Node, Node>();
  const visited: Node[] = [];
  const add = (node: Node, g: Node): void => {
    const sum = gradients.get(node);
    gradients.set(node, sum ? elementwise("add", sum, g) : g);
  };
  const wasInBackward = context.inBackward;
  context.inBackward = true;
  context.depth++;
  try {
    withGrad(options.createGraph, () => {
      roots.forEach((r, i) => {
        if (r.requiresGrad) add(r, seeds[i]);
      });
      for (const node of order) {
        const g = gradients.get(node);
        if (!g) continue;
        if (node.sink || options.wanted?.has(node)) leaves.set(node, g);
        if (node.sink) continue;
        visited.push(node);
        const parts = inputGradients(g, node);
        tapeOf(node).forEach((input, i) => {
          const part = parts[i];
          if (part && input.requiresGrad) add(input, part);
        });
        if (!options.wanted?.has(node)) gradients.delete(node);
      }
    });
  } finally {
    context.inBackward = wasInBackward;
    context.depth--;
  }
  return { gradients: leaves, visited };
}
