/**
 * How Winograd's convolution is cut, and what it costs. Blocks of the result are `mt` channels and `nt` rows of tiles; a
 * transformed operand that several blocks need is either transformed by each of them, into cache, or once for all.
 *
 * Costs are nanoseconds of one thread of the machine of docs/kernels-cpu.md. They depend on shapes and the engine alone.
 */

import { blockCounts, ceilDiv, roundUp } from "./gemm-plan.js";
import type { TileShape } from "./gemm-tile.js";
import type { WinogradForm } from "./winograd-form.js";
import type { WinogradSpec } from "./winograd-spec.js";

export interface WinogradPlan {
  /** Channels, rows of tiles and depth of a block; mt fills whole tiles of the micro-kernel. */
  readonly mt: number;
  readonly nt: number;
  readonly kt: number;
  readonly mBlocks: number;
  readonly nBlocks: number;
  /** Rows and columns of tiles an image. */
  readonly imageRows: number;
  readonly imageColumns: number;
  /** Whether all filters, and all tiles, are transformed before the products begin. */
  readonly sharedU: boolean;
  readonly sharedV: boolean;
  /** Estimated nanoseconds. */
  readonly cost: number;
}

/** What multiply-adds take in proportion to those of the micro-kernel alone: here, and in the direct convolution. */
const MULTIPLY = 1.1;
const DIRECT = 1.22;
/** Transforming four filters, four tiles that are read, four that are written; for each of the n² products. */
const TRANSFORM = { filter: 1, data: 1.3, output: 1.3 };
/** Adding an element of a block's products to what former slices gave. */
const ACCUMULATE = 0.1;
/** Finishing an element, and a byte that passes through the workspace. */
const FINISH = 0.4;
const SHARE = 0.08;
/** Bytes of scratch that fit a second-level cache, and how much slower a block gets with what it has more. */
const CACHE = 1 << 20;
const BEYOND_CACHE = 0.15;
/** Multiply-adds of the direct convolution that make a task, tasks that a large one should have, and threads that share
 *  them evenly. */
const TASK_WORK = 1 << 22;
const MANY_TASKS = 8;
const THREADS = 4;
/** Bytes that scratch, and shared operands, may take at most. */
const LIMIT = { scratch: 4 << 20, shared: 48 << 20 };
const DEPTHS = [512, 256, 128, 64, 32];
/** Part of the filters' transform that is left when the device keeps its result from run to run. */
const KEPT = 0.1;

/** Multiply-adds of summing directly. */
export const workOf = ({ m, k, images, height, width }: WinogradSpec): number => images * height * width * m * k * 9;

/** Estimated nanoseconds of summing directly. */
export function directCost({ m, k, images, height, width }: WinogradSpec, shape: TileShape): number {
  const pixels = images * height * width;
  const products = roundUp(m, shape.mr) * roundUp(pixels, shape.nr) * 9 * k;
  return products * DIRECT * shape.nanoseconds + m * pixels * FINISH;
}

type Cut = Omit<WinogradPlan, "cost">;

function* cuts(spec: WinogradSpec, outputs: number, mr: number): Generator<Cut> {
  const { m, k, images, height, width } = spec;
  const [imageRows, imageColumns] = [ceilDiv(height, outputs), ceilDiv(width, outputs)];
  const rows = images * imageRows;
  const depths = new Set(DEPTHS.map((depth) => ceilDiv(k, ceilDiv(k, depth))));
  for (const mCount of blockCounts(ceilDiv(m, mr))) {
    const mt = roundUp(ceilDiv(m, mCount), mr);
    for (const nCount of blockCounts(rows)) {
      const nt = ceilDiv(rows, nCount);
      const blocks = { mt, nt, mBlocks: ceilDiv(m, mt), nBlocks: ceilDiv(rows, nt), imageRows, imageColumns };
      for (const kt of depths) {
        for (const sharedU of [false, true])
          for (const sharedV of [false, true]) yield { ...blocks, kt, sharedU, sharedV };
      }
    }
  }
}

function costOf(spec: WinogradSpec, { inputs }: WinogradForm, shape: TileShape, cut: Cut): number {
  const { m, k, images, height, width } = spec;
  const { mt, nt, kt, mBlocks, nBlocks, imageColumns, sharedU, sharedV } = cut;
  const products = inputs * inputs;
  const tiles = roundUp(nt * imageColumns, shape.nr);
  const lanes = tiles * nBlocks;
  const [bytesU, bytesV, bytesC] = [mt * kt, tiles * kt, mt * tiles].map((elements) => 4 * products * elements);
  const scratch = (sharedU ? 0 : bytesU) + (sharedV ? 0 : bytesV) + bytesC;
  const slices = ceilDiv(k, kt);
  const [allU, allV] = [bytesU * mBlocks * slices, bytesV * nBlocks * slices];
  const shared = (sharedU ? allU : 0) + (sharedV ? allV : 0);
  if (scratch > LIMIT.scratch || shared > LIMIT.shared) return Infinity;

  const transform = (count: number, cost: number): number => (products / 4) * count * cost;
  const filters = transform(m * k, TRANSFORM.filter);
  const data = transform(lanes * k, TRANSFORM.data);
  // One image is a prediction: its weights stay, and so do their transforms.
  const sharedFilters = (filters + allU * SHARE) * (images === 1 ? KEPT : 1);
  const once = (sharedU ? sharedFilters : 0) + (sharedV ? data + allV * SHARE : 0);
  const again = (sharedU ? 0 : filters * nBlocks) + (sharedV ? 0 : data * mBlocks);
  const elements = products * roundUp(m, shape.mr) * lanes;
  const multiply = elements * (k * MULTIPLY * shape.nanoseconds + (slices - 1) * ACCUMULATE);
  const outputs = transform(lanes * m, TRANSFORM.output) + m * images * height * width * FINISH;
  const items = mBlocks * nBlocks;
  const wanted = Math.max(1, Math.min(MANY_TASKS, Math.floor(workOf(spec) / TASK_WORK)));
  const idle = (roundUp(items, Math.min(THREADS, wanted)) / items) * Math.max(1, wanted / items);
  return once + (multiply + again + outputs) * Math.max(1, scratch / CACHE) ** BEYOND_CACHE * idle;
}

/** Plans by what they depend on. Networks repeat their layers: the first two training steps of ResNet-18 ask 104 times for
 *  9 plans, and searching each time took a fifth of compiling. */
const known = new Map<string, WinogradPlan | undefined>();

/** The cheapest cut; undefined for planes smaller than a tile. */
export function planWinograd(spec: WinogradSpec, form: WinogradForm, shape: TileShape): WinogradPlan | undefined {
  const { m, k, images, height, width } = spec;
  const key = [m, k, images, height, width, form.outputs, shape.mr, shape.nr, shape.nanoseconds].join();
  if (!known.has(key)) known.set(key, cheapest(spec, form, shape));
  return known.get(key);
}

function cheapest(spec: WinogradSpec, form: WinogradForm, shape: TileShape): WinogradPlan | undefined {
  if (spec.height < form.outputs || spec.width < form.outputs) return undefined;
  let best: WinogradPlan | undefined;
  for (const cut of cuts(spec, form.outputs, shape.mr)) {
    const cost = costOf(spec, form, shape, cut);
    if (cost < (best?.cost ?? Infinity)) best = { ...cut, cost };
  }
  return best;
}
