/**
 * The code of depthwise convolutions: a plane is copied to a slab in scratch, correlated with its few weights or, for the
 * weight gradient, with the output's gradient, and finished while it is in cache.
 */

import { type CorrelateFunction, printCorrelate, printDots, type StencilTile } from "./conv-stencil.js";
import { COPY_FIELDS, printCopyRows, printInterleave } from "./conv-stencil-copy.js";
import type { EpilogueFunction } from "./gemm-epilogue.js";
import type { WalkFunction } from "./gemm-pack.js";
import { recordLayout } from "./gemm-record.js";
import { printRun } from "./gemm-run.js";
import { printCopy, printZeros } from "./gemm-slab.js";
import {
  call,
  type FunctionBuilder,
  f32,
  f32x4,
  i32,
  type Local,
  select,
  type Value,
  v128,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

/** The cut: items are `perItem` planes, or bands of rows of one, or, for the weight gradient, channels. */
const CUT = ["tasks", "items", "perTask", "bands", "bandRows", "perItem", "allPlanes", "images", "channels"] as const;
/** Points of a phase, phases, and what they make together: rows and columns, and bytes of an item's part of a plane. */
const RESULT = ["rows", "columns", "rowPhases", "columnPhases", "height", "width", "planeBytes"] as const;
/** The tensor that is read: address, list over planes, rows. The first row that a tap meets may be negative. */
const TENSOR = ["tensor", "planes", "tensorHeight", "firstRow", "rowStep", "rowSpan"] as const;
/** The other operand, weights or the output's gradient: address, list over channels or planes, and places within. `phases`
 *  points to `PHASE_WORDS` for each phase of points. */
const OTHER = ["other", "otherPlanes", "otherRow", "otherColumn", "weightOffsets", "taps", "phases"] as const;
const SCRATCH = ["weights", "c", "parts", "partBytes", "slab", "slabBytes", "gradientPitch", "gradientBytes"] as const;

export const STENCIL = recordLayout([...CUT, ...RESULT, ...TENSOR, ...OTHER, ...COPY_FIELDS, ...SCRATCH, "epilogue"]);
export type StencilField = Parameters<typeof STENCIL.word>[0];

/** The taps of a phase: which tile takes them, the slab's pitch as the tile counts it, where the offsets of its columns of
 *  taps begin and end among the parameters, and where its weights begin among all. */
export const PHASE_WORDS = ["tile", "pitch", "offsets", "offsetsEnd", "weights"] as const;
const PHASE = recordLayout(PHASE_WORDS);

interface Parts {
  readonly walk: WalkFunction;
  readonly epilogue: EpilogueFunction;
  readonly tiles: readonly StencilTile[];
}

const field = STENCIL.read;

type Ints<N extends number, T extends "i32"[] = []> = T["length"] extends N ? T : Ints<N, [...T, "i32"]>;

/** A new variable with the smaller of two numbers. */
function smaller(f: FunctionBuilder, x: Value<"i32">, y: Value<"i32">): Local<"i32"> {
  const [a, b] = [f.let(x), f.let(y)];
  return f.let(select(a, b, i32.ltS(a, b)));
}

/** Rows of points in the band that begins with `row0`. */
const rowsOfBand = (f: FunctionBuilder, record: Local<"i32">, row0: Local<"i32">): Local<"i32"> =>
  smaller(f, i32.sub(field(record, "rows"), row0), field(record, "bandRows"));

/** fillSlab(params, record, slab, plane, row0, rows): copies the rows that `rows` rows of points from `row0` on meet. Rows and
 *  columns that do not exist are left alone. */
function printFillSlab(m: WasmModule, walk: WalkFunction): WasmFunction<Ints<6>, "void"> {
  const copyRows = printCopyRows(m, STENCIL);
  return m.helper(["i32", "i32", "i32", "i32", "i32", "i32"], "void", (f, params, record, slab, plane, row0, rows) => {
    const rowStep = f.let(field(record, "rowStep"));
    const begin = f.let(i32.add(field(record, "firstRow"), i32.mul(row0, rowStep)));
    const first = f.let(select(i32.const(0), begin, i32.ltS(begin, 0)));
    const span = i32.add(i32.mul(i32.sub(rows, 1), rowStep), field(record, "rowSpan"));
    const end = smaller(f, i32.add(i32.add(begin, span), 1), field(record, "tensorHeight"));
    const from = f.let(i32.add(field(record, "tensor"), call(walk, i32.add(params, field(record, "planes")), plane)));
    f.increment(from, i32.mul(first, field(record, "fromRow")));
    const to = i32.add(slab, i32.mul(i32.sub(first, begin), field(record, "pitch")));
    f.call(copyRows, params, record, to, from, i32.sub(end, first));
  });
}

/** correlatePhase(params, phase, c, cPitch, rows, columns, slab, weights): with the tile of the phase. */
function printCorrelatePhase(m: WasmModule, tiles: readonly StencilTile[]): WasmFunction<Ints<8>, "void"> {
  const correlates: CorrelateFunction[] = tiles.map((tile) => printCorrelate(m, tile));
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, params, phase, c, cPitch, rows, columns, slab, weights) => {
      const [offsets, end] = (["offsets", "offsetsEnd"] as const).map((at) => i32.add(params, PHASE.read(phase, at)));
      const own = i32.add(weights, PHASE.read(phase, "weights"));
      correlates.forEach((correlate, i) => {
        f.if(i32.eq(PHASE.read(phase, "tile"), i), () =>
          f.call(correlate, c, cPitch, rows, columns, slab, PHASE.read(phase, "pitch"), offsets, end, own),
        );
      });
    },
  );
}

/** phases(params, record, c, row0, rows, scratch): correlates the slab with the weights, phase by phase. */
function printPhases(m: WasmModule, tiles: readonly StencilTile[]): WasmFunction<Ints<6>, "void"> {
  const correlate = printCorrelatePhase(m, tiles);
  const interleave = printInterleave(m);
  return m.helper(["i32", "i32", "i32", "i32", "i32", "i32"], "void", (f, params, record, c, row0, rows, scratch) => {
    const at = (name: StencilField) => f.let(i32.add(scratch, field(record, name)));
    const [slab, weights, parts] = [at("slab"), at("weights"), at("parts")];
    const phase = f.let(i32.add(params, field(record, "phases")));
    const columns = f.let(field(record, "columns"));
    const pitch = f.let(i32.shl(columns, 2));
    const [rowPhases, columnPhases] = [f.let(field(record, "rowPhases")), f.let(field(record, "columnPhases"))];
    const phases = f.let(i32.mul(rowPhases, columnPhases));
    f.if(i32.eq(phases, 1), () => {
      f.call(correlate, params, phase, c, pitch, rows, columns, slab, weights);
      f.return();
    });
    const partBytes = f.let(field(record, "partBytes"));
    const part = f.let(parts);
    f.for(0, phases, 1, () => {
      f.call(correlate, params, phase, part, pitch, rows, columns, slab, weights);
      f.increment(part, partBytes);
      f.increment(phase, PHASE.bytes);
    });
    const left = i32.sub(field(record, "height"), i32.mul(row0, rowPhases));
    const made = smaller(f, i32.mul(rows, rowPhases), left);
    f.call(interleave, c, parts, partBytes, pitch, made, field(record, "width"), rowPhases, columnPhases);
  });
}

/** plane(params, record, plane, c, row0, rows, scratch): one plane, or a band of its rows. */
function printPlane(m: WasmModule, { walk, tiles }: Parts): WasmFunction<Ints<7>, "void"> {
  const fillSlab = printFillSlab(m, walk);
  const phases = printPhases(m, tiles);
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, params, record, plane, c, row0, rows, scratch) => {
      const list = i32.add(params, field(record, "otherPlanes"));
      const from = f.let(i32.add(field(record, "other"), call(walk, list, plane)));
      const offset = f.let(i32.add(params, field(record, "weightOffsets")));
      const to = f.let(i32.add(scratch, field(record, "weights")));
      f.for(0, field(record, "taps"), 1, () => {
        f.store("f32", to, f32.load(i32.add(from, i32.load(offset))));
        f.increment(offset, 4);
        f.increment(to, 4);
      });
      f.call(fillSlab, params, record, i32.add(scratch, field(record, "slab")), plane, row0, rows);
      f.call(phases, params, record, c, row0, rows, scratch);
    },
  );
}

/** Adds `run` for the forward pass or the input's gradient. */
export function printPlanes(m: WasmModule, parts: Parts): void {
  const zeros = printZeros(m);
  const onePlane = printPlane(m, parts);
  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    const bands = f.let(field(record, "bands"));
    const first = f.let(i32.divU(index, bands));
    const row0 = f.let(i32.mul(i32.sub(index, i32.mul(first, bands)), field(record, "bandRows")));
    const rows = rowsOfBand(f, record, row0);
    f.set(first, i32.mul(first, field(record, "perItem")));
    const count = smaller(f, field(record, "perItem"), i32.sub(field(record, "allPlanes"), first));

    // The borders stay zero for all planes of the item.
    f.call(zeros, i32.add(scratch, field(record, "slab")), field(record, "slabBytes"));
    const c = f.let(i32.add(scratch, field(record, "c")));
    const planeBytes = f.let(field(record, "planeBytes"));
    const to = f.let(c);
    f.for(0, count, 1, (i) => {
      f.call(onePlane, params, record, i32.add(first, i), to, row0, rows, scratch);
      f.increment(to, planeBytes);
    });

    const start = f.let(i32.mul(row0, field(record, "rowPhases")));
    const stop = i32.add(start, i32.mul(rows, field(record, "rowPhases")));
    const end = smaller(f, stop, field(record, "height"));
    const width = f.let(field(record, "width"));
    const block = f.let(i32.add(params, field(record, "epilogue")));
    const size = i32.mul(i32.sub(end, start), width);
    f.call(parts.epilogue, params, block, 0, first, count, i32.mul(start, width), size, c, planeBytes);
  });
  printRun(m, STENCIL, item);
}

/** Adds `run` for the weight's gradient: an item is a channel, over all bands and images in order. */
export function printPlanesWeightGradient(m: WasmModule, { walk, epilogue, tiles }: Parts): void {
  const fillSlab = printFillSlab(m, walk);
  const copy = printCopy(m);
  const zeros = printZeros(m);
  const dots = printDots(m, tiles[0]);
  /** One band of one plane, whose sums are added to those that are there. */
  const band = m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, params, record, plane, row0, rows, scratch) => {
      const gradient = f.let(i32.add(scratch, field(record, "c")));
      const gradientPitch = f.let(field(record, "gradientPitch"));
      const columns = f.let(field(record, "columns"));
      const from = f.let(
        i32.add(field(record, "other"), call(walk, i32.add(params, field(record, "otherPlanes")), plane)),
      );
      f.increment(from, i32.mul(row0, field(record, "otherRow")));
      const to = f.let(gradient);
      f.for(0, rows, 1, () => {
        f.call(copy, to, from, i32.shl(columns, 2), field(record, "otherColumn"));
        f.increment(from, field(record, "otherRow"));
        f.increment(to, gradientPitch);
      });
      const slab = f.let(i32.add(scratch, field(record, "slab")));
      f.call(fillSlab, params, record, slab, plane, row0, rows);
      const phase = f.let(i32.add(params, field(record, "phases")));
      const [offsets, end] = (["offsets", "offsetsEnd"] as const).map((at) => i32.add(params, PHASE.read(phase, at)));
      const sums = i32.add(scratch, field(record, "weights"));
      f.call(dots, sums, gradient, gradientPitch, rows, columns, slab, PHASE.read(phase, "pitch"), offsets, end);
    },
  );

  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, channel, scratch) => {
    const sums = f.let(i32.add(scratch, field(record, "weights")));
    const taps = f.let(field(record, "taps"));
    f.call(zeros, sums, i32.shl(taps, 4));
    f.for(0, field(record, "rows"), field(record, "bandRows"), (row0) => {
      const rows = rowsOfBand(f, record, row0);
      // What is beyond the tensor or the gradient stays zero for all images.
      f.call(zeros, i32.add(scratch, field(record, "slab")), field(record, "slabBytes"));
      f.call(zeros, i32.add(scratch, field(record, "c")), field(record, "gradientBytes"));
      const plane = f.let(channel);
      f.for(0, field(record, "images"), 1, () => {
        f.call(band, params, record, plane, row0, rows, scratch);
        f.increment(plane, field(record, "channels"));
      });
    });
    const c = f.let(i32.add(scratch, field(record, "c")));
    const at = f.let(c);
    f.for(0, taps, 1, () => {
      const lanes = f.let(v128.load(sums));
      const [low, high] = [0, 2].map((l) => f32.add(f32x4.extract(lanes, l), f32x4.extract(lanes, l + 1)));
      f.store("f32", at, f32.add(low, high));
      f.increment(at, 4);
      f.increment(sums, 16);
    });
    const block = f.let(i32.add(params, field(record, "epilogue")));
    f.call(epilogue, params, block, 0, channel, 1, 0, taps, c, 0);
  });
  printRun(m, STENCIL, item);
}
