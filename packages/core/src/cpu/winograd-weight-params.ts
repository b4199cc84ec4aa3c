/** The parameters of a stage of a weight gradient by Winograd's form, and where it keeps things. */

import type { Access, ConvKernel } from "../kernel.js";
import type { EpilogueParts } from "./gemm-epilogue.js";
import { ceilDiv, roundUp } from "./gemm-plan.js";
import { type Affine, RecordWriter } from "./gemm-record.js";
import type { TileShape } from "./gemm-tile.js";
import { CPU_BYTES, type CpuStage } from "./kernel.js";
import { oddLines } from "./winograd-params.js";
import { STRIP_BYTES, type TensorField } from "./winograd-strip.js";
import { WEIGHT, type WeightField } from "./winograd-weight-code.js";
import { POINTS, type WeightPlan } from "./winograd-weight-plan.js";

const F32 = CPU_BYTES.float32;
const LINE = 64;
/** Channels that a task transforms: whole panels and whole vectors, whatever the tile. */
const CHUNK = 48;
/** Rows that a task finishes. */
const FINISH_ROWS = 8;

/** Bytes from one point to the next. */
const pointBytes = (elements: number): number => oddLines(F32 * elements);

/** Bytes of panels and of sums, and where they lie in the workspace. */
export interface WeightLayout {
  /** From a point's panels to the next's. */
  readonly pointY: number;
  readonly pointX: number;
  /** From a point's sums to the next's, and of a block's sums. */
  readonly sumPoint: number;
  readonly sumBytes: number;
  /** Where panels of inputs, and sums of parts, begin in the workspace; panels of gradients begin at 0. */
  readonly sharedX: number;
  readonly parted: number;
  readonly workspace: number;
}

export function layOut({ shape: s }: ConvKernel, plan: WeightPlan, { mr, nr }: TileShape): WeightLayout {
  const { shared, strips, sliceStrips, stripTiles, mt, nt, mBlocks, nBlocks, parts } = plan;
  // Strips fill whole vectors of channels.
  const panels = (channels: number, block: number, width: number): number =>
    pointBytes(roundUp(roundUp(shared ? channels : block, 4), width) * sliceStrips * stripTiles);
  const [pointY, pointX] = [panels(s.oc, mt, mr), panels(s.ic, nt, nr)];
  const sumPoint = pointBytes(mt * nt);
  const sumBytes = POINTS * sumPoint;
  const slices = shared ? ceilDiv(strips, sliceStrips) : 0;
  const sharedX = slices * POINTS * pointY;
  const parted = sharedX + slices * POINTS * pointX;
  const workspace = parted + (parts > 1 ? parts * mBlocks * nBlocks * sumBytes : 0);
  return { pointY, pointX, sumPoint, sumBytes, sharedX, parted, workspace };
}

export interface WeightStage {
  readonly kernel: ConvKernel;
  readonly plan: WeightPlan;
  readonly layout: WeightLayout;
  readonly epilogue: EpilogueParts;
  readonly affine: readonly Affine[];
}

const chunksOf = (channels: number): number => ceilDiv(channels, CHUNK);

/** Tasks of the stages. */
export const tasksOf = {
  transforms: ({ shape: s }: ConvKernel, { strips, sliceStrips }: WeightPlan): number =>
    ceilDiv(strips, sliceStrips) * (chunksOf(s.oc) + chunksOf(s.ic)),
  sums: ({ mBlocks, nBlocks, parts }: WeightPlan): number => mBlocks * nBlocks * parts,
  finish: ({ mBlocks, nBlocks, mt }: WeightPlan): number => mBlocks * nBlocks * ceilDiv(mt, FINISH_ROWS),
};

export function writeWeight(
  { kernel, plan, layout, epilogue, affine }: WeightStage,
  tasks: number,
): Omit<CpuStage, "code"> {
  const { shape: s, a: input, b: output } = kernel;
  const writer = new RecordWriter(WEIGHT, 1, epilogue.uniforms);
  const put = <F extends WeightField>(values: Readonly<Record<F, number>>): void => {
    for (const [name, value] of Object.entries<number>(values)) writer.put(0, name as F, value);
  };
  const { shared, ...counts } = plan;
  const { sharedX, parted, workspace: _, ...bytes } = layout;
  put({ ...counts, ...bytes });
  put({ tasks, items: tasks, perTask: 1, m: s.oc, n: s.ic, rowsPerTask: FINISH_ROWS });
  put({ partBytes: plan.mBlocks * plan.nBlocks * layout.sumBytes });
  put({ chunk: CHUNK, chunksY: chunksOf(s.oc), chunksX: chunksOf(s.ic) });

  const tensor = (
    operand: "x" | "y",
    access: Access,
    place: Pick<Record<TensorField, number>, "height" | "width" | "top" | "left">,
  ) => {
    writer.address(0, `${operand}.tensor`, access.buffer, F32 * access.offset);
    const [image, channel, row] = access.strides.map((stride) => F32 * stride);
    for (const [name, value] of Object.entries({ image, channel, row, ...place }))
      writer.put(0, `${operand}.${name as TensorField}`, value);
  };
  tensor("y", output, { height: s.oh, width: s.ow, top: 0, left: 0 });
  tensor("x", input, { height: s.ih, width: s.iw, top: -s.padding[0], left: -s.padding[1] });
  writer.address(0, "sharedY", "workspace", 0);
  writer.address(0, "sharedX", "workspace", sharedX);
  writer.address(0, "parted", "workspace", parted);

  let scratch = 0;
  const room = (name: WeightField, size: number): void => {
    writer.put(0, name, scratch);
    scratch += roundUp(size, LINE);
  };
  room("y", shared ? 0 : POINTS * layout.pointY);
  room("x", shared ? 0 : POINTS * layout.pointX);
  room("strip", STRIP_BYTES);
  room("taps", F32 * 9 * roundUp(plan.nt, 4));
  room("sums", plan.parts === 1 ? layout.sumBytes : 0);
  writer.put(0, "epilogue", writer.block(affine, epilogue.bases));
  return { tasks, scratch, ...writer.finish() };
}
