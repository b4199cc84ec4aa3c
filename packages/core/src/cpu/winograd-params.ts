/** The parameters of Winograd's convolution as its code reads them. All offsets and strides are bytes. */

import { roundUp } from "./gemm-plan.js";
import type { AffineBase } from "./gemm-record.js";
import { RecordWriter, recordLayout } from "./gemm-record.js";
import type { TileShape } from "./gemm-tile.js";
import { CPU_BYTES, type CpuStage } from "./kernel.js";
import type { WinogradForm } from "./winograd-form.js";
import type { WinogradPlan } from "./winograd-plan.js";
import type { WinogradSpec } from "./winograd-spec.js";

/** The cut. Blocks along n are counted in rows of tiles, over all images; kt is the depth of a slice of k. A shared
 *  slice of filters is made in parts of one panel, one of tiles in parts of some channels. */
const CUT = [
  "tasks",
  "items",
  "perTask",
  "mBlocks",
  "nBlocks",
  "mt",
  "nt",
  "kt",
  "m",
  "k",
  "slices",
  "partsU",
  "partsV",
] as const;
/** Rows of tiles in all and an image, tiles a row, where the last ones begin, and the result's rows and columns. */
const TILES = ["tileRows", "imageRows", "imageColumns", "lastRow", "lastColumn", "height", "width"] as const;
/** What is read. `lead` bytes of zeros are before `copied` bytes of a slab's row, `pitch` bytes from row to row. */
const TENSOR = ["tensor", "tensorImage", "tensorChannel", "tensorRow", "tensorColumn", "tensorHeight", "top"] as const;
const SLAB = ["lead", "firstColumn", "copied", "pitch", "slabBytes"] as const;
const WEIGHT = ["weight", "weightRow", "weightK", "taps"] as const;
/** Transformed operands: whether all of one is made before; its address then; bytes of a slice of a block. */
const OPERANDS = ["sharedU", "sharedV", "u", "v", "bytesU", "bytesV"] as const;
/** Bytes from one of the n² products to the next. */
const PRODUCTS = ["strideU", "strideV", "strideC"] as const;
/** Where things are in scratch. */
const SCRATCH = ["inputs", "outputs", "copies", "slab", "ownU", "ownV", "c", "plane"] as const;

export const WINOGRAD = recordLayout([
  ...CUT,
  ...TILES,
  ...TENSOR,
  ...SLAB,
  ...WEIGHT,
  ...OPERANDS,
  ...PRODUCTS,
  ...SCRATCH,
  "epilogue",
]);
export type WinogradField = Parameters<typeof WINOGRAD.word>[0];

/** Channels of a slice of tiles that one task transforms. */
export const PART_CHANNELS = 16;

const F32 = CPU_BYTES.float32;
const LINE = 64;

/** Rounded up to an odd number of cache lines, so that what is so far apart does not compete for the same sets: with 8 KB
 *  from point to point, all stages of a weight gradient together took a fifth longer. */
export const oddLines = (bytes: number): number => (Math.ceil(bytes / LINE) | 1) * LINE;

interface Shared {
  readonly bytes: number;
  readonly tasks: number;
}

interface Written extends Pick<CpuStage, "params" | "addresses" | "uniforms" | "scratch"> {
  /** Bytes of all transformed filters and tiles, and tasks that make them; none where blocks make their own. */
  readonly filters: Shared;
  readonly tiles: Shared;
}

export function writeWinograd(
  spec: WinogradSpec,
  form: WinogradForm,
  plan: WinogradPlan,
  { mr, nr }: TileShape,
  bases: readonly AffineBase[],
  uniforms: readonly number[],
): Written {
  const writer = new RecordWriter(WINOGRAD, 1, uniforms);
  const put = (name: WinogradField, value: number): void => writer.put(0, name, value);
  const { outputs, inputs } = form;
  const { mt, nt, kt, mBlocks, nBlocks, imageRows, imageColumns } = plan;
  const products = inputs * inputs;
  const slices = Math.ceil(spec.k / kt);
  const items = mBlocks * nBlocks;
  const [partsU, partsV] = [mt / mr, Math.ceil(kt / PART_CHANNELS)];
  const cut = { tasks: items, items, perTask: 1, mBlocks, nBlocks, mt, nt, kt };
  const numbers = { ...cut, m: spec.m, k: spec.k, slices, partsU, partsV };
  for (const [name, value] of Object.entries(numbers)) put(name as keyof typeof numbers, value);

  put("tileRows", spec.images * imageRows);
  put("imageRows", imageRows);
  put("imageColumns", imageColumns);
  put("lastRow", spec.height - outputs);
  put("lastColumn", spec.width - outputs);
  put("height", spec.height);
  put("width", spec.width);

  const [image, channel, row, column] = spec.tensor.strides;
  const [top, left] = spec.padding;
  const slabWidth = spec.width + inputs - outputs;
  const lead = Math.min(slabWidth, Math.max(0, left));
  writer.address(0, "tensor", spec.tensor.buffer, F32 * spec.tensor.offset);
  put("tensorImage", F32 * image);
  put("tensorChannel", F32 * channel);
  put("tensorRow", F32 * row);
  put("tensorColumn", F32 * column);
  put("tensorHeight", spec.tensorHeight);
  put("top", top);
  put("lead", F32 * lead);
  put("firstColumn", F32 * column * (lead - left));
  put("copied", F32 * Math.max(0, Math.min(slabWidth, spec.tensorWidth + left) - lead));
  put("pitch", F32 * slabWidth);

  writer.address(0, "weight", spec.weight.buffer, F32 * spec.weight.offset);
  put("weightRow", F32 * spec.rowStride);
  put("weightK", F32 * spec.kStride);
  put("taps", writer.words(spec.taps.map((tap) => F32 * tap)));

  const tiles = roundUp(nt * imageColumns, nr);
  const [strideU, strideV, strideC] = [mt * kt, tiles * kt, mt * tiles].map((elements) => oddLines(F32 * elements));
  put("strideU", strideU);
  put("strideV", strideV);
  put("strideC", strideC);
  const [bytesU, bytesV] = [products * strideU, products * strideV];
  put("bytesU", bytesU);
  put("bytesV", bytesV);
  if (plan.sharedU) writer.address(0, "u", "prepared", 0);
  if (plan.sharedV) writer.address(0, "v", "workspace", 0);
  put("sharedU", plan.sharedU ? 1 : 0);
  put("sharedV", plan.sharedV ? 1 : 0);
  const sharedBy = (blocks: number, bytes: number, parts: number): Shared => ({
    bytes: blocks * slices * bytes,
    tasks: blocks * slices * parts,
  });
  const none = { bytes: 0, tasks: 0 };

  let scratch = 0;
  const room = (name: WinogradField, bytes: number, before = 0): void => {
    put(name, scratch + roundUp(before, LINE));
    scratch += roundUp(before, LINE) + roundUp(bytes, LINE);
  };
  const imagesOfBlock = Math.min(nt, Math.ceil((nt - 1) / imageRows) + 1);
  const slabRows = nt * outputs + imagesOfBlock * (inputs - outputs);
  put("slabBytes", F32 * slabRows * slabWidth);
  room("inputs", F32 * tiles);
  room("outputs", F32 * tiles);
  room("copies", 2 * F32 * slabRows);
  room("slab", F32 * slabRows * slabWidth);
  room("ownU", plan.sharedU ? 0 : bytesU);
  room("ownV", plan.sharedV ? 0 : bytesV);
  room("c", products * strideC);
  // The last row of an image's tiles may begin before its block does.
  room("plane", F32 * nt * outputs * spec.width, F32 * (outputs - 1) * spec.width);
  put("epilogue", writer.block(spec.affine, bases));
  return {
    ...writer.finish(),
    scratch,
    filters: plan.sharedU ? sharedBy(mBlocks, bytesU, partsU) : none,
    tiles: plan.sharedV ? sharedBy(nBlocks, bytesV, partsV) : none,
  };
}
