/**
 * Pooling, as torch.nn.functional. Windows are overlapping views of the padded input, so nothing is copied: a pool is
 * one reduction over the window dimensions, and its gradient adds windows up where they overlap.
 */

import {
  ArgumentError,
  arange,
  customVjp,
  overlapAdd2d,
  ShapeError,
  scoped,
  type Tensor,
  tensor,
  where,
} from "@kindling/core";
import { type Sizes, shapeText, sizes, withBatch } from "./args.js";

export interface MaxPoolOptions {
  /** Default: the kernel's size. */
  readonly stride?: Sizes | null;
  /** Rows and columns of −∞ on both sides, at most half the kernel. Default 0. */
  readonly padding?: Sizes;
  readonly dilation?: Sizes;
  /** Whether a window may reach beyond the end, if it starts inside. Default false. */
  readonly ceilMode?: boolean;
}

export interface AvgPoolOptions {
  readonly stride?: Sizes | null;
  readonly padding?: Sizes;
  readonly ceilMode?: boolean;
  /** Whether padding counts in the average. Default true. */
  readonly countIncludePad?: boolean;
  /** Divide by this instead of the number of elements. */
  readonly divisorOverride?: number | null;
}

/** How windows lie on one dimension. */
interface Window {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  /** Number of windows. */
  readonly out: number;
}

/** The largest value of each window. x: [N, C, H, W] or [C, H, W]. The gradient goes to the first largest. */
export function maxPool2d(x: Tensor, kernelSize: Sizes, options: MaxPoolOptions = {}): Tensor {
  const [h, w] = maxWindows("maxPool2d", x, kernelSize, options, 2);
  return scoped(() => withBatch("maxPool2d", x, 4, (images) => slidingMax(images, h, w).values));
}

/** `maxPool2d`, and where each maximum was: int32 positions in the flattened H×W plane. */
export function maxPool2dWithIndices(
  x: Tensor,
  kernelSize: Sizes,
  options: MaxPoolOptions = {},
): { values: Tensor; indices: Tensor } {
  const [h, w] = maxWindows("maxPool2d", x, kernelSize, options, 2);
  return scoped(() => {
    const images = x.ndim === 3 ? x.unsqueeze(0) : x;
    const { values, first } = slidingMax(images, h, w);
    const tapRow = first.div(w.kernel).floor().to("int32");
    const tapColumn = first.sub(tapRow.mul(w.kernel));
    const row = tapRow.mul(h.dilation).add(arange(h.out).mul(h.stride).sub(h.padding).unsqueeze(1));
    const column = tapColumn.mul(w.dilation).add(arange(w.out).mul(w.stride).sub(w.padding));
    const indices = row.mul(w.size).add(column).to("int32");
    return x.ndim === 3 ? { values: values.squeeze(0), indices: indices.squeeze(0) } : { values, indices };
  });
}

/** x: [N, C, L] or [C, L]. */
export function maxPool1d(x: Tensor, kernelSize: Sizes, options: MaxPoolOptions = {}): Tensor {
  const [w] = maxWindows("maxPool1d", x, kernelSize, options, 1);
  return scoped(() => withBatch("maxPool1d", x, 3, (rows) => slidingMax(rows.unsqueeze(2), ONE, w).values.squeeze(2)));
}

/** The average of each window. x: [N, C, H, W] or [C, H, W]. */
export function avgPool2d(x: Tensor, kernelSize: Sizes, options: AvgPoolOptions = {}): Tensor {
  const [h, w] = avgWindows("avgPool2d", x, kernelSize, options, 2);
  return scoped(() => withBatch("avgPool2d", x, 4, (images) => windowMean(images, h, w, options)));
}

/** x: [N, C, L] or [C, L]. */
export function avgPool1d(x: Tensor, kernelSize: Sizes, options: Omit<AvgPoolOptions, "divisorOverride"> = {}): Tensor {
  const [w] = avgWindows("avgPool1d", x, kernelSize, options, 1);
  return scoped(() =>
    withBatch("avgPool1d", x, 3, (rows) => windowMean(rows.unsqueeze(2), ONE, w, options).squeeze(2)),
  );
}

const ONE: Window = { size: 1, kernel: 1, stride: 1, padding: 0, dilation: 1, out: 1 };

function maxWindows(op: string, x: Tensor, kernelSize: Sizes, options: MaxPoolOptions, dims: number): Window[] {
  const { stride, padding = 0, dilation = 1, ceilMode = false } = options;
  return layOut(op, x, kernelSize, stride ?? kernelSize, padding, dilation, ceilMode, dims);
}

function avgWindows(op: string, x: Tensor, kernelSize: Sizes, options: AvgPoolOptions, dims: number): Window[] {
  const { stride, padding = 0, ceilMode = false, divisorOverride } = options;
  if (divisorOverride === 0) throw new ArgumentError(`${op}: divisorOverride is 0; give another divisor, or null`);
  return layOut(op, x, kernelSize, stride ?? kernelSize, padding, 1, ceilMode, dims);
}

function layOut(
  op: string,
  x: Tensor,
  kernelSize: Sizes,
  strides: Sizes,
  paddings: Sizes,
  dilations: Sizes,
  ceilMode: boolean,
  dims: number,
): Window[] {
  if (x.ndim !== dims + 2 && x.ndim !== dims + 1)
    throw new ShapeError(
      `${op}: the input is ${shapeText(x)}; it takes ${dims + 2} dimensions, or ${dims + 1} for one example`,
    );
  const kernels = sizes(op, "kernelSize", kernelSize, dims);
  const stride = sizes(op, "stride", strides, dims);
  const padding = sizes(op, "padding", paddings, dims);
  const dilation = sizes(op, "dilation", dilations, dims);
  return kernels.map((kernel, d) => {
    const size = x.shape[x.ndim - dims + d];
    if (padding[d] > kernel / 2)
      throw new ArgumentError(`${op}: padding ${padding[d]} is more than half the kernel's ${kernel}`);
    const room = size + 2 * padding[d] - dilation[d] * (kernel - 1) - 1;
    let out = (ceilMode ? Math.ceil(room / stride[d]) : Math.floor(room / stride[d])) + 1;
    if (ceilMode && (out - 1) * stride[d] >= size + padding[d]) out--;
    if (room < 0 || out < 1)
      throw new ShapeError(`${op}: a kernel of ${kernels.join("×")} does not fit into the input ${shapeText(x)}`);
    return { size, kernel, stride: stride[d], padding: padding[d], dilation: dilation[d], out };
  });
}

/** Columns after the last one that windows need; negative where the last columns are in no window. */
const after = (w: Window): number => (w.out - 1) * w.stride + w.dilation * (w.kernel - 1) + 1 - w.size - w.padding;

/** An image cut into windows: a view, and what adds windows up where they overlap. */
interface Windows {
  readonly image: Tensor;
  /** [N, C, oh, ow, kh, kw] */
  readonly windows: Tensor;
  /** The adjoint of the view. */
  overlapAdd(windows: Tensor): Tensor;
}

/** x: [N, C, H, W] */
function cut(x: Tensor, h: Window, w: Window, fill: number): Windows {
  const edges = [w.padding, after(w), h.padding, after(h)];
  const image = edges.every((n) => n === 0) ? x : x.pad(edges, fill);
  const [height, width] = image.shape.slice(2);
  return {
    image,
    windows: image.unfold(2, h.kernel, h.stride, h.dilation).unfold(3, w.kernel, w.stride, w.dilation),
    overlapAdd: (windows) => overlapAdd2d(windows, [height, width], [h.stride, w.stride], [h.dilation, w.dilation]),
  };
}

/** The maximum of each window, and its place in it. */
function slidingMax(x: Tensor, h: Window, w: Window): { values: Tensor; first: Tensor } {
  const { image, windows, overlapAdd } = cut(x, h, w, Number.NEGATIVE_INFINITY);
  const { values, first, gradient } = windowMax(windows);
  return { values: customVjp(values, [image], (g) => [overlapAdd(gradient(g))]), first };
}

/**
 * Maximum over the last two dimensions, and the position of the first maximum in them, row-major.
 * `gradient` puts the gradient of the values there.
 */
export function windowMax(windows: Tensor): { values: Tensor; first: Tensor; gradient: (g: Tensor) => Tensor } {
  const [kh, kw] = windows.shape.slice(-2);
  const outer = windows.shape.slice(0, -2);
  const largest = windows.amax([-2, -1], { keepdim: true });
  const position = arange(kh * kw).reshape([kh, kw]);
  const first = where(windows.eq(largest), position, kh * kw).amin([-2, -1], { keepdim: true });
  return {
    values: largest.reshape(outer),
    first: first.reshape(outer),
    gradient: (g) => where(first.eq(position), g.reshape(first.shape), 0),
  };
}

function windowMean(x: Tensor, h: Window, w: Window, options: AvgPoolOptions): Tensor {
  const { image, windows, overlapAdd } = cut(x, h, w, 0);
  const total = customVjp(windows.sum([-2, -1]), [image], (g) => [
    overlapAdd(g.unsqueeze(-1).unsqueeze(-1).expand(windows.shape)),
  ]);
  const { countIncludePad = true, divisorOverride } = options;
  if (divisorOverride) return total.mul(1 / divisorOverride);
  const rows = counts(h, countIncludePad);
  const columns = counts(w, countIncludePad);
  if (new Set(rows).size === 1 && new Set(columns).size === 1) return total.mul(1 / (rows[0] * columns[0]));
  return total.mul(tensor(rows.map((r) => columns.map((c) => 1 / (r * c)))));
}

/** Elements that each window averages over: its kernel, cut at the padding's end or at the input's ends. */
function counts(w: Window, includePad: boolean): number[] {
  return Array.from({ length: w.out }, (_, i) => {
    const start = i * w.stride - w.padding;
    const end = Math.min(start + w.kernel, w.size + w.padding);
    return includePad ? end - start : Math.min(end, w.size) - Math.max(start, 0);
  });
}
