/**
 * How a contraction is cut: into blocks of the result that are independent of each other (items, and tasks made of
 * them), and within an item into slices of k. The cut never changes the order in which one element's products are
 * added, so results do not depend on it, nor on the number of threads.
 */

import { type Contraction, isIrregular, mergeWalk, type Operand } from "./gemm-spec.js";
import type { InPlace, TileShape } from "./gemm-tile.js";

export interface BlockPlan {
  /** Rows, columns and depth of a block; the last of each may be smaller. mt and nt fill whole tiles. */
  readonly mt: number;
  readonly nt: number;
  readonly kt: number;
  readonly mBlocks: number;
  readonly nBlocks: number;
  /** Blocks in all, and how many of them make a task. */
  readonly items: number;
  readonly perTask: number;
  readonly tasks: number;
  readonly inPlace: InPlace;
  /** Rows that a slab holds a channel, and channels. */
  readonly slabRows: number;
  readonly slabChannels: number;
  /** About how long it takes on one thread, where two or more are at work. */
  readonly nanoseconds: number;
}

/** Elements that blocks of A, B and C should not exceed: together they fit a second-level cache, more or less. */
const LIMIT = { a: 1 << 17, b: 1 << 17, c: 1 << 18 };
/** Depth of a slice of k: a panel of B (nr × kt) stays in the first-level cache. */
const DEPTH = 256;
/** Nanoseconds of moving an element into a panel, and of finishing one that goes to a neighbour of the last, or not. */
const MOVE = { stream: 0.25, transpose: 0.4, gather: 1 };
const FINISH = { next: 0.5, apart: 1.5 };
/** What a multiply-add takes longer by when an operand is read in place. */
const IN_PLACE_COST = { fused: { none: 1, a: 1.04, b: 1.2 }, plain: { none: 1, a: 1.12, b: 1.4 } };
/** The same where rows of B are further apart, in elements, than the page that prefetching stays within. */
const PAGE = 1024;
const FAR = 2;
/** Nanoseconds of beginning a block. */
const BEGIN = 400;
/** Multiply-adds that make a task worth handing to another thread, and tasks that a large kernel should have. */
const TASK_WORK = 1 << 20;
const MANY_TASKS = 8;

export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);
export const roundUp = (a: number, b: number): number => ceilDiv(a, b) * b;

function moveCost({ lane, k }: Operand): number {
  const streams = (walk: Operand["lane"]): boolean => {
    const inner = walk.at(-1);
    return inner !== undefined && inner.size >= 4 && (inner.stride === 1 || inner.stride === 2);
  };
  return streams(lane) ? MOVE.stream : streams(k) ? MOVE.transpose : MOVE.gather;
}

function finishCost({ affine }: Contraction): number {
  const inner = affine[0].n.at(-1);
  return inner === undefined || inner.stride === 1 ? FINISH.next : FINISH.apart;
}

/** The operands that can be read in place, besides that all can be packed. */
function placesOf({ a, b }: Contraction, { run }: TileShape): InPlace[] {
  const [ks, lanes] = [mergeWalk(a.k), mergeWalk(b.lane)];
  const inner = lanes.at(-1);
  const places: InPlace[] = ["none"];
  if (!isIrregular(a) && (ks.length === 0 || (ks.length === 1 && ks[0].stride === 1))) places.push("a");
  if (!isIrregular(b) && inner?.stride === 1 && inner.size % run === 0) places.push("b");
  return places;
}

/** Slab row in which the window of grid point `i` starts. */
function rowOf({ gridWidth, gridHeight, height, step }: NonNullable<Contraction["slab"]>, i: number): number {
  const row = Math.floor(i / gridWidth);
  return Math.floor(row / gridHeight) * height + (row % gridHeight) * step;
}

/** The most slab rows that any block of `size` grid points touches. */
function slabRows(slab: NonNullable<Contraction["slab"]>, points: number, size: number): number {
  let most = 0;
  for (let i = 0; i < points; i += size) {
    const last = Math.min(points, i + size) - 1;
    most = Math.max(most, rowOf(slab, last) + slab.extent - rowOf(slab, i));
  }
  return most;
}

/** Numbers of blocks worth trying for an axis: 1, 2, 3, 4, 6, 8, 12 … */
export function blockCounts(tiles: number): number[] {
  const counts = [];
  for (let i = 1; i <= tiles; i *= 2) {
    counts.push(i);
    if (i > 1 && i * 1.5 <= tiles) counts.push(i * 1.5);
  }
  return counts;
}

/** Times to multiply, to move operands and to finish the result, of a contraction in blocks of mt × nt. */
function costOf(c: Contraction, tile: TileShape, inPlace: InPlace, mBlocks: number, nBlocks: number): number {
  const { batch, m, n, k } = c;
  const far = inPlace === "b" && !c.slab && c.b.k.some(({ stride }) => Math.abs(stride) >= PAGE);
  const factor = far ? FAR : IN_PLACE_COST[tile.fused ? "fused" : "plain"][inPlace];
  const multiply = roundUp(m, tile.mr) * roundUp(n, tile.nr) * k * tile.nanoseconds * factor;
  const moveA = inPlace === "a" ? 0 : m * k * nBlocks * moveCost(c.a);
  const moveB = inPlace === "b" ? 0 : n * k * mBlocks * moveCost(c.b);
  return batch * (multiply + moveA + moveB + m * n * finishCost(c) + mBlocks * nBlocks * BEGIN);
}

export function planBlocks(c: Contraction, tile: TileShape): BlockPlan {
  const { batch, m, n, k, slab } = c;
  const { mr, nr } = tile;
  // A slice of k preferably takes whole channels, or whole rows of the grid.
  const unit = slab ? (slab.channelAxis === "k" ? slab.taps : slab.gridWidth) : 4;
  const slices = Math.max(1, Math.round(k / DEPTH));
  const kt = Math.max(1, Math.min(k, roundUp(ceilDiv(k, slices), unit <= DEPTH ? unit : 4)));
  const work = batch * m * n * k;
  const wanted = Math.max(1, Math.min(MANY_TASKS, Math.floor(work / TASK_WORK)));
  const places = placesOf(c, tile);

  let best = { cost: Infinity, mt: mr, nt: nr, inPlace: places[0] };
  for (const mCount of blockCounts(ceilDiv(m, mr))) {
    const mt = roundUp(ceilDiv(m, mCount), mr);
    const mBlocks = ceilDiv(m, mt);
    for (const nCount of blockCounts(ceilDiv(n, nr))) {
      const nt = roundUp(ceilDiv(n, nCount), nr);
      const nBlocks = ceilDiv(n, nt);
      const items = batch * mBlocks * nBlocks;
      // Blocks that outgrow the cache are slower by about as much as they do; threads without an item are idle.
      const excess =
        Math.max(1, (mt * kt) / LIMIT.a) * Math.max(1, (nt * kt) / LIMIT.b) * Math.max(1, (mt * nt) / LIMIT.c);
      const idle = (roundUp(items, Math.min(4, wanted)) / items) * Math.max(1, wanted / items);
      for (const inPlace of places) {
        const cost = costOf(c, tile, inPlace, mBlocks, nBlocks) * excess * idle;
        if (cost < best.cost) best = { cost, mt, nt, inPlace };
      }
    }
  }
  const { mt, nt, inPlace, cost } = best;
  const mBlocks = ceilDiv(m, mt);
  const nBlocks = ceilDiv(n, nt);
  const items = batch * mBlocks * nBlocks;
  const itemWork = Math.max(1, work / Math.max(1, items));
  const perTask = Math.max(1, Math.min(Math.floor(TASK_WORK / itemWork), ceilDiv(items, wanted)));
  const [points, size] = slab?.channelAxis === "n" ? [k, kt] : [n, nt];
  const lanes = slab?.channelAxis === "n" ? Math.min(n, nt) : kt;
  return {
    mt,
    nt,
    kt,
    mBlocks,
    nBlocks,
    items,
    perTask,
    tasks: ceilDiv(items, perTask),
    inPlace,
    slabRows: slab ? slabRows(slab, points, size) : 0,
    slabChannels: slab ? ceilDiv(lanes - 1, slab.taps) + 1 : 0,
    nanoseconds: Number.isFinite(cost) ? cost : 0,
  };
}
