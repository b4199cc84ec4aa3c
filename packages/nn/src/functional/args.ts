/** Arguments that torch takes as one number or one a dimension. */

import { ArgumentError, ShapeError, type Tensor } from "@kindling/core";

/** One number for all dimensions, or one a dimension. */
export type Sizes = number | readonly number[];

/** The argument as one number a dimension; an `ArgumentError` when the list is of another length. */
export function sizes(op: string, name: string, value: Sizes, dims: number): number[] {
  if (typeof value === "number") return new Array(dims).fill(value);
  if (value.length === dims) return [...value];
  throw new ArgumentError(`${op}: ${name} is [${value.join(", ")}]; give one number, or ${dims} of them`);
}

export const pair = (op: string, name: string, value: Sizes): [number, number] =>
  sizes(op, name, value, 2) as [number, number];

export const shapeText = (t: Tensor): string => `[${t.shape.join(", ")}]`;

/**
 * Runs an op that is defined on batches, also on one example without a batch dimension.
 * @param batched dimensions of a batch, e.g. 4 for images
 */
export function withBatch(op: string, x: Tensor, batched: number, fn: (x: Tensor) => Tensor): Tensor {
  if (x.ndim === batched) return fn(x);
  if (x.ndim === batched - 1) return fn(x.unsqueeze(0)).squeeze(0);
  throw new ShapeError(
    `${op}: the input is ${shapeText(x)}; it takes ${batched} dimensions, or ${batched - 1} for one example`,
  );
}

/** Dimension `dim` counted from the front. */
export function dimension(op: string, x: Tensor, dim: number): number {
  const d = dim < 0 ? dim + x.ndim : dim;
  if (d < 0 || d >= x.ndim) throw new ShapeError(`${op}: dimension ${dim} of a tensor of shape ${shapeText(x)}`);
  return d;
}

/** The shape in which a tensor of one value a channel (dimension 1) broadcasts over x. */
export function perChannel(x: Tensor): number[] {
  return x.shape.map((_, d) => (d === 1 ? -1 : 1));
}
