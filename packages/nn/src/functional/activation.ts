/** Activations, as torch.nn.functional. Each keeps the shape of its input unless said otherwise. */

import { ShapeError, scoped, type Tensor, where } from "@kindling/core";
import { dimension, perChannel, shapeText } from "./args.js";

export const relu = (x: Tensor): Tensor => x.relu();
export const relu6 = (x: Tensor): Tensor => x.relu6();
export const hardswish = (x: Tensor): Tensor => x.hardswish();
export const hardsigmoid = (x: Tensor): Tensor => x.hardsigmoid();
export const hardtanh = (x: Tensor, { minVal = -1, maxVal = 1 }: { minVal?: number; maxVal?: number } = {}): Tensor =>
  x.hardtanh(minVal, maxVal);
export const silu = (x: Tensor): Tensor => x.silu();
export const mish = (x: Tensor): Tensor => x.mish();
export const gelu = (x: Tensor, options: { approximate?: "none" | "tanh" } = {}): Tensor => x.gelu(options);
export const elu = (x: Tensor, { alpha = 1 }: { alpha?: number } = {}): Tensor => x.elu(alpha);
export const selu = (x: Tensor): Tensor => x.selu();
export const celu = (x: Tensor, { alpha = 1 }: { alpha?: number } = {}): Tensor => x.celu(alpha);
export const leakyRelu = (x: Tensor, { negativeSlope = 0.01 }: { negativeSlope?: number } = {}): Tensor =>
  x.leakyRelu(negativeSlope);
export const sigmoid = (x: Tensor): Tensor => x.sigmoid();
export const logsigmoid = (x: Tensor): Tensor => x.logsigmoid();
export const tanh = (x: Tensor): Tensor => x.tanh();
export const softsign = (x: Tensor): Tensor => x.softsign();
export const softplus = (x: Tensor, { beta = 1, threshold = 20 }: { beta?: number; threshold?: number } = {}): Tensor =>
  x.softplus(beta, threshold);
export const softmax = (x: Tensor, dim: number): Tensor => x.softmax(dim);
export const logSoftmax = (x: Tensor, dim: number): Tensor => x.logSoftmax(dim);

/** x where x > 0, else weight·x. `weight` has one element, or one a channel (dimension 1). */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const channels = x.ndim > 1 ? x.shape[1] : 1;
  if (weight.ndim > 1 || (weight.numel !== 1 && weight.numel !== channels))
    throw new ShapeError(
      `prelu: weight is ${shapeText(weight)}; an input of shape ${shapeText(x)} takes [1] or [${channels}]`,
    );
  return scoped(() => {
    const slope = weight.numel === 1 ? weight.reshape([1]) : weight.reshape(perChannel(x));
    return where(x.gt(0), x, x.mul(slope));
  });
}

/** The first half of `dim` times the sigmoid of the second half. */
export function glu(x: Tensor, dim = -1): Tensor {
  const d = dimension("glu", x, dim);
  if (x.shape[d] % 2 !== 0) throw new ShapeError(`glu: dimension ${dim} of ${shapeText(x)} does not halve`);
  return scoped(() => {
    const [a, b] = x.chunk(2, d);
    return a.mul(b.sigmoid());
  });
}
