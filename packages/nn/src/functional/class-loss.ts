/**
 * Losses over classes, as torch.nn.functional. The target, whether given as labels or as probabilities, becomes a
 * distribution q over classes (in the lazy graph only: labels are compared with the class index in the kernel that sums),
 * and the loss of an example is −Σ q·log p.
 */

import {
  ArgumentError,
  arange,
  DTypeError,
  isFloat,
  isInteger,
  ShapeError,
  scoped,
  type Tensor,
  where,
} from "@kindling/core";
import { shapeText } from "./args.js";
import { type Reduction, reduceLoss } from "./reduction.js";

export interface NllLossOptions {
  /** Weight of each class: [C]. */
  readonly weight?: Tensor | null;
  /** Examples with this label count neither in the loss nor in the mean. Default −100. */
  readonly ignoreIndex?: number;
  /** Default "mean": over examples, weighted by the weights of their classes. */
  readonly reduction?: Reduction;
}

export interface CrossEntropyOptions extends NllLossOptions {
  /** How much of the target is spread evenly over all classes, 0 to 1. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Cross entropy of logits. x: [N, C, …] or [C]; target: labels of shape [N, …] (integers) or probabilities of x's shape.
 * A label out of range makes the loss NaN.
 * @throws ArgumentError for a label out of range, when the labels are on the host
 */
export function crossEntropy(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing = 0 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError(`crossEntropy: labelSmoothing is ${labelSmoothing}; it lies between 0 and 1`);
  return scoped(() => {
    if (!isFloat(target.dtype))
      return labelLoss("crossEntropy", x.logSoftmax(classDim(x)), target, options, labelSmoothing);
    return probabilityLoss(x, target, options, labelSmoothing);
  });
}

/** Negative log likelihood. x: log-probabilities [N, C, …] or [C]; target: labels [N, …]. */
export function nllLoss(x: Tensor, target: Tensor, options: NllLossOptions = {}): Tensor {
  return scoped(() => labelLoss("nllLoss", x, target, options, 0));
}

const classDim = (x: Tensor): number => (x.ndim === 1 ? 0 : 1);

/** A vector over classes in the shape that broadcasts over x. */
const overClasses = (v: Tensor, x: Tensor): Tensor => v.reshape(x.shape.map((_, d) => (d === classDim(x) ? -1 : 1)));

function labelLoss(op: string, logP: Tensor, target: Tensor, options: CrossEntropyOptions, smoothing: number): Tensor {
  const { weight, ignoreIndex = -100, reduction = "mean" } = options;
  const dim = classDim(logP);
  const classes = logP.shape[dim];
  const expected = logP.shape.filter((_, d) => d !== dim);
  if (!isInteger(target.dtype))
    throw new DTypeError(`${op}: labels are ${target.dtype}; give integers, or (crossEntropy) probabilities as floats`);
  if (target.ndim !== expected.length || expected.some((n, d) => target.shape[d] !== n))
    throw new ShapeError(
      `${op}: the input is ${shapeText(logP)} and the labels ${shapeText(target)}; expected labels [${expected.join(", ")}], ` +
        `with the classes in dimension ${dim} of the input`,
    );
  checkWeight(op, weight, classes);
  checkLabels(op, target, classes, ignoreIndex);

  const labels = target.to("int32").unsqueeze(dim);
  const isLabel = labels.eq(overClasses(arange(classes), logP));
  const counted = labels.ne(ignoreIndex);
  const weights = weight ? overClasses(weight, logP) : undefined;
  // −w·log p of the labels' classes; smoothed, a mixture with the even distribution.
  const cost = weights ? logP.mul(weights).neg() : logP.neg();
  let perClass = where(isLabel, cost, 0);
  if (smoothing > 0) perClass = perClass.mul(1 - smoothing).add(cost.mul(smoothing / classes));
  const known = where(counted, perClass, 0).sum(dim);
  // Labels that were computed can only be checked where they are: a wrong one makes the loss NaN.
  const wrong = target.hostData() ? null : labels.lt(0).logicalOr(labels.ge(classes)).logicalAnd(counted).squeeze(dim);
  const loss = wrong ? where(wrong, Number.NaN, known) : known;
  if (reduction !== "mean") return reduceLoss(op, loss, reduction);
  const mass = weights ? where(isLabel.logicalAnd(counted), weights, 0) : where(counted, 1, 0).to("float32");
  return loss.sum().div(mass.sum());
}

function probabilityLoss(x: Tensor, target: Tensor, options: CrossEntropyOptions, smoothing: number): Tensor {
  const { weight, reduction = "mean" } = options;
  const dim = classDim(x);
  const classes = x.shape[dim];
  if (target.ndim !== x.ndim || x.shape.some((n, d) => target.shape[d] !== n))
    throw new ShapeError(
      `crossEntropy: the input is ${shapeText(x)} and the target probabilities ${shapeText(target)}; ` +
        "their shapes must be equal (labels would be integers)",
    );
  checkWeight("crossEntropy", weight, classes);
  const q = smoothing > 0 ? target.mul(1 - smoothing).add(smoothing / classes) : target;
  const cost = weight ? q.mul(overClasses(weight, x)) : q;
  const loss = x.logSoftmax(dim).mul(cost).sum(dim).neg();
  return reduction === "mean" ? loss.sum().mul(classes / x.numel) : reduceLoss("crossEntropy", loss, reduction);
}

function checkWeight(op: string, weight: Tensor | null | undefined, classes: number): void {
  if (weight && (weight.ndim !== 1 || weight.shape[0] !== classes))
    throw new ShapeError(`${op}: weight is ${shapeText(weight)}; ${classes} classes take [${classes}]`);
}

function checkLabels(op: string, target: Tensor, classes: number, ignoreIndex: number): void {
  const labels = target.hostData();
  if (!labels) return;
  for (let i = 0; i < labels.length; i++) {
    const label = Number(labels[i]);
    if ((label < 0 || label >= classes) && label !== ignoreIndex)
      throw new ArgumentError(
        `${op}: label ${label} (at position ${i}) is out of range: the input has ${classes} classes (0 to ${classes - 1}); ` +
          "give the model's last layer one output a class, or mark examples to skip with ignoreIndex",
      );
  }
}
