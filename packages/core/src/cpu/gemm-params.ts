/**
 * The parameters of a contraction as its code reads them: a record of 32-bit words for each contraction of a kernel, and
 * the digit lists that records point to. All offsets and strides are bytes.
 */

import { type BlockPlan, roundUp } from "./gemm-plan.js";
import { type Contraction, mergeWalk, type Walk } from "./gemm-spec.js";
import type { TileShape } from "./gemm-tile.js";
import { CPU_BYTES, type CpuKernel } from "./kernel.js";
import { i32, type Local, type Value } from "./wasm/index.js";

/** The cut: tasks, items and items a task, blocks along m and n, sizes of blocks and of the whole. */
const CUT = ["tasks", "items", "perTask", "mBlocks", "nBlocks", "mt", "nt", "kt", "m", "n", "k"] as const;
/** Operands: address, and digit lists of batch, lane and k. */
const OPERANDS = ["a", "aBatch", "aLane", "aK", "b", "bBatch", "bLane", "bK"] as const;
/** Where things are in scratch: tables of offsets, panels, the block of C, the slab. */
const SCRATCH = ["lanesA", "lanesB", "ksA", "ksB", "panelsA", "panelsB", "c", "slab"] as const;
/** The slab: 0 for none, 1 where k counts its channels, 2 where n does; its tensor; its rows; the grid of points. */
const SLAB = [
  ...(["slabKind", "taps", "tensorImage", "tensorChannel", "tensorRow", "tensorColumn", "tensorHeight"] as const),
  ...(["height", "top", "lead", "firstColumn", "copied", "tail", "rowBytes", "channelBytes", "origin"] as const),
  ...(["gridHeight", "gridWidth", "step", "extent"] as const),
] as const;
/** The size of the innermost digit of n, which all affine values of the epilogue share. */
const FIELDS = [...CUT, ...OPERANDS, ...SCRATCH, ...SLAB, "inner"] as const;
type Field = (typeof FIELDS)[number];

/** Parts of an affine value of the epilogue: its start, its lists of batch, m and n, and its innermost step along n. */
const AFFINE = ["start", "batch", "m", "n", "step"] as const;
type AffinePart = (typeof AFFINE)[number];

const wordOf = (name: Field): number => FIELDS.indexOf(name);
const affineWord = (index: number, part: AffinePart): number =>
  FIELDS.length + AFFINE.length * index + AFFINE.indexOf(part);

/** Code that reads a field of the record at `record`. */
export const field = (record: Local<"i32">, name: Field): Value<"i32"> => i32.load(record, 4 * wordOf(name));

/** Code that reads a part of affine value `index`. */
export const affineField = (record: Local<"i32">, index: number, part: AffinePart): Value<"i32"> =>
  i32.load(record, 4 * affineWord(index, part));

/** Bytes between the records of a kernel whose epilogue has this many affine values. */
export const recordBytes = (affine: number): number => 4 * (FIELDS.length + AFFINE.length * affine);

/** Where the affine values of an epilogue lie: a buffer's element (of `bytes`), or, without a buffer, nowhere. */
export interface AffineBase {
  readonly buffer?: number;
  readonly bytes: number;
}

/** A contraction with its cut, ready to be written. */
export interface PlannedContraction {
  readonly contraction: Contraction;
  readonly plan: BlockPlan;
}

export type Written = Pick<CpuKernel, "params" | "addresses" | "scratch"> & {
  /** Byte offset in the parameters that follows the records: where uniforms are. */
  readonly uniformsAt: number;
};

const F32 = CPU_BYTES.float32;
const LINE = 64;

/** Writes the records of contractions that share one epilogue, then room for `uniforms` words, then the lists. */
export function writeParams(
  parts: readonly PlannedContraction[],
  bases: readonly AffineBase[],
  { mr, nr }: TileShape,
  uniforms: number,
): Written {
  const record = recordBytes(bases.length) / 4;
  const words: number[] = new Array(record * parts.length + uniforms).fill(0);
  const addresses: { word: number; buffer: number; byteOffset: number }[] = [];
  const lists = new Map<string, number>();
  /** The byte offset of a digit list: a count, then size and stride of each digit, innermost first. */
  const list = (walk: Walk, bytes: number): number => {
    const digits = walk.length > 0 ? walk.toReversed() : [{ size: 1, stride: 0 }];
    const entry = [digits.length, ...digits.flatMap(({ size, stride }) => [size, stride * bytes])];
    const key = entry.join();
    const known = lists.get(key);
    if (known !== undefined) return known;
    const at = 4 * words.length;
    words.push(...entry);
    lists.set(key, at);
    return at;
  };

  let scratch = 0;
  parts.forEach(({ contraction: c, plan }, part) => {
    const base = part * record;
    const put = (name: Field, value: number): void => {
      words[base + wordOf(name)] = value;
    };
    for (const name of ["tasks", "items", "perTask", "mBlocks", "nBlocks", "mt", "nt", "kt"] as const)
      put(name, plan[name]);
    for (const name of ["m", "n", "k"] as const) put(name, c[name]);

    const { slab } = c;
    const byChannel = ([channel, ...taps]: Walk): Walk => [
      { size: channel.size, stride: slab!.width * plan.slabRows },
      ...taps,
    ];
    const b = slab
      ? { ...c.b, [slab.channelAxis === "k" ? "k" : "lane"]: byChannel(slab.channelAxis === "k" ? c.b.k : c.b.lane) }
      : c.b;
    for (const [name, operand] of [
      ["a", c.a],
      ["b", b],
    ] as const) {
      const { access, offset } = operand;
      addresses.push({
        word: base + wordOf(name),
        buffer: access.buffer,
        byteOffset: F32 * (access.offset + offset),
      });
      put(`${name}Batch`, list(mergeWalk(operand.batch), F32));
      put(`${name}Lane`, list(mergeWalk(operand.lane), F32));
      put(`${name}K`, list(mergeWalk(operand.k), F32));
    }

    let used = 0;
    const room = (name: Field, bytes: number): void => {
      put(name, used);
      used += roundUp(bytes, LINE);
    };
    // The tables end with four repetitions, a panel may spill three lanes.
    room("lanesA", F32 * (plan.mt + mr + 4));
    room("lanesB", F32 * (plan.nt + nr + 4));
    room("ksA", F32 * (plan.kt + 4));
    room("ksB", F32 * (plan.kt + 4));
    room("panelsA", F32 * (plan.mt * plan.kt + 4));
    room("panelsB", F32 * (plan.nt * plan.kt + 4));
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

    put("inner", c.affine[0].n.at(-1)?.size ?? 1);
    c.affine.forEach((affine, i) => {
      const { buffer, bytes } = bases[i];
      const start = base + affineWord(i, "start");
      if (buffer === undefined) words[start] = affine.offset;
      else addresses.push({ word: start, buffer, byteOffset: bytes * affine.offset });
      words[base + affineWord(i, "batch")] = list(mergeWalk(affine.batch), bytes);
      words[base + affineWord(i, "m")] = list(mergeWalk(affine.m), bytes);
      words[base + affineWord(i, "n")] = list(affine.n, bytes);
      words[base + affineWord(i, "step")] = bytes * (affine.n.at(-1)?.stride ?? 0);
    });
  });
  return { params: Int32Array.from(words), addresses, scratch, uniformsAt: 4 * record * parts.length };
}
