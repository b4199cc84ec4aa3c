/** How weight gradients by Winograd's form are cut, which depends on shapes alone, and when they pay. */

import type { ConvKernel, ConvShape } from "../kernel.js";
import { ceilDiv, roundUp } from "./gemm-plan.js";
import { isPlain } from "./gemm-spec.js";
import type { TileShape } from "./gemm-tile.js";
import { CPU_BYTES } from "./kernel.js";
import { F4 } from "./winograd-form.js";
import { STRIP_TILES } from "./winograd-strip.js";

export interface WeightPlan {
  /** Strips of a row of tiles, of an image, and in all; tiles of a strip. */
  readonly stripsPerRow: number;
  readonly stripsPerImage: number;
  readonly strips: number;
  readonly stripTiles: number;
  /** Strips whose panels are made and multiplied at once; strips of a part, and parts, whose sums are added at the end. */
  readonly sliceStrips: number;
  readonly partStrips: number;
  readonly parts: number;
  /** Output and input channels of a block, which fill whole panels, and how many blocks there are. */
  readonly mt: number;
  readonly nt: number;
  readonly mBlocks: number;
  readonly nBlocks: number;
  /** Whether panels are made once for all blocks, in the workspace. */
  readonly shared: boolean;
}

/** Products of a pair of channels and a tile. */
export const POINTS = F4.inputs ** 2;

/** Output and input channels of a block: 36 sums of 64×64 take 590 KB, half a second-level cache. */
const BLOCK = { m: 64, n: { own: 64, shared: 32 } };
/** Tiles of a slice, whose panels lie in scratch together with the sums, or in the workspace. */
const SLICE = { own: 32, shared: 128 };
/** Blocks that make it worth sharing panels, and the most bytes that these may take. */
const SHARED = { blocks: 4, bytes: 16 << 20 };
/** Tasks that a large kernel should have. */
const MANY_TASKS = 8;

export function planWeight({ n, oh, ow, oc, ic }: ConvShape, { mr, nr }: TileShape): WeightPlan {
  const tilesPerRow = ceilDiv(ow, F4.outputs);
  const stripsPerRow = ceilDiv(tilesPerRow, STRIP_TILES);
  const stripTiles = ceilDiv(tilesPerRow, stripsPerRow);
  const stripsPerImage = ceilDiv(oh, F4.outputs) * stripsPerRow;
  const strips = n * stripsPerImage;
  const panels = CPU_BYTES.float32 * POINTS * strips * stripTiles * (oc + ic);
  const shared = ceilDiv(oc, BLOCK.m) * ceilDiv(ic, BLOCK.n.own) >= SHARED.blocks && panels <= SHARED.bytes;
  const form = shared ? "shared" : "own";
  const mt = roundUp(ceilDiv(oc, ceilDiv(oc, BLOCK.m)), mr);
  const nt = roundUp(ceilDiv(ic, ceilDiv(ic, BLOCK.n[form])), nr);
  const [mBlocks, nBlocks] = [ceilDiv(oc, mt), ceilDiv(ic, nt)];
  const sliceStrips = ceilDiv(strips, Math.max(1, Math.round((strips * stripTiles) / SLICE[form])));
  const slices = ceilDiv(strips, sliceStrips);
  const wanted = Math.min(slices, ceilDiv(MANY_TASKS, mBlocks * nBlocks));
  const partStrips = ceilDiv(slices, wanted) * sliceStrips;
  const parts = ceilDiv(strips, partStrips);
  return {
    ...{ stripsPerRow, stripsPerImage, strips, stripTiles, sliceStrips, partStrips, parts },
    ...{ mt, nt, mBlocks, nBlocks, shared },
  };
}

/** Nanoseconds: a multiply-add of Winograd's products and of the direct ones, packing included; a tile of one channel
 *  transformed; a pair of channels finished, and one part of it added. */
const COST = { multiply: 0.04, direct: 0.045, transform: 8, finish: 15, add: 15 };

/** Whether the form can compute the kernel. */
export function canWinograd({ kind, shape: s, a, b }: ConvKernel, { mr }: TileShape): boolean {
  return (
    kind === "conv2dWeightGrad" &&
    s.groups === 1 &&
    [s.kh, s.kw].every((taps) => taps === 3) &&
    [...s.stride, ...s.dilation].every((step) => step === 1) &&
    [s.n, s.oh, s.ow, s.oc, s.ic].every((size) => size > 0) &&
    // Panels are written in pairs of channels, strips read from rows without gaps.
    mr % 2 === 0 &&
    [a, b].every((access) => isPlain(access) && access.strides[3] === 1)
  );
}

/** Whether it is expected to be faster than summing products directly. */
export function paysWinograd(s: ConvShape, plan: WeightPlan, { mr, nr }: TileShape): boolean {
  const { strips, stripTiles, mBlocks, nBlocks, mt, nt, parts, shared } = plan;
  const tiles = strips * stripTiles;
  const [rows, columns] = [mBlocks * mt, nBlocks * nt];
  const transformed = rows * (shared ? 1 : nBlocks) + columns * (shared ? 1 : mBlocks);
  const products = POINTS * tiles * rows * columns;
  const winograd =
    products * COST.multiply + tiles * transformed * COST.transform + s.oc * s.ic * (COST.finish + parts * COST.add);
  const direct = roundUp(s.oc, mr) * roundUp(9 * s.ic, nr) * s.n * s.oh * s.ow * COST.direct;
  return winograd < direct;
}
