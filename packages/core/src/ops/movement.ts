/** Movement operators: other views of the same elements. None of them computes, and none copies by itself. */

import { ArgumentError, ShapeError } from "../errors.js";
import { type Movement, type Node, numelOf, sameShape } from "../node.js";
import { constant, fill } from "./create.js";
import { make } from "./make.js";

const move = (x: Node, move: Movement, detail: string, shape: readonly number[]): Node =>
  make({ kind: "move", move }, `${move.type}:${detail}:${shape}`, [x], shape, x.dtype);

/** A dimension counted from the end if negative; `ArgumentError` out of range. */
export function dimOf(op: string, dim: number, rank: number): number {
  const r = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -r || dim >= r)
    throw new ArgumentError(
      `${op}: dimension ${dim} is out of range for a tensor of ${rank} dimensions (expected ${-r}…${r - 1})`,
    );
  return dim < 0 ? dim + r : dim;
}

/** The same elements in another shape; one size may be -1. As torch.reshape. */
export function reshape(x: Node, shape: readonly number[]): Node {
  const sizes = [...shape];
  const unknown = sizes.indexOf(-1);
  if (unknown >= 0) {
    const rest = numelOf(sizes.filter((_, i) => i !== unknown));
    sizes[unknown] = rest === 0 ? -1 : x.numel / rest;
  }
  if (sizes.some((d) => !Number.isInteger(d) || d < 0) || numelOf(sizes) !== x.numel)
    throw new ShapeError(`reshape: a tensor of shape [${x.shape}] (${x.numel} elements) has no shape [${shape}]`);
  if (sameShape(sizes, x.shape)) return x;
  return move(x, { type: "reshape" }, "", sizes);
}

/** A node of its own with the same value: for handles that must not share autograd history. */
export const alias = (x: Node): Node => move(x, { type: "reshape" }, "", x.shape);

/** Dimension j of the result is dimension dims[j] of x. As torch.permute. */
export function permute(x: Node, dims: readonly number[]): Node {
  const order = dims.map((d) => dimOf("permute", d, x.shape.length));
  if (order.length !== x.shape.length || new Set(order).size !== order.length)
    throw new ShapeError(
      `permute: [${dims}] is not an order of the ${x.shape.length} dimensions of shape [${x.shape}]`,
    );
  if (order.every((d, i) => d === i)) return x;
  // Two permutations are one, or none.
  if (x.op.kind === "move" && x.op.move.type === "permute" && x.inputs.length > 0 && !x.sink) {
    const { dims: inner } = x.op.move;
    return permute(
      x.inputs[0],
      order.map((d) => inner[d]),
    );
  }
  return move(
    x,
    { type: "permute", dims: order },
    `${order}`,
    order.map((d) => x.shape[d]),
  );
}

/** Dimensions of size 1, and new ones in front, repeated to `shape`; -1 keeps a size. As torch.expand. */
export function expand(x: Node, shape: readonly number[]): Node {
  const lead = shape.length - x.shape.length;
  const from = [...new Array<number>(Math.max(0, lead)).fill(1), ...x.shape];
  const to = shape.map((d, i) => (d === -1 && i >= lead ? from[i] : d));
  if (lead < 0 || to.some((d, i) => d < 0 || (from[i] !== d && from[i] !== 1)))
    throw new ShapeError(`expand: shape [${x.shape}] does not repeat to [${shape}]; only dimensions of size 1 repeat`);
  const y = reshape(x, from);
  if (sameShape(from, to)) return y;
  return move(y, { type: "expand" }, "", to);
}

/** Positions start, start + step, … (count of them) of every dimension. Steps may be negative. */
export function slice(x: Node, start: readonly number[], count: readonly number[], step: readonly number[]): Node {
  if (start.every((s) => s === 0) && sameShape(count, x.shape) && step.every((s) => s === 1)) return x;
  return move(x, { type: "slice", start: [...start], step: [...step] }, `${start}:${step}`, count);
}

/** Zeros between neighbours: size d becomes (d − 1)·step + 1. */
export function dilate(x: Node, dim: number, step: number): Node {
  const n = x.shape[dim];
  if (n === 0) return x;
  const wide = reshape(x, [...x.shape.slice(0, dim + 1), 1, ...x.shape.slice(dim + 1)]);
  const after = wide.shape.map((_, i) => (i === dim + 1 ? step - 1 : 0));
  const padded = pad(
    wide,
    wide.shape.map(() => 0),
    after,
    0,
  );
  const flat = reshape(
    padded,
    x.shape.map((d, i) => (i === dim ? n * step : d)),
  );
  const count = flat.shape.map((d, i) => (i === dim ? (n - 1) * step + 1 : d));
  return slice(
    flat,
    count.map(() => 0),
    count,
    count.map(() => 1),
  );
}

/** The first elements of every dimension, `shape` of them. */
export function head(x: Node, shape: readonly number[]): Node {
  const zeros = shape.map(() => 0);
  return slice(
    x,
    zeros,
    shape,
    zeros.map(() => 1),
  );
}

export function flip(x: Node, dims: readonly number[]): Node {
  const on = new Set(dims.map((d) => dimOf("flip", d, x.shape.length)));
  return slice(
    x,
    x.shape.map((d, i) => (on.has(i) && d > 0 ? d - 1 : 0)),
    x.shape,
    x.shape.map((_, i) => (on.has(i) ? -1 : 1)),
  );
}

/** One dimension sliced as Python does, with torch's clamping; step ≥ 1. */
export function sliceDim(x: Node, dim: number, start: number, end: number, step: number): Node {
  const d = dimOf("slice", dim, x.shape.length);
  if (!Number.isInteger(step) || step < 1)
    throw new ArgumentError(`slice: step must be a positive integer, got ${step}`);
  const n = x.shape[d];
  const at = (v: number): number => Math.min(n, Math.max(0, v < 0 ? v + n : v));
  const from = at(start);
  const count = Math.max(0, Math.ceil((at(end) - from) / step));
  return slice(
    x,
    x.shape.map((_, i) => (i === d ? from : 0)),
    x.shape.map((size, i) => (i === d ? count : size)),
    x.shape.map((_, i) => (i === d ? step : 1)),
  );
}

/** `before` and `after` elements of `value` around each dimension; negative amounts crop. */
export function pad(x: Node, before: readonly number[], after: readonly number[], value: number): Node {
  const crop = (v: readonly number[]): number[] => v.map((n) => Math.max(0, -n));
  const cropLow = crop(before);
  const cropHigh = crop(after);
  const kept = x.shape.map((d, i) => d - cropLow[i] - cropHigh[i]);
  if (kept.some((d) => d < 0))
    throw new ShapeError(`pad: cropping [${before}], [${after}] leaves nothing of shape [${x.shape}]`);
  const y = slice(
    x,
    cropLow,
    kept,
    kept.map(() => 1),
  );
  const low = before.map((n) => Math.max(0, n));
  const high = after.map((n) => Math.max(0, n));
  if (low.every((n) => n === 0) && high.every((n) => n === 0)) return y;
  const shape = kept.map((d, i) => d + low[i] + high[i]);
  if (y.numel === 0) return fill(shape, constant(value, x.dtype));
  return move(y, { type: "pad", before: low, value }, `${low}:${value}`, shape);
}

/** Windows of `size` elements, `step` apart, whose elements are `dilation` apart, as a view: the window dimension is
 *  appended last. As torch.Tensor.unfold, with a dilation. */
export function unfold(x: Node, dim: number, size: number, step: number, dilation: number): Node {
  const d = dimOf("unfold", dim, x.shape.length);
  const span = dilation * (size - 1) + 1;
  if (size < 1 || step < 1 || dilation < 1 || span > x.shape[d])
    throw new ShapeError(
      `unfold: windows of ${size} (step ${step}, dilation ${dilation}) do not fit dimension ${d} of shape [${x.shape}]`,
    );
  const count = Math.floor((x.shape[d] - span) / step) + 1;
  const shape = [...x.shape.map((n, i) => (i === d ? count : n)), size];
  return move(x, { type: "unfold", dim: d, step, dilation }, `${d}:${step}:${dilation}`, shape);
}
