/**
 * How Winograd's convolution is cut, and what it costs. Blocks of the result are `mt` channels and `nt` rows of tiles; a
 * transformed operand that several blocks need is either transformed by each of them, into cache, or once for all.
 */

import { ceilDiv, roundUp } from "./gemm-plan.js";
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
  /** Whether all transformed filters, and all transformed tiles, lie in the workspace. */
  readonly sharedU: boolean;
  readonly sharedV: boolean;
  /** Estimated nanoseconds. */
  readonly cost: number;
}

/** Nanoseconds of a multiply-add in the micro-kernel. */
const MULTIPLY = 0.04;
/** Nanoseconds an element of n² products for transforming four filters, four tiles that are read, four that are written. */
const TRANSFORM = { filter: 0.8, data: 0.8, output: 0.8 };
/** Nanoseconds of a byte that passes through the workspace. */
const SHARE = 0.1;
/** Bytes of a slice's operands and products that fit a second-level cache. */
const CACHE = 1 << 20;
/** Multiply-adds of the direct convolution that make a task, tasks that a large one should have, and threads that share
 *  them evenly. */
const TASK_WORK = 1 << 22;
const MANY_TASKS = 8;
const THREADS = 4;
/** Bytes that scratch, and the workspace, may take at most. */
const LIMIT = { scratch: 4 << 20, workspace: 48 << 20 };
const DEPTHS = [512, 256, 128, 64, 32];

/** Nanoseconds of a multiply-add of the direct convolution, packing included, and of finishing an element. */
const DIRECT = { multiply: 0.043, finish: 0.5 };

/** Multiply-adds of summing directly. */
export const workOf = ({ m, k, images, height, width }: WinogradSpec): number => images * height * width * m * k * 9;

/** Estimated nanoseconds of summing directly. */
export function directCost({ m, k, images, height, width }: WinogradSpec, { mr, nr }: TileShape): number {
  const pixels = images * height * width;
  return roundUp(m, mr) * roundUp(pixels, nr) * 9 * k * DIRECT.multiply + m * pixels * DIRECT.finish;
}

const counts = (most: number): number[] => {
  const list = [];
  for (let i = 1; i <= most; i *= 2) {
    list.push(i);
    if (i > 1 && i * 1.5 <= most) list.push(i * 1.5);
  }
  return list;
};

export function planWinograd(
  spec: WinogradSpec,
  { outputs, inputs }: WinogradForm,
  { mr, nr }: TileShape,
): WinogradPlan | undefined {
  const { m, k, images, height, width } = spec;
  if (height < outputs || width < outputs) return undefined;
  const imageRows = ceilDiv(height, outputs);
  const imageColumns = ceilDiv(width, outputs);
  const rows = images * imageRows;
  const products = inputs * inputs;
  const wanted = Math.max(1, Math.min(MANY_TASKS, Math.floor(workOf(spec) / TASK_WORK)));
  let best: WinogradPlan | undefined;
  for (const mCount of counts(ceilDiv(m, mr))) {
    const mt = roundUp(ceilDiv(m, mCount), mr);
    const mBlocks = ceilDiv(m, mt);
    for (const nCount of counts(rows)) {
      const nt = ceilDiv(rows, nCount);
      const nBlocks = ceilDiv(rows, nt);
      const tiles = roundUp(nt * imageColumns, nr);
      const lanes = tiles * nBlocks;
      for (const depth of DEPTHS) {
        const slices = ceilDiv(k, depth);
        const kt = ceilDiv(k, slices);
        if (slices > 1 && depth > k) continue;
        for (const sharedU of [false, true]) {
          for (const sharedV of [false, true]) {
            const [bytesU, bytesV, bytesC] = [mt * kt, tiles * kt, mt * tiles].map((x) => 4 * products * x);
            const scratch = (sharedU ? 0 : bytesU) + (sharedV ? 0 : bytesV) + bytesC;
            const workspace = (sharedU ? bytesU * mBlocks * slices : 0) + (sharedV ? bytesV * nBlocks * slices : 0);
            if (scratch > LIMIT.scratch || workspace > LIMIT.workspace) continue;
            const items = mBlocks * nBlocks;
            const multiply = products * roundUp(m, mr) * lanes * k * MULTIPLY;
            const filters = ((products * m * k) / 4) * TRANSFORM.filter * (sharedU ? 1 : nBlocks);
            const data = ((products * lanes * k) / 4) * TRANSFORM.data * (sharedV ? 1 : mBlocks);
            const output = ((products * lanes * m) / 4) * TRANSFORM.output;
            const share = workspace * SHARE;
            const excess = Math.max(1, scratch / CACHE) ** 0.5;
            const idle = (roundUp(items, Math.min(THREADS, wanted)) / items) * Math.max(1, wanted / items);
            const cost = multiply * excess * idle + filters + data * idle + output * idle + share;
            if (best && best.cost <= cost) continue;
            best = { mt, nt, kt, mBlocks, nBlocks, imageRows, imageColumns, sharedU, sharedV, cost };
          }
        }
      }
    }
  }
  return best;
}
