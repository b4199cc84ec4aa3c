/**
 * The one problem that matmul and the three convolutions are turned into: a contraction
 *
 *     C[batch, m, n] = Σk A[batch, m, k] · B[batch, k, n]
 *
 * whose four axes are each made of several digits (the n axis of a convolution is image, row and column), so that the
 * element of an operand at (m, k) is at `M offset(m) + K offset(k)`. A convolution's input is made to fit this form by a
 * zero-padded copy of the rows and channels that a block needs, where padding is needed at all: its `Slab`.
 */

import type { Access } from "../kernel.js";
import type { Affine } from "./gemm-record.js";

/** One digit of an axis and what it adds to an address, in elements, when it grows by one. */
export interface Digit {
  readonly size: number;
  readonly stride: number;
}

/** Offsets along an axis, outermost digit first. The empty list is the offset 0. */
export type Walk = readonly Digit[];

/** How something varies over an operand; `lane` is along m for A, along n for B. */
export interface Placement {
  readonly offset: number;
  readonly batch: Walk;
  readonly lane: Walk;
  readonly k: Walk;
}

/**
 * An operand, which is addressed directly, or whose `lane` and `k` address a slab of the tensor that `access` reads. Its
 * offset is in elements, beyond the access's own.
 */
export interface Operand extends Placement {
  readonly access: Access;
  /** Conditions 0 ≤ value < size; where one does not hold, the element is 0. */
  readonly bounds: readonly (Placement & { readonly size: number })[];
}

/** The operand whose address and bounds vary as `place` says for given strides. */
export const operandOf = (
  access: Access,
  place: (strides: readonly number[], offset: number) => Placement,
): Operand => ({
  access,
  ...place(access.strides, 0),
  bounds: access.bounds.map(({ strides, offset, size }) => ({ ...place(strides, offset), size })),
});

/** Whether an access needs neither tests of bounds nor a conversion of its elements. */
export const isPlain = ({
  dtype,
  bounds,
}: {
  readonly dtype: Access["dtype"];
  readonly bounds: readonly unknown[];
}): boolean => dtype === "float32" && bounds.length === 0;

/** Whether elements have to be fetched one by one, with their bounds tested and their type converted. */
export const isIrregular = ({ access, bounds }: Operand): boolean => !isPlain({ dtype: access.dtype, bounds });

/**
 * A zero-padded copy of part of an image tensor [image, channel, y, x], made for each block. Its rows are counted over
 * all images: row `r` is row `r % height` of image `⌊r / height⌋`, and shows the tensor's row `r % height − top`. One of
 * the axes k and n counts channels and, within them, taps of the kernel; its outermost digit moves by slab channels,
 * whatever its stride says. The other axis counts the grid of points: image, row, column.
 */
export interface Slab {
  readonly channelAxis: "k" | "n";
  /** Taps of the kernel, which share a channel. */
  readonly taps: number;
  /** Elements between images, channels, rows and columns of the tensor. */
  readonly strides: readonly [number, number, number, number];
  readonly tensorHeight: number;
  readonly tensorWidth: number;
  readonly height: number;
  readonly width: number;
  /** Zeros before the tensor's first row and column; negative where rows or columns are left out. */
  readonly top: number;
  readonly left: number;
  /** The element of the slab at which the first tap of the first point lies. */
  readonly origin: number;
  readonly gridHeight: number;
  readonly gridWidth: number;
  /** Slab rows from one row of the grid to the next, and rows that the taps of one point span. */
  readonly step: number;
  readonly extent: number;
}

export interface Contraction {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Operand;
  readonly b: Operand;
  /** Where B is gathered from; absent when nothing has to be padded. */
  readonly slab?: Slab;
  /** The epilogue's affine values over this contraction's digits, in the order the epilogue numbers them. Their walks
   *  along n have the same sizes, and so have those along m. */
  readonly affine: readonly Affine[];
}

/** The product of the transposed operands, which is the transposed product. It must have no slab. */
export const transpose = (c: Contraction): Contraction => ({
  ...c,
  m: c.n,
  n: c.m,
  a: c.b,
  b: c.a,
  affine: c.affine.map((value) => ({ ...value, m: value.n, n: value.m })),
});

/** Joins neighbouring digits that are one in every one of the walks, and drops those of size 1. */
export function mergeWalks(walks: readonly Walk[]): Walk[] {
  const merged: Digit[][] = walks.map(() => []);
  const digits = walks[0]?.length ?? 0;
  for (let d = 0; d < digits; d++) {
    if (walks[0][d].size === 1) continue;
    const joins = merged[0].length > 0 && walks.every((w, i) => merged[i].at(-1)!.stride === w[d].size * w[d].stride);
    walks.forEach((w, i) => {
      const size = joins ? merged[i].pop()!.size * w[d].size : w[d].size;
      merged[i].push({ size, stride: w[d].stride });
    });
  }
  return merged;
}

/** The walk without digits of size 1, with digits that continue each other joined. */
export const mergeWalk = (walk: Walk): Walk => mergeWalks([walk])[0];
