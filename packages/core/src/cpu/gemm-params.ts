/**
 * The parameters of a contraction as its code reads them: a record of 32-bit words for each contraction of a kernel, and
 * the digit lists that records point to. All offsets and strides are bytes.
 */

import { type BlockPlan, roundUp } from "./gemm-plan.js";
import { type Affine, type AffineBase, RecordWriter, recordLayout } from "./gemm-record.js";
import { type Contraction, isIrregular, mergeWalk, type Operand, type Placement, type Walk } from "./gemm-spec.js";
import { IN_PLACE, type TileShape } from "./gemm-tile.js";
import { CPU_BYTES, type CpuStage } from "./kernel.js";

/** The cut: tasks, items and items a task, blocks along m and n, sizes of blocks and of the whole, which operand
 *  is not packed. */
const CUT = ["tasks", "items", "perTask", "mBlocks", "nBlocks", "mt", "nt", "kt", "m", "n", "k", "inPlace"] as const;
/** Operands: address, and digit lists of batch, lane and k; or the blocks of their address and bounds. */
const OPERANDS = ["a", "aBatch", "aLane", "aK", "aBlock", "b", "bBatch", "bLane", "bK", "bBlock"] as const;
/** Where things are in scratch: tables of offsets, panels, the block of C, the slab. */
const SCRATCH = ["lanesA", "lanesB", "ksA", "ksB", "panelsA", "panelsB", "c", "slab"] as const;
/** The slab: 0 for none, 1 where k counts its channels, 2 where n does; its tensor; its rows; the grid of points. */
const SLAB = [
  ...(["slabKind", "taps", "tensorImage", "tensorChannel", "tensorRow", "tensorColumn", "tensorHeight"] as const),
  ...(["height", "top", "lead", "firstColumn", "copied", "tail", "rowBytes", "channelBytes", "origin"] as const),
  ...(["gridHeight", "gridWidth", "step", "extent"] as const),
] as const;
export const FIELDS = recordLayout([...CUT, ...OPERANDS, ...SCRATCH, ...SLAB, "epilogue"]);
export type Field = Parameters<typeof FIELDS.word>[0];

/** A contraction with its cut, ready to be written. */
export interface PlannedContraction {
  readonly contraction: Contraction;
  readonly plan: BlockPlan;
}

const F32 = CPU_BYTES.float32;
const LINE = 64;

/** Writes the records of contractions that share one epilogue. */
export function writeParams(
  parts: readonly PlannedContraction[],
  bases: readonly AffineBase[],
  { mr, nr }: TileShape,
  uniforms: readonly number[],
): Pick<CpuStage, "params" | "addresses" | "uniforms" | "scratch"> {
  const writer = new RecordWriter(FIELDS, parts.length, uniforms);
  let scratch = 0;
  parts.forEach(({ contraction: c, plan }, part) => {
    const put = (name: Field, value: number): void => writer.put(part, name, value);
    const { slab } = c;
    for (const name of ["tasks", "items", "perTask", "mBlocks", "nBlocks", "mt", "nt", "kt"] as const)
      put(name, plan[name]);
    for (const name of ["m", "n", "k"] as const) put(name, c[name]);
    put("inPlace", IN_PLACE[plan.inPlace]);

    const operand = (name: "a" | "b", o: Operand): void => {
      if (isIrregular(o)) {
        put(`${name}Block`, irregularBlock(writer, o));
        return;
      }
      writer.address(part, name, o.access.buffer, F32 * (o.access.offset + o.offset));
      put(`${name}Batch`, writer.list(mergeWalk(o.batch), F32));
      put(`${name}Lane`, writer.list(mergeWalk(o.lane), F32));
      put(`${name}K`, writer.list(mergeWalk(o.k), F32));
    };
    const pitch = slab ? slab.width * plan.slabRows : 0;
    const byChannel = ([channel, ...taps]: Walk): Walk => [{ size: channel.size, stride: pitch }, ...taps];
    operand("a", c.a);
    if (slab?.channelAxis === "k") operand("b", { ...c.b, k: byChannel(c.b.k) });
    else if (slab) operand("b", { ...c.b, lane: byChannel(c.b.lane) });
    else operand("b", c.b);

    let used = 0;
    const room = (name: Field, bytes: number): void => {
      put(name, used);
      used += roundUp(bytes, LINE);
    };
    // The tables end with four repetitions, a panel may spill three lanes.
    room("lanesA", F32 * (plan.mt + mr + Math.max(4, nr)));
    room("lanesB", F32 * (plan.nt + nr + 4));
    room("ksA", F32 * (plan.kt + 4));
    room("ksB", F32 * (plan.kt + 4));
    room("panelsA", plan.inPlace === "a" ? 0 : F32 * (plan.mt * plan.kt + 4));
    room("panelsB", plan.inPlace === "b" ? 0 : F32 * (plan.nt * plan.kt + 4));
    room("c", F32 * plan.mt * plan.nt);

    if (slab) {
      const lead = Math.min(slab.width, Math.max(0, slab.left));
      const copied = Math.max(0, Math.min(slab.width, slab.tensorWidth + slab.left) - lead);
      const [image, channel, row, column] = slab.strides;
      put("slabKind", slab.channelAxis === "k" ? 1 : 2);
      put("taps", slab.taps);
      put("tensorImage", F32 * image);
      put("tensorChannel", F32 * channel);
      put("tensorRow", F32 * row);
      put("tensorColumn", F32 * column);
      put("tensorHeight", slab.tensorHeight);
      put("height", slab.height);
      put("top", slab.top);
      put("lead", F32 * lead);
      put("firstColumn", F32 * column * (lead - slab.left));
      put("copied", F32 * copied);
      put("tail", F32 * (slab.width - lead - copied));
      put("rowBytes", F32 * slab.width);
      put("channelBytes", F32 * slab.width * plan.slabRows);
      put("origin", F32 * slab.origin);
      put("gridHeight", slab.gridHeight);
      put("gridWidth", slab.gridWidth);
      put("step", slab.step);
      put("extent", slab.extent);
      room("slab", F32 * slab.width * plan.slabRows * plan.slabChannels);
    }
    scratch = Math.max(scratch, used);

    put("epilogue", writer.block(c.affine, bases));
  });
  return { ...writer.finish(), scratch };
}

/** The block of an irregular operand: its address, then its bounds; m is its lane, and n is k. */
function irregularBlock(writer: RecordWriter<Field>, { access, bounds, ...place }: Operand): number {
  const turn = ({ offset, batch, lane, k }: Placement): Affine => ({ offset, batch, m: lane, n: mergeWalk(k) });
  return writer.block(
    [turn({ ...place, offset: place.offset + access.offset }), ...bounds.map(turn)],
    [{ buffer: access.buffer, bytes: CPU_BYTES[access.dtype] }, ...bounds.map(({ size }) => ({ bytes: 1, size }))],
  );
}
