/**
 * Normalisation, as torch.nn.functional. Training statistics are two sweeps, the mean and the mean squared deviation;
 * gradients are the closed form
 *
 *     dx = rstd · (g − mean(g) − x̂ · mean(g · x̂)),   x̂ = (x − mean) · rstd
 *
 * which needs two sums of one sweep where the chain rule would walk back through every step.
 */

import { ArgumentError, customVjp, noGrad, ShapeError, scoped, type Tensor } from "@kindling/core";
import { perChannel, shapeText } from "./args.js";

/** Learned scale and shift, one a channel. */
export interface Affine {
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** Added to the variance before the root. Default 1e-5. */
  readonly eps?: number;
}

export interface BatchNormOptions extends Affine {
  /** Use the batch's statistics, and update the running ones. Default false. */
  readonly training?: boolean;
  /** Weight of the batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

interface Moments {
  readonly mean: Tensor;
  /** Biased variance. */
  readonly variance: Tensor;
}

function moments(x: Tensor, dims: readonly number[]): Moments {
  const mean = x.mean(dims, { keepdim: true });
  return { mean, variance: x.sub(mean).square().mean(dims, { keepdim: true }) };
}

const count = (x: Tensor, dims: readonly number[]): number => dims.reduce((n, d) => n * x.shape[d], 1);

/** x̂ over `dims`, with the closed-form gradient. */
function standardize(x: Tensor, dims: readonly number[], eps: number): { normal: Tensor; moments: Moments } {
  const m = moments(x, dims);
  const rstd = m.variance.add(eps).rsqrt();
  const normal = x.sub(m.mean).mul(rstd);
  const scale = 1 / count(x, dims);
  const withGradient = customVjp(normal, [x], (g) => {
    const sum = g.sum(dims, { keepdim: true }).mul(scale);
    const sumWithNormal = g.mul(normal).sum(dims, { keepdim: true }).mul(scale);
    return [g.sub(sum).sub(normal.mul(sumWithNormal)).mul(rstd)];
  });
  return { normal: withGradient, moments: m };
}

/** Moves running statistics towards the batch's; the running variance is the unbiased one. */
function updateRunning(
  mean: Tensor,
  variance: Tensor,
  { momentum, batch, n }: { momentum: number; batch: Moments; n: number },
): void {
  noGrad(() => {
    const towards = (running: Tensor, value: Tensor): void => {
      running.copy_(running.mul(1 - momentum).add(value.detach().reshape(running.shape).mul(momentum)));
    };
    towards(mean, batch.mean);
    towards(variance, batch.variance.mul(n / (n - 1)));
  });
}

/**
 * Batch normalisation over all dimensions but 1 (Ioffe & Szegedy 2015). x: [N, C, …]; running statistics, weight and
 * bias: [C]. In training the running statistics, if given, are updated in place; else they are what is used.
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  const { weight = null, bias = null, training = false, momentum = 0.1, eps = 1e-5 } = options;
  checkChannels("batchNorm", x, { runningMean, runningVar, weight, bias });
  if (!training) {
    if (!runningMean || !runningVar)
      throw new ArgumentError("batchNorm: evaluation needs running statistics; give them, or training: true");
    return scoped(() => fixedNorm(x, runningMean, runningVar, weight, bias, eps));
  }
  const dims = [...x.shape.keys()].filter((d) => d !== 1);
  const n = count(x, dims);
  if (n <= 1)
    throw new ArgumentError(
      `batchNorm: the input ${shapeText(x)} has one value a channel; training needs more: a larger batch, or eval()`,
    );
  return scoped(() => {
    const batch = moments(x, dims);
    if (runningMean && runningVar) updateRunning(runningMean, runningVar, { momentum, batch, n });
    const rstd = batch.variance.add(eps).rsqrt();
    const centred = x.sub(batch.mean);
    const normal = centred.mul(rstd);
    const shape = perChannel(x);
    const scale = weight ? rstd.mul(weight.reshape(shape)) : rstd;
    let y = centred.mul(scale);
    if (bias) y = y.add(bias.reshape(shape));
    const inputs = [x, weight, bias].filter((t) => t !== null);
    return customVjp(y, inputs, (g) => {
      const dBias = g.sum(dims, { keepdim: true });
      const dWeight = g.mul(normal).sum(dims, { keepdim: true });
      const dNormal = g.sub(dBias.mul(1 / n)).sub(normal.mul(dWeight.mul(1 / n)));
      const gradients = [dNormal.mul(scale)];
      if (weight) gradients.push(dWeight.reshape(weight.shape));
      if (bias) gradients.push(dBias.reshape(bias.shape));
      return gradients;
    });
  });
}

/** With fixed statistics the normalisation is x·scale + shift, with one small vector each. */
function fixedNorm(
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): Tensor {
  const rstd = variance.add(eps).rsqrt();
  const scale = weight ? rstd.mul(weight) : rstd;
  const shift = bias ? bias.sub(mean.mul(scale)) : mean.mul(scale).neg();
  const shape = perChannel(x);
  return x.mul(scale.reshape(shape)).add(shift.reshape(shape));
}

/** Normalises over the last dimensions, which are `normalizedShape`; weight and bias have that shape (Ba et al. 2016). */
export function layerNorm(x: Tensor, normalizedShape: readonly number[], options: Affine = {}): Tensor {
  const { weight, bias, eps = 1e-5 } = options;
  const lead = x.ndim - normalizedShape.length;
  if (normalizedShape.length === 0 || lead < 0 || normalizedShape.some((n, d) => x.shape[lead + d] !== n))
    throw new ShapeError(
      `layerNorm: the input ${shapeText(x)} does not end with normalizedShape [${normalizedShape.join(", ")}]`,
    );
  return scoped(() => {
    const dims = normalizedShape.map((_, d) => lead + d);
    let y = standardize(x, dims, eps).normal;
    if (weight) y = y.mul(weight);
    return bias ? y.add(bias) : y;
  });
}

/** Normalises over groups of channels and all positions. x: [N, C, …], weight and bias: [C] (Wu & He 2018). */
export function groupNorm(x: Tensor, numGroups: number, options: Affine = {}): Tensor {
  const { weight = null, bias = null, eps = 1e-5 } = options;
  checkChannels("groupNorm", x, { weight, bias });
  const [n, c, ...positions] = x.shape;
  if (c % numGroups !== 0) throw new ShapeError(`groupNorm: ${c} channels do not divide into ${numGroups} groups`);
  return scoped(() => {
    const groups = x.reshape([n, numGroups, c / numGroups, ...positions]);
    const dims = [...groups.shape.keys()].slice(2);
    return affine(standardize(groups, dims, eps).normal.reshape(x.shape), weight, bias);
  });
}

export interface InstanceNormOptions extends Affine {
  readonly runningMean?: Tensor | null;
  readonly runningVar?: Tensor | null;
  /** Use the statistics of each example (and update the running ones, if given). Default true. */
  readonly useInputStats?: boolean;
  readonly momentum?: number;
}

/** Normalises each channel of each example over its positions. x: [N, C, …] (Ulyanov et al. 2016). */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  const {
    weight = null,
    bias = null,
    runningMean = null,
    runningVar = null,
    useInputStats = true,
    eps = 1e-5,
  } = options;
  checkChannels("instanceNorm", x, { weight, bias, runningMean, runningVar });
  const dims = [...x.shape.keys()].slice(2);
  if (!useInputStats) {
    if (!runningMean || !runningVar)
      throw new ArgumentError("instanceNorm: useInputStats: false needs running statistics; give them");
    return scoped(() => fixedNorm(x, runningMean, runningVar, weight, bias, eps));
  }
  const n = count(x, dims);
  if (n <= 1)
    throw new ArgumentError(`instanceNorm: the input ${shapeText(x)} has one value a channel; more are needed`);
  return scoped(() => {
    const { normal, moments: batch } = standardize(x, dims, eps);
    if (runningMean && runningVar) {
      const overExamples = { mean: batch.mean.mean(0), variance: batch.variance.mean(0) };
      updateRunning(runningMean, runningVar, { momentum: options.momentum ?? 0.1, batch: overExamples, n });
    }
    return affine(normal, weight, bias);
  });
}

function affine(x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const y = weight ? x.mul(weight.reshape(perChannel(x))) : x;
  return bias ? y.add(bias.reshape(perChannel(x))) : y;
}

/** Divides each channel by a power of the mean square of its neighbours. x: [N, C, …] (Krizhevsky et al. 2012). */
export function localResponseNorm(
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: { alpha?: number; beta?: number; k?: number } = {},
): Tensor {
  if (x.ndim < 3) throw new ShapeError(`localResponseNorm: the input is ${shapeText(x)}; it takes [N, C, …positions]`);
  return scoped(() => {
    const edges = new Array<number>(2 * (x.ndim - 1)).fill(0);
    edges[edges.length - 2] = Math.floor(size / 2);
    edges[edges.length - 1] = Math.floor((size - 1) / 2);
    const neighbours = x.square().pad(edges).unfold(1, size, 1).sum(-1);
    return x.div(
      neighbours
        .mul(alpha / size)
        .add(k)
        .pow(beta),
    );
  });
}

function checkChannels(op: string, x: Tensor, vectors: Readonly<Record<string, Tensor | null>>): void {
  if (x.ndim < 2) throw new ShapeError(`${op}: the input is ${shapeText(x)}; it takes [N, C, …]`);
  for (const [name, vector] of Object.entries(vectors))
    if (vector && vector.numel !== x.shape[1])
      throw new ShapeError(
        `${op}: ${name} is ${shapeText(vector)}; an input ${shapeText(x)} has ${x.shape[1]} channels (dimension 1)`,
      );
}
