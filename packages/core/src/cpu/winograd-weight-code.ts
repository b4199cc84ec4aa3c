/**
 * The code of weight gradients by Winograd's form: Gᵀ [ Σ over tiles (A dy Aᵀ) ⊙ (Bᵀ d B) ] G. Each of the 36 points is a
 * matrix product, of output channels by input channels, along the tiles. A block of channels takes slices of the tiles:
 * panels of both operands are multiplied into the block's sums, all in cache.
 *
 * - Where many blocks need the same panels, a first stage *transforms* all strips and leaves the panels in the workspace.
 *   Otherwise a block's panels are made where they are needed.
 * - Where there are few channels for many tiles, the tiles are cut as well: *sums* are left in the workspace, and a last
 *   stage adds them up in order and *finishes* them. Otherwise each task finishes its block at once.
 */

import { minimum, printMultiply, rowPitch } from "./gemm-driver.js";
import type { EpilogueFunction } from "./gemm-epilogue.js";
import { recordLayout } from "./gemm-record.js";
import { printRun } from "./gemm-run.js";
import type { TileShape } from "./gemm-tile.js";
import {
  type FunctionBuilder,
  f32x4,
  i32,
  type Local,
  type Value,
  v128,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";
import { F4, type Matrix } from "./winograd-form.js";
import { LinearMaps } from "./winograd-linear.js";
import { GRID_FIELDS, type PackStrips, printPackStrips, TENSOR_FIELDS } from "./winograd-strip.js";
import { POINTS } from "./winograd-weight-plan.js";

const TAPS = 9;

/** The cut: tasks, and blocks of `m` output and `n` input channels, with bytes of a block's sums and of a point of them. */
const CUT = ["tasks", "items", "perTask", "mBlocks", "nBlocks", "mt", "nt", "m", "n", "sumBytes", "sumPoint"] as const;
/** Strips in all, of a part and of a slice; bytes from a point's panels to the next's; parts of the tiles, and bytes between their sums. */
const SLICES = [
  "strips",
  "partStrips",
  "sliceStrips",
  "pointY",
  "pointX",
  "parts",
  "partBytes",
  "rowsPerTask",
] as const;
/** What the first stage does: chunks of both operands' channels. */
const CHUNKS = ["chunk", "chunksY", "chunksX"] as const;
/** Where things are: shared panels, and sums of parts, in the workspace; the rest in scratch. */
const PLACES = ["sharedY", "sharedX", "parted", "y", "x", "sums", "strip", "taps", "epilogue"] as const;

export const WEIGHT = recordLayout([
  ...CUT,
  ...SLICES,
  ...CHUNKS,
  ...PLACES,
  ...GRID_FIELDS,
  ...TENSOR_FIELDS.map((name) => `y.${name}` as const),
  ...TENSOR_FIELDS.map((name) => `x.${name}` as const),
]);
export type WeightField = Parameters<typeof WEIGHT.word>[0];
const field = WEIGHT.read;

/** The block of this number: its first channels, how many they are, and the bytes between rows of its sums. */
function blockOf(f: FunctionBuilder, record: Local<"i32">, block: Local<"i32">, nr: number) {
  const m0 = f.let(i32.mul(i32.divU(block, field(record, "nBlocks")), field(record, "mt")));
  const n0 = f.let(i32.mul(i32.remU(block, field(record, "nBlocks")), field(record, "nt")));
  const mc = minimum(f, field(record, "mt"), i32.sub(field(record, "m"), m0));
  const nc = minimum(f, field(record, "nt"), i32.sub(field(record, "n"), n0));
  return { m0, n0, mc, nc, pitch: f.let(rowPitch(nc, nr)) };
}

const transposed = (matrix: Matrix): Matrix => matrix[0].map((_, j) => matrix.map((row) => row[j]));

/** What packs gradients of outputs, the rows of the products, and inputs, their columns. */
function printPacks(m: WasmModule, { mr, nr, fused }: TileShape): { packY: PackStrips; packX: PackStrips } {
  const gradients = { size: F4.outputs, matrix: transposed(F4.output), width: mr, fused };
  const inputs = { size: F4.inputs, matrix: F4.data, width: nr, fused };
  return {
    packY: printPackStrips(m, gradients, WEIGHT, (name) => `y.${name}`),
    packX: printPackStrips(m, inputs, WEIGHT, (name) => `x.${name}`),
  };
}

/** The panels of channels from `channel` on (the first of a panel) in a slice of so many tiles. */
const sharedPanels = (
  record: Local<"i32">,
  operand: "Y" | "X",
  slice: Local<"i32">,
  tiles: Local<"i32">,
  channel: Local<"i32">,
): Value<"i32"> =>
  i32.add(
    i32.add(field(record, `shared${operand}`), i32.mul(slice, i32.mul(field(record, `point${operand}`), POINTS))),
    i32.shl(i32.mul(channel, tiles), 2),
  );

type SumFunction = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32"], "void">;

/** sum(record, block, part, to, scratch): the sums of a block over a part of the tiles. */
function printSum(m: WasmModule, shape: TileShape, shared: boolean): SumFunction {
  const { nr } = shape;
  const multiply = printMultiply(m, shape, "none");
  const packs = shared ? undefined : printPacks(m, shape);
  return m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, record, block, part, to, scratch) => {
    const { m0, n0, mc, nc } = blockOf(f, record, block, nr);
    const [pointY, pointX] = [f.let(field(record, "pointY")), f.let(field(record, "pointX"))];
    const begin = f.let(i32.mul(part, field(record, "partStrips")));
    const end = minimum(f, field(record, "strips"), i32.add(begin, field(record, "partStrips")));
    const first = f.let(i32.const(1));
    const [tiles, atY, atX, atSums] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
    f.forFrom(begin, end, field(record, "sliceStrips"), () => {
      const strips = minimum(f, field(record, "sliceStrips"), i32.sub(end, begin));
      f.set(tiles, i32.mul(strips, field(record, "stripTiles")));
      if (packs) {
        f.set(atY, i32.add(scratch, field(record, "y")));
        f.set(atX, i32.add(scratch, field(record, "x")));
        const strip = i32.add(scratch, field(record, "strip"));
        f.call(packs.packY, record, atY, m0, mc, begin, strips, pointY, strip);
        f.call(packs.packX, record, atX, n0, nc, begin, strips, pointX, strip);
      } else {
        const slice = f.let(i32.divU(begin, field(record, "sliceStrips")));
        f.set(atY, sharedPanels(record, "Y", slice, tiles, m0));
        f.set(atX, sharedPanels(record, "X", slice, tiles, n0));
      }
      f.set(atSums, to);
      f.for(0, POINTS, 1, () => {
        f.call(multiply, atY, atX, 0, 0, atSums, tiles, mc, nc, first);
        f.increment(atY, pointY);
        f.increment(atX, pointX);
        f.increment(atSums, field(record, "sumPoint"));
      });
      f.set(first, i32.const(0));
    });
  });
}

type FinishFunction = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32"], "void">;

/** taps(sums, end, point, to): four input channels at a time, from the sums of all points to nine taps each. */
function printTaps(m: WasmModule, fused: boolean): WasmFunction<readonly ["i32", "i32", "i32", "i32"], "void"> {
  const matrix = transposed(F4.filter);
  return m.helper(["i32", "i32", "i32", "i32"], "void", (f, sums, end, point, to) => {
    const maps = new LinearMaps(f, fused, matrix);
    const at = f.local("i32");
    f.while(i32.ltU(sums, end), () => {
      f.set(at, sums);
      const columns = F4.filter.map(() => {
        const row = F4.filter.map(() => {
          const value = f.let(v128.load(at));
          f.increment(at, point);
          return value;
        });
        return maps.columns(matrix, row);
      });
      matrix.forEach((_, x) => {
        const taps = maps.columns(
          matrix,
          columns.map((column) => column[x]),
        );
        taps.forEach((tap, y) => {
          for (const lane of [0, 1, 2, 3]) f.storeLane(32, to, tap, lane, 4 * (TAPS * lane + matrix.length * y + x));
        });
      });
      f.increment(sums, 16);
      f.increment(to, 16 * TAPS);
    });
  });
}

/** finish(params, record, block, row0, rows, sums, scratch): the result of rows of a block, whose sums are of one part. */
function printFinish(m: WasmModule, { nr, fused }: TileShape, epilogue: EpilogueFunction): FinishFunction {
  const taps = printTaps(m, fused);
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, params, record, block, row0, rows, sums, scratch) => {
      const { m0, n0, mc, nc, pitch } = blockOf(f, record, block, nr);
      const to = f.let(i32.add(scratch, field(record, "taps")));
      const end = minimum(f, mc, i32.add(row0, rows));
      const from = f.let(i32.add(sums, i32.mul(row0, pitch)));
      const affine = f.let(i32.add(params, field(record, "epilogue")));
      f.forFrom(row0, end, 1, () => {
        f.call(taps, from, i32.add(from, i32.shl(nc, 2)), field(record, "sumPoint"), to);
        f.call(
          epilogue,
          ...([params, affine, 0, i32.add(m0, row0), 1, i32.mul(n0, TAPS), i32.mul(nc, TAPS), to, 0] as const),
        );
        f.increment(from, pitch);
      });
    },
  );
}

/** addParts(record, block, row0, rows, sums): adds what the later parts have to the first. */
function printAddParts(m: WasmModule, nr: number): WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32"], "void"> {
  return m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, record, block, row0, rows, sums) => {
    const { mc, pitch } = blockOf(f, record, block, nr);
    const bytes = f.let(i32.mul(i32.sub(minimum(f, mc, i32.add(row0, rows)), row0), pitch));
    f.increment(sums, i32.mul(row0, pitch));
    const [to, from, end] = [f.local("i32"), f.local("i32"), f.local("i32")];
    f.for(0, POINTS, 1, () => {
      f.set(from, sums);
      f.for(1, field(record, "parts"), 1, () => {
        f.increment(from, field(record, "partBytes"));
        f.set(to, sums);
        f.set(end, i32.add(sums, bytes));
        const at = f.let(from);
        f.while(i32.ltU(to, end), () => {
          for (const offset of [0, 16])
            f.store("v128", to, f32x4.add(v128.load(to, offset), v128.load(at, offset)), offset);
          f.increment(to, 32);
          f.increment(at, 32);
        });
      });
      f.increment(sums, field(record, "sumPoint"));
    });
  });
}

/** The stage that leaves panels in the workspace; its items are chunks of channels in slices of the tiles. */
export function printTransforms(m: WasmModule, shape: TileShape): void {
  const { packY, packX } = printPacks(m, shape);
  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, _params, record, index, scratch) => {
    const [chunk, chunksY] = [f.let(field(record, "chunk")), f.let(field(record, "chunksY"))];
    const perSlice = f.let(i32.add(chunksY, field(record, "chunksX")));
    const slice = f.let(i32.divU(index, perSlice));
    const strip0 = f.let(i32.mul(slice, field(record, "sliceStrips")));
    const strips = minimum(f, field(record, "sliceStrips"), i32.sub(field(record, "strips"), strip0));
    const tiles = f.let(i32.mul(strips, field(record, "stripTiles")));
    const at = f.let(i32.remU(index, perSlice));
    const strip = i32.add(scratch, field(record, "strip"));
    const pack = (operand: "Y" | "X"): void => {
      const all = field(record, operand === "Y" ? "m" : "n");
      const channel = f.let(i32.mul(at, chunk));
      const channels = minimum(f, chunk, i32.sub(all, channel));
      const to = sharedPanels(record, operand, slice, tiles, channel);
      const point = field(record, `point${operand}`);
      f.call(operand === "Y" ? packY : packX, record, to, channel, channels, strip0, strips, point, strip);
    };
    f.if(
      i32.ltS(at, chunksY),
      () => pack("Y"),
      () => {
        f.increment(at, i32.sub(0, chunksY));
        pack("X");
      },
    );
  });
  printRun(m, WEIGHT, item);
}

/** The stage that leaves sums in the workspace; its items are parts of blocks. */
export function printSums(m: WasmModule, shape: TileShape, shared: boolean): void {
  const sum = printSum(m, shape, shared);
  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, _params, record, index, scratch) => {
    const blocks = f.let(i32.mul(field(record, "mBlocks"), field(record, "nBlocks")));
    const to = i32.add(field(record, "parted"), i32.mul(index, field(record, "sumBytes")));
    f.call(sum, record, i32.remU(index, blocks), i32.divU(index, blocks), to, scratch);
  });
  printRun(m, WEIGHT, item);
}

/** The stage that finishes them; its items are rows of blocks. */
export function printFinishSums(m: WasmModule, shape: TileShape, epilogue: EpilogueFunction): void {
  const addParts = printAddParts(m, shape.nr);
  const finish = printFinish(m, shape, epilogue);
  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    const rows = f.let(field(record, "rowsPerTask"));
    const perBlock = f.let(i32.divU(i32.add(field(record, "mt"), i32.sub(rows, 1)), rows));
    const block = f.let(i32.divU(index, perBlock));
    const row0 = f.let(i32.mul(i32.remU(index, perBlock), rows));
    const { mc } = blockOf(f, record, block, shape.nr);
    const sums = f.let(i32.add(field(record, "parted"), i32.mul(block, field(record, "sumBytes"))));
    f.if(i32.ltS(row0, mc), () => {
      f.call(addParts, record, block, row0, rows, sums);
      f.call(finish, params, record, block, row0, rows, sums, scratch);
    });
  });
  printRun(m, WEIGHT, item);
}

/** The only stage, where the tiles are not cut; its items are blocks. */
export function printBlocks(m: WasmModule, shape: TileShape, shared: boolean, epilogue: EpilogueFunction): void {
  const sum = printSum(m, shape, shared);
  const finish = printFinish(m, shape, epilogue);
  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    const sums = f.let(i32.add(scratch, field(record, "sums")));
    f.call(sum, record, index, 0, sums, scratch);
    f.call(finish, params, record, index, 0, field(record, "mt"), sums, scratch);
  });
  printRun(m, WEIGHT, item);
}
