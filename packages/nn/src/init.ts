/**
 * Initialisers, as torch.nn.init. They write in place and return the tensor. Values come from the counter-based
 * generator and are computed on the device when they are first needed: weights that are loaded over never are.
 */

import { ArgumentError, fromHost, noGrad, rand, ShapeError, scoped, type Tensor, where } from "@kindling/core";

export type Nonlinearity = "linear" | "conv1d" | "conv2d" | "sigmoid" | "tanh" | "relu" | "leaky_relu" | "selu";

/** The factor by which a nonlinearity shrinks a standard deviation, inverted. `param` is leaky_relu's slope (0.01). */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leaky_relu":
      return Math.sqrt(2 / (1 + param ** 2));
    case "selu":
      return 3 / 4;
    default:
      return 1;
  }
}

/** Inputs and outputs that one unit of a weight [out, in, …kernel] is connected to. */
export function fans(weight: Tensor): { fanIn: number; fanOut: number } {
  if (weight.ndim < 2)
    throw new ShapeError(
      `init: fan in and fan out need two dimensions or more; the tensor is [${weight.shape.join(", ")}]`,
    );
  const [out, inputs, ...kernel] = weight.shape;
  const field = kernel.reduce((a, b) => a * b, 1);
  return { fanIn: inputs * field, fanOut: out * field };
}

/** Writes an initial value. What it is computed from is nobody's result: else it would be kept, and computed for that. */
function initially(t: Tensor, write: () => void): Tensor {
  noGrad(() => scoped(write));
  return t;
}

export function constant_(t: Tensor, value: number): Tensor {
  return initially(t, () => void t.fill_(value));
}

export const zeros_ = (t: Tensor): Tensor => constant_(t, 0);
export const ones_ = (t: Tensor): Tensor => constant_(t, 1);

/** Uniform in [low, high). */
export function uniform_(t: Tensor, low = 0, high = 1): Tensor {
  return initially(t, () => void t.uniform_(low, high));
}

export function normal_(t: Tensor, mean = 0, std = 1): Tensor {
  return initially(t, () => void t.normal_(mean, std));
}

/** Normal, cut to [low, high] (absolute values, not multiples of std) by inverting the distribution function. */
export function truncNormal_(t: Tensor, mean = 0, std = 1, low = -2, high = 2): Tensor {
  const cdf = (x: number): number => (1 + erf((x - mean) / (std * Math.SQRT2))) / 2;
  const from = 2 * cdf(low) - 1;
  const to = 2 * cdf(high) - 1;
  return initially(t, () => {
    const u = rand(t.shape)
      .mul(to - from)
      .add(from);
    t.copy_(
      inverseErf(u)
        .mul(std * Math.SQRT2)
        .add(mean)
        .clamp(low, high),
    );
  });
}

export interface KaimingOptions {
  /** Slope of leaky_relu on the negative side. Default 0. */
  readonly a?: number;
  /** Keep the variance of activations ("fan_in") or of gradients ("fan_out"). Default "fan_in". */
  readonly mode?: "fan_in" | "fan_out";
  /** Default "leaky_relu". */
  readonly nonlinearity?: Nonlinearity;
}

function kaimingStd(t: Tensor, { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" }: KaimingOptions): number {
  const { fanIn, fanOut } = fans(t);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === "fan_in" ? fanIn : fanOut);
}

/** Uniform with standard deviation gain / √fan (He et al. 2015). */
export function kaimingUniform_(t: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(t, options);
  return uniform_(t, -bound, bound);
}

/** Normal with standard deviation gain / √fan (He et al. 2015). */
export function kaimingNormal_(t: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(t, 0, kaimingStd(t, options));
}

function xavierStd(t: Tensor, gain: number): number {
  const { fanIn, fanOut } = fans(t);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

/** Uniform with standard deviation gain·√(2 / (fanIn + fanOut)) (Glorot & Bengio 2010). */
export function xavierUniform_(t: Tensor, gain = 1): Tensor {
  const bound = Math.sqrt(3) * xavierStd(t, gain);
  return uniform_(t, -bound, bound);
}

export function xavierNormal_(t: Tensor, gain = 1): Tensor {
  return normal_(t, 0, xavierStd(t, gain));
}

/** The identity matrix, as far as it goes. */
export function eye_(t: Tensor): Tensor {
  if (t.ndim !== 2) throw new ShapeError(`eye_: the tensor is [${t.shape.join(", ")}]; it takes two dimensions`);
  const [rows, columns] = t.shape;
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < Math.min(rows, columns); i++) data[i * columns + i] = 1;
  return initially(t, () => void t.copy_(fromHost(data, [rows, columns], "float32", { exclusive: true })));
}

/** Passes channels through unchanged: 1 in the middle of kernel [c, c, …], 0 elsewhere. */
export function dirac_(t: Tensor, groups = 1): Tensor {
  if (t.ndim < 3 || t.ndim > 5)
    throw new ShapeError(
      `dirac_: the tensor is [${t.shape.join(", ")}]; it takes a convolution's weight, 3 to 5 dimensions`,
    );
  const [out, inputs, ...kernel] = t.shape;
  if (out % groups !== 0) throw new ArgumentError(`dirac_: ${out} output channels do not divide into ${groups} groups`);
  const field = kernel.reduce((a, b) => a * b, 1);
  const centre = kernel.reduce((at, k) => at * k + Math.floor(k / 2), 0);
  const data = new Float32Array(out * inputs * field);
  const each = out / groups;
  for (let g = 0; g < groups; g++)
    for (let i = 0; i < Math.min(each, inputs); i++) data[((g * each + i) * inputs + i) * field + centre] = 1;
  return initially(t, () => void t.copy_(fromHost(data, t.shape, "float32", { exclusive: true })));
}

/** erf, with an error below 1.5e-7 (Abramowitz & Stegun 7.1.26). */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - poly * Math.exp(-x * x));
}

/** Coefficients of the two polynomials of M. Giles, "Approximating the erfinv function" (2010), highest power first. */
const CENTRAL = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
];
const TAIL = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
  1.00167406, 2.83297682,
];

/** The inverse of erf on (−1, 1), to f32 precision. */
function inverseErf(x: Tensor): Tensor {
  const horner = (w: Tensor, coefficients: readonly number[]): Tensor =>
    coefficients.slice(1).reduce((p, c) => p.mul(w).add(c), w.mul(0).add(coefficients[0]));
  const w = x.clamp(-0.9999999, 0.9999999).square().neg().log1p().neg();
  const central = horner(w.sub(2.5), CENTRAL);
  const tail = horner(w.sqrt().sub(3), TAIL);
  return where(w.lt(5), central, tail).mul(x);
}
