/** Losses between two tensors of equal shape, as torch.nn.functional. */

import { ArgumentError, scoped, type Tensor, where } from "@kindling/core";
import { checkSameShape, type Reduction, reduceLoss } from "./reduction.js";

export interface LossOptions {
  /** Default "mean": the mean over all elements. */
  readonly reduction?: Reduction;
}

function elementwiseLoss(
  op: string,
  x: Tensor,
  target: Tensor,
  { reduction = "mean" }: LossOptions,
  loss: () => Tensor,
): Tensor {
  checkSameShape(op, x, target);
  return scoped(() => reduceLoss(op, loss(), reduction));
}

/** (x − target)² */
export const mseLoss = (x: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  elementwiseLoss("mseLoss", x, target, options, () => x.sub(target).square());

/** |x − target| */
export const l1Loss = (x: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  elementwiseLoss("l1Loss", x, target, options, () => x.sub(target).abs());

/** ½d²/beta where d = |x − target| < beta, else d − ½beta; with beta 0 the L1 loss. */
export function smoothL1Loss(x: Tensor, target: Tensor, options: LossOptions & { beta?: number } = {}): Tensor {
  const { beta = 1 } = options;
  if (!(beta >= 0)) throw new ArgumentError(`smoothL1Loss: beta is ${beta}; it is at least 0`);
  if (beta === 0) return l1Loss(x, target, options);
  return elementwiseLoss("smoothL1Loss", x, target, options, () => {
    const d = x.sub(target).abs();
    return where(d.lt(beta), d.square().mul(0.5 / beta), d.sub(0.5 * beta));
  });
}

/** ½d² where d = |x − target| < delta, else delta·(d − ½delta) (Huber 1964). */
export function huberLoss(x: Tensor, target: Tensor, options: LossOptions & { delta?: number } = {}): Tensor {
  const { delta = 1 } = options;
  if (!(delta > 0)) throw new ArgumentError(`huberLoss: delta is ${delta}; it is above 0`);
  return elementwiseLoss("huberLoss", x, target, options, () => {
    const d = x.sub(target).abs();
    return where(d.lt(delta), d.square().mul(0.5), d.sub(0.5 * delta).mul(delta));
  });
}

export interface KlDivOptions {
  /** "batchmean" divides the sum by the first dimension, which is the divergence by definition. Default "mean". */
  readonly reduction?: Reduction | "batchmean";
  /** Whether the target holds log-probabilities. Default false. */
  readonly logTarget?: boolean;
}

/** target · (log target − x), the Kullback–Leibler divergence; x holds log-probabilities. */
export function klDiv(x: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  const { reduction = "mean", logTarget = false } = options;
  const batchmean = reduction === "batchmean";
  return scoped(() => {
    const loss = elementwiseLoss("klDiv", x, target, { reduction: batchmean ? "sum" : reduction }, () => {
      if (logTarget) return target.exp().mul(target.sub(x));
      const positive = target.gt(0);
      return where(positive, target.mul(where(positive, target, 1).log().sub(x)), 0);
    });
    return batchmean ? loss.mul(1 / x.shape[0]) : loss;
  });
}

export interface BinaryCrossEntropyOptions extends LossOptions {
  /** Weight of each element; broadcasts. */
  readonly weight?: Tensor | null;
}

/** −(t·log x + (1 − t)·log(1 − x)) for probabilities x; logarithms are at least −100, as in torch. */
export function binaryCrossEntropy(x: Tensor, target: Tensor, options: BinaryCrossEntropyOptions = {}): Tensor {
  return elementwiseLoss("binaryCrossEntropy", x, target, options, () => {
    const yes = target.mul(x.log().clamp(-100));
    const no = target.neg().add(1).mul(x.neg().log1p().clamp(-100));
    return weighted(yes.add(no).neg(), options.weight);
  });
}

/** Binary cross entropy of sigmoid(x), in a form that does not overflow. `posWeight` multiplies the positive term. */
export function binaryCrossEntropyWithLogits(
  x: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions & { posWeight?: Tensor | null } = {},
): Tensor {
  return elementwiseLoss("binaryCrossEntropyWithLogits", x, target, options, () => {
    const { posWeight } = options;
    const logProbability = x.logsigmoid();
    const positive = posWeight ? target.mul(posWeight.sub(1)).add(1) : undefined;
    const surprise = positive ? logProbability.mul(positive) : logProbability;
    return weighted(target.neg().add(1).mul(x).sub(surprise), options.weight);
  });
}

const weighted = (loss: Tensor, weight?: Tensor | null): Tensor => (weight ? loss.mul(weight) : loss);
