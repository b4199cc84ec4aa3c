/** Making nodes: every operator goes through `make`, which marks what a gradient must flow through. */

import { context } from "../context.js";
import { type DType, isComputeDType, isFloat } from "../dtype.js";
import { DTypeError } from "../errors.js";
import { Node, type Op } from "../node.js";

/** A node of `op` over `inputs`. `key` describes the operator's structure; its first word is the operator's name. */
export function make(op: Op, key: string, inputs: readonly Node[], shape: readonly number[], dtype: DType): Node {
  const node = new Node(op, inputs, shape, dtype, key);
  if (inputs.length > 0) context.operations++;
  if (!context.inBackward) for (const i of inputs) i.consumed = true;
  if (context.gradEnabled && isFloat(dtype))
    for (const i of inputs) {
      if (!i.requiresGrad) continue;
      node.requiresGrad = true;
      // Values are free to read after a backward(); going back through them is not.
      if (i.tapeConsumed) node.tapeConsumed = true;
    }
  return node;
}

/** Refuses tensors that live on the host only. */
export function computing(op: string, ...nodes: readonly Node[]): void {
  for (const n of nodes)
    if (!isComputeDType(n.dtype))
      throw new DTypeError(
        `${op} does not compute in ${n.dtype}; convert first, as in t.to("float32") or t.to("int32")`,
      );
}
