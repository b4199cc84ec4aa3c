/** Multiply-adds, counted where they happen: at the matrix products and convolutions of the lazy graph. */

import type { Tensor } from "@kindling/core";
import { graphOf } from "./trace.js";

type Node = Tensor["node"];

/** Counts the multiply-adds of a graph as it grows, each once. */
export class WorkCounter {
  readonly #seen: Set<Node>;

  /** @param leaves tensors whose own making is not counted: parameters and buffers, with their initial values */
  constructor(leaves: Iterable<Tensor>) {
    this.#seen = new Set([...leaves].map((t) => t.node));
  }

  /** Multiply-adds that the tensors in `values` need beyond those that were counted before. */
  count(values: unknown): number {
    let work = 0;
    for (const node of graphOf(values, this.#seen)) work += multiplyAdds(node);
    return work;
  }
}

/** Multiply-adds of one operator; elementwise operators and reductions have none. */
function multiplyAdds({ op, inputs, numel }: Node): number {
  switch (op.kind) {
    case "matmul":
      return numel * inputs[0].shape[inputs[0].shape.length - 1];
    case "conv2d":
    case "conv2dInputGrad":
    case "conv2dWeightGrad": {
      // Every element of the kernel meets every place of the feature map that the convolution strides to.
      const { n, groups, ic, oc, oh, ow, kh, kw } = op.shape;
      return n * groups * ic * oc * oh * ow * kh * kw;
    }
    default:
      return 0;
  }
}
