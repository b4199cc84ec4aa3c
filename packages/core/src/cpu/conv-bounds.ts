/**
 * A padded view as the operand of a convolution. Where a bound only says which rows or columns exist, the view is a
 * smaller tensor with more padding, which the fast paths take as it is.
 */

import type { Access, ConvKernel, ConvShape } from "../kernel.js";

interface Absorbed {
  readonly access: Access;
  /** The first row and column that exist, and how many do. */
  readonly start: readonly [number, number];
  readonly size: readonly [number, number];
}

/** Takes bounds on rows (dimension 2) and columns (3) out of an access to a tensor of this height and width. */
function absorb(access: Access, sizes: readonly [number, number]): Absorbed {
  const start: [number, number] = [0, 0];
  const end: [number, number] = [...sizes];
  const others = access.bounds.filter(({ offset, strides, size }) => {
    const axis = ([0, 1] as const).find((i) => strides.every((s, d) => s === (d === i + 2 ? 1 : 0)));
    if (axis === undefined) return true;
    start[axis] = Math.max(start[axis], -offset);
    end[axis] = Math.min(end[axis], size - offset);
    return false;
  });
  const moved = ({ strides }: { readonly strides: readonly number[] }): number =>
    strides[2] * start[0] + strides[3] * start[1];
  return {
    access: {
      ...access,
      offset: access.offset + moved(access),
      bounds: others.map((bound) => ({ ...bound, offset: bound.offset + moved(bound) })),
    },
    start,
    size: [Math.max(0, end[0] - start[0]), Math.max(0, end[1] - start[1])],
  };
}

/** The same convolution, with bounds on rows and columns of the input or the output's gradient turned into its shape. */
export function absorbBounds(kernel: ConvKernel): ConvKernel {
  let { shape, a, b } = kernel;
  if (kernel.kind !== "conv2dInputGrad") {
    const { access, start, size } = absorb(a, [shape.ih, shape.iw]);
    a = access;
    shape = { ...shape, ih: size[0], iw: size[1], padding: later(shape, start, 1) };
  }
  if (kernel.kind !== "conv2d") {
    const output = kernel.kind === "conv2dInputGrad" ? a : b;
    const { access, start, size } = absorb(output, [shape.oh, shape.ow]);
    if (kernel.kind === "conv2dInputGrad") a = access;
    else b = access;
    // The window of an output that is counted from `start` on lies so many strides later.
    const steps = [start[0] * shape.stride[0], start[1] * shape.stride[1]] as const;
    shape = { ...shape, oh: size[0], ow: size[1], padding: later(shape, steps, -1) };
  }
  return { ...kernel, shape, a, b };
}

const later = ({ padding }: ConvShape, by: readonly [number, number], sign: 1 | -1): readonly [number, number] => [
  padding[0] + sign * by[0],
  padding[1] + sign * by[1],
];
