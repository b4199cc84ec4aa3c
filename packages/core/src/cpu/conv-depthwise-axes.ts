/** The geometry of depthwise convolutions: where the taps of each point lie in a slab, and how its tiles share rows. */

import { inputAxis, type Phase, phasesOf } from "../conv-axes.js";
import type { ConvKernel } from "../kernel.js";
import type { StencilTile } from "./conv-stencil.js";
import { roundUp } from "./gemm-plan.js";

/** Rows of points in a tile: what wastes least is taken, so that planes of 7, 14, 28 … waste nothing. */
const TILE_ROWS = [8, 7];
/** Taps that a column of a tile may have; with so many, eight rows would not fit the registers. */
const MOST_TAPS = 7;

/** Where a tap lies, counted from the slab's first row or column, and its number in the kernel. */
interface Tap {
  readonly place: number;
  readonly tap: number;
}

/** One spatial axis: how points, in phases if their taps differ, read the slab. */
export interface StencilAxis {
  /** Rows or columns of the tensor, of the result, and points of the longest phase. */
  readonly size: number;
  readonly results: number;
  readonly points: number;
  /** From one point to the next. */
  readonly step: number;
  /** Position in the tensor of the slab's first row or column. */
  readonly first: number;
  /** Rows or columns from the first tap of a point to its last. */
  readonly span: number;
  /** The taps of each phase, from the first in the slab to the last. */
  readonly phases: readonly (readonly Tap[])[];
}

export function stencilAxes({ kind, shape: s }: ConvKernel): { y: StencilAxis; x: StencilAxis } {
  const axis = (inputs: number, outputs: number, taps: number, i: 0 | 1): StencilAxis =>
    kind === "conv2dInputGrad"
      ? stencilAxis(phasesOf(inputs, outputs, taps, s, i), outputs, inputs)
      : stencilAxis(
          [{ phase: 0, firstTap: 0, tapStep: 1, axis: inputAxis(inputs, outputs, taps, s, i) }],
          inputs,
          outputs,
        );
  return { y: axis(s.ih, s.oh, s.kh, 0), x: axis(s.iw, s.ow, s.kw, 1) };
}

function stencilAxis(phases: readonly Phase[], size: number, results: number): StencilAxis {
  const taps = phases.map(({ axis, firstTap, tapStep }) =>
    Array.from({ length: axis.taps }, (_, t) => ({
      place: t * axis.tapStep + axis.origin,
      tap: firstTap + t * tapStep,
    })),
  );
  const places = taps.flat().map(({ place }) => place);
  const first = places.length > 0 ? Math.min(...places) : 0;
  return {
    size,
    results,
    points: Math.max(0, ...phases.map(({ axis }) => axis.points)),
    step: phases[0]?.axis.step ?? 1,
    first,
    span: places.length > 0 ? Math.max(...places) - first : 0,
    phases: taps.map((list) =>
      list.map(({ place, tap }) => ({ place: place - first, tap })).sort((s, t) => s.place - t.place),
    ),
  };
}

/** The tile of each row phase, all with as many rows of points. Taps that are not neighbours are columns of one tap. */
export function tilesOf({ points, step, phases }: StencilAxis, fused: boolean): StencilTile[] {
  const columns = phases.map((taps) => {
    const close = taps.every(({ place }, i) => place === taps[0].place + i);
    return close && step <= 2 && taps.length > 1 && taps.length <= MOST_TAPS
      ? { taps: taps.length, step }
      : { taps: 1, step: 1 };
  });
  const isTall = columns.some(({ taps }) => taps === MOST_TAPS);
  const rows = isTall ? 7 : TILE_ROWS.reduce((a, b) => (roundUp(points, b) < roundUp(points, a) ? b : a));
  return columns.map((tile) => ({ ...tile, rows, fused }));
}

/** A row of the slab: for each phase of columns a segment, long enough for whole vectors of points. */
export interface SlabRow {
  readonly length: number;
  /** Where column `q`, counted from the slab's first, lies. */
  place(q: number): number;
  /** Columns of the tensor that it shows. */
  readonly start: number;
  readonly count: number;
}

export function slabRow({ points, span, step, first, size }: StencilAxis): SlabRow {
  const segment = roundUp(points, 4) + Math.floor(span / step);
  const start = Math.max(0, first);
  const end = Math.max(start, Math.min(size, first + (points - 1) * step + span + 1));
  return {
    length: step * segment,
    place: (q) => (q % step) * segment + Math.floor(q / step),
    start,
    count: end - start,
  };
}
