/** How a loss of many elements becomes what is returned. */

import { ArgumentError, ShapeError, type Tensor } from "@kindling/core";
import { shapeText } from "./args.js";

export type Reduction = "none" | "mean" | "sum";

export function reduceLoss(op: string, loss: Tensor, reduction: Reduction): Tensor {
  switch (reduction) {
    case "none":
      return loss;
    case "mean":
      return loss.mean();
    case "sum":
      return loss.sum();
    default:
      throw new ArgumentError(`${op}: reduction "${String(reduction)}"; it is "none", "mean" or "sum"`);
  }
}

/** Losses of two tensors take equal shapes: broadcasting there is nearly always a mistake. */
export function checkSameShape(op: string, x: Tensor, target: Tensor): void {
  if (x.ndim !== target.ndim || x.shape.some((n, d) => n !== target.shape[d]))
    throw new ShapeError(
      `${op}: the input is ${shapeText(x)} and the target ${shapeText(target)}; their shapes must be equal`,
    );
}
