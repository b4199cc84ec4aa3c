/**
 * Resampling of one dimension as a linear map: each output position is a weighted sum of a few input positions, so a
 * resize is a product with a small constant matrix for each dimension. The weights follow torch's CPU kernels.
 */

import { fromHost, type Tensor } from "@kindling/core";

/** Applies the [out, size] matrix to dimension `dim` of x. */
export function mapDimension(x: Tensor, dim: number, matrix: Float32Array): Tensor {
  const size = x.shape[dim];
  const map = fromHost(matrix, [matrix.length / size, size], "float32");
  if (dim === x.ndim - 1) return x.matmul(map.t());
  if (dim === x.ndim - 2) return map.matmul(x);
  return x
    .transpose(dim, x.ndim - 1)
    .matmul(map.t())
    .transpose(dim, x.ndim - 1);
}

/** How one dimension is resized. */
export interface Resize {
  readonly size: number;
  readonly out: number;
  /** Input positions an output position: size / out, unless a scale factor was given. */
  readonly scale: number;
  readonly alignCorners: boolean;
}

const source = ({ scale, alignCorners, size, out }: Resize, i: number): number =>
  alignCorners ? (out > 1 ? (i * (size - 1)) / (out - 1) : 0) : (i + 0.5) * scale - 0.5;

/** Weights of linear interpolation. */
export function linearMatrix(resize: Resize): Float32Array {
  const { size, out } = resize;
  const matrix = new Float32Array(out * size);
  for (let i = 0; i < out; i++) {
    const at = Math.max(0, source(resize, i));
    const left = Math.min(Math.floor(at), size - 1);
    const right = Math.min(left + 1, size - 1);
    matrix[i * size + left] += 1 - (at - left);
    matrix[i * size + right] += at - left;
  }
  return matrix;
}

/** Keys' cubic convolution kernel with parameter a, at distance t. */
function cubic(t: number, a: number): number {
  const x = Math.abs(t);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Weights of cubic interpolation (a = −0.75); positions beyond the ends repeat the end. */
export function cubicMatrix(resize: Resize): Float32Array {
  const { size, out } = resize;
  const matrix = new Float32Array(out * size);
  for (let i = 0; i < out; i++) {
    const at = source(resize, i);
    const left = Math.floor(at);
    for (let tap = left - 1; tap <= left + 2; tap++)
      matrix[i * size + Math.min(Math.max(tap, 0), size - 1)] += cubic(at - tap, -0.75);
  }
  return matrix;
}

/** Weights of antialiased interpolation: the filter is widened by the scale when shrinking, and cut and normalised at the ends. */
export function antialiasMatrix({ size, out, scale, alignCorners }: Resize, filter: "linear" | "cubic"): Float32Array {
  const step = alignCorners ? (out > 1 ? (size - 1) / (out - 1) : 0) : scale;
  const width = Math.max(step, 1);
  const reach = (filter === "linear" ? 1 : 2) * width;
  const weight = filter === "linear" ? (t: number) => Math.max(0, 1 - Math.abs(t)) : (t: number) => cubic(t, -0.5);
  const matrix = new Float32Array(out * size);
  for (let i = 0; i < out; i++) {
    const center = step * (i + 0.5);
    const from = Math.max(Math.trunc(center - reach + 0.5), 0);
    const to = Math.min(Math.trunc(center + reach + 0.5), size);
    let total = 0;
    for (let j = from; j < to; j++) total += weight((j - center + 0.5) / width);
    for (let j = from; j < to; j++) matrix[i * size + j] = weight((j - center + 0.5) / width) / total;
  }
  return matrix;
}

/** The input position that each output position takes; computed in f32, as torch does. */
export function nearestIndices({ size, out, scale }: Resize, exact: boolean): Int32Array {
  const step = Math.fround(scale);
  return Int32Array.from({ length: out }, (_, i) =>
    Math.min(Math.floor(Math.fround((exact ? i + 0.5 : i) * step)), size - 1),
  );
}
