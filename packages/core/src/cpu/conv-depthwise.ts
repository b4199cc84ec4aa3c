/**
 * Depthwise convolutions (one input and one output channel a group) on the cpu device. A matrix product would have a
 * single row; here each channel's plane is correlated with its weights directly.
 */

import type { ConvKernel } from "../kernel.js";
import { type SlabRow, type StencilAxis, slabRow, stencilAxes, tilesOf } from "./conv-depthwise-axes.js";
import type { StencilTile } from "./conv-stencil.js";
import { COPY, LEAST_COLUMNS } from "./conv-stencil-copy.js";
import { PHASE_WORDS, printPlanes, printPlanesWeightGradient, STENCIL, type StencilField } from "./conv-stencil-run.js";
import { type AffineStrides, type EpilogueParts, spread } from "./gemm-epilogue.js";
import { printWalk } from "./gemm-pack.js";
import { ceilDiv, roundUp } from "./gemm-plan.js";
import { type Affine, RecordWriter } from "./gemm-record.js";
import { mergeWalk, type Walk } from "./gemm-spec.js";
import { CPU_BYTES, type CpuKernel, moduleCode, oneStage } from "./kernel.js";
import { hasRelaxedSimd } from "./wasm/index.js";

const F32 = CPU_BYTES.float32;
/** Elements of a slab, and of the results beside it, that should not be exceeded: half of a first-level cache each. */
const BAND = 1 << 12;
/** Multiply-adds that make a task, and tasks that a large kernel should have. */
const TASK_WORK = 1 << 19;
const MANY_TASKS = 8;
/** Bytes that a tile may read or write beyond a row: two vectors, in whole cache lines. */
const SLACK = 64;

export const isDepthwise = ({ shape, a, b }: ConvKernel): boolean =>
  shape.ic === 1 && shape.oc === 1 && [a, b].every((x) => x.dtype === "float32" && x.bounds.length === 0);

/** A kernel, where its taps lie, and how its work is cut. */
interface Stencil {
  readonly kernel: ConvKernel;
  readonly y: StencilAxis;
  readonly x: StencilAxis;
  /** The tile of each row phase. */
  readonly tiles: readonly StencilTile[];
  readonly row: SlabRow;
  readonly cut: Cut;
}

/** Large planes are finished band by band, small ones several at a time. */
interface Cut {
  readonly bands: number;
  readonly bandRows: number;
  readonly perItem: number;
  /** Bytes of an item's part of one plane of the result. */
  readonly planeBytes: number;
  readonly items: number;
  readonly perTask: number;
  readonly tasks: number;
}

const isWeightGradient = ({ kind }: ConvKernel): boolean => kind === "conv2dWeightGrad";

export function printDepthwise(kernel: ConvKernel, epilogue: EpilogueParts): CpuKernel {
  const { y, x } = stencilAxes(kernel);
  const tiles = tilesOf(y, hasRelaxedSimd());
  const row = slabRow(x);
  const stencil: Stencil = { kernel, y, x, tiles, row, cut: cutOf(kernel, y, x, tiles, row) };
  const writer = new RecordWriter(STENCIL, 1, epilogue.uniforms);
  const put = (words: Partial<Record<StencilField, number>>): void => {
    for (const [name, value] of Object.entries(words)) writer.put(0, name as StencilField, value);
  };
  putCut(put, stencil);
  putOperands(put, writer, stencil);
  putTaps(put, writer, stencil);
  const scratch = putScratch(put, stencil);
  const affine = spreadPlanes(kernel, epilogue.affine);
  put({ epilogue: writer.block(affine, epilogue.bases) });

  const { key, print } = epilogue.printer([affine], STENCIL.bytes);
  const code = distinct(tiles);
  const tileKey = code.map(({ taps, step, rows, fused }) => `${taps}/${step}×${rows}${fused ? " fused" : ""}`);
  return oneStage({
    code: moduleCode(`depthwise ${isWeightGradient(kernel) ? "weight gradient " : ""}${tileKey} ${key}`, (m) => {
      const walk = printWalk(m);
      const parts = { walk, epilogue: print(m, walk), tiles: code };
      if (isWeightGradient(kernel)) printPlanesWeightGradient(m, parts);
      else printPlanes(m, parts);
    }),
    tasks: stencil.cut.tasks,
    scratch,
    ...writer.finish(),
  });
}

/** Tiles of one kernel differ in their taps alone. */
const distinct = (tiles: readonly StencilTile[]): StencilTile[] =>
  tiles.filter((tile, i) => tiles.findIndex(({ taps }) => taps === tile.taps) === i);

function cutOf(kernel: ConvKernel, y: StencilAxis, x: StencilAxis, tiles: readonly StencilTile[], row: SlabRow): Cut {
  const { n, groups, kh, kw } = kernel.shape;
  const planes = n * groups;
  const tileRows = tiles[0]?.rows ?? 1;
  const most = Math.max(1, Math.floor(BAND / Math.max(1, row.length * y.step)));
  const bandRows = y.points <= most ? Math.max(1, y.points) : Math.max(tileRows, most - (most % tileRows));
  const bands = ceilDiv(y.points, bandRows);
  const planeBytes = F32 * Math.min(y.results, bandRows * y.phases.length) * x.results;
  const together = Math.min(Math.floor((F32 * BAND) / Math.max(1, planeBytes)), ceilDiv(planes, 4 * MANY_TASKS));
  const perItem = bands > 1 ? 1 : Math.max(1, together);
  const items = isWeightGradient(kernel) ? groups : ceilDiv(planes, perItem) * bands;
  const work = (planes * y.points * x.points * Math.max(1, kh * kw)) / items;
  const perTask = Math.max(1, Math.min(Math.floor(TASK_WORK / work), ceilDiv(items, MANY_TASKS)));
  return { bands, bandRows, perItem, planeBytes, items, perTask, tasks: ceilDiv(items, perTask) };
}

/** The epilogue's affine values: rows are planes (channels, for the weight gradient), columns the places in a plane. */
function spreadPlanes(kernel: ConvKernel, affine: readonly AffineStrides[]): Affine[] {
  const { shape: s, kind } = kernel;
  const [height, width] = kind === "conv2d" ? [s.oh, s.ow] : [s.ih, s.iw];
  return spread(affine, ([first, second, third, fourth]) => {
    if (isWeightGradient(kernel))
      return {
        offset: 0,
        batch: [],
        m: [{ size: s.groups, stride: first }],
        n: [
          { size: s.kw, stride: fourth },
          { size: s.kh, stride: third },
        ],
      };
    return {
      offset: 0,
      batch: [],
      m: [
        { size: s.n, stride: first },
        { size: s.groups, stride: second },
      ],
      n: [
        { size: height, stride: third },
        { size: width, stride: fourth },
      ],
    };
  });
}

type Put = (words: Partial<Record<StencilField, number>>) => void;
type Writer = RecordWriter<StencilField>;

function putCut(put: Put, { kernel, y, x, cut }: Stencil): void {
  const { n, groups } = kernel.shape;
  put(cut);
  put({
    allPlanes: n * groups,
    images: n,
    channels: groups,
    rows: y.points,
    columns: x.points,
    rowPhases: y.phases.length,
    columnPhases: x.phases.length,
    height: y.results,
    width: x.results,
  });
}

function putOperands(put: Put, writer: Writer, { kernel, y, x, row }: Stencil): void {
  const { shape, a, b } = kernel;
  const perPlane = ([image, channel]: readonly number[]): Walk =>
    mergeWalk([
      { size: shape.n, stride: image },
      { size: shape.groups, stride: channel },
    ]);
  const [, , rowStride, columnStride] = a.strides;
  const isNext = columnStride === 1;
  const whole = isNext && x.step === 1 && row.count >= LEAST_COLUMNS.whole;
  const halves = isNext && x.step === 2 && row.count >= LEAST_COLUMNS.halves;
  const copied = Array.from({ length: x.step }, (_, i) => {
    const column = row.start + i;
    const count = Math.max(0, ceilDiv(row.count - i, x.step));
    return [F32 * count, F32 * columnStride * column, F32 * row.place(column - x.first)];
  });
  writer.address(0, "tensor", a.buffer, F32 * a.offset);
  writer.address(0, "other", b.buffer, F32 * b.offset);
  put({
    planes: writer.list(perPlane(a.strides), F32),
    tensorHeight: y.size,
    firstRow: y.first,
    rowStep: y.step,
    rowSpan: y.span,
    mode: whole ? COPY.whole : halves ? COPY.halves : COPY.any,
    columnStep: x.step,
    fromRow: F32 * rowStride,
    fromColumn: F32 * columnStride,
    copyColumns: writer.words(copied.flat()),
    pitch: F32 * row.length,
    otherPlanes: writer.list(isWeightGradient(kernel) ? perPlane(b.strides) : perPlane([0, b.strides[0]]), F32),
    otherRow: F32 * b.strides[2],
    otherColumn: F32 * b.strides[3],
  });
}

/** Taps, phase by phase, sorted into the columns that tiles take. */
function putTaps(put: Put, writer: Writer, { kernel, y, x, tiles, row }: Stencil): void {
  const [, , weightRow, weightColumn] = kernel.b.strides;
  const code = distinct(tiles);
  const [offsets, weights]: [number[], number[]] = [[], []];
  const phases = y.phases.flatMap((rowTaps, i) =>
    x.phases.map((columnTaps) => {
      const { taps } = tiles[i];
      const [begin, weight] = [offsets.length, weights.length];
      for (const column of columnTaps) {
        rowTaps.forEach(({ place, tap }, t) => {
          if (t % taps === 0) offsets.push(F32 * (place * row.length + row.place(column.place)));
          weights.push(F32 * (tap * weightRow + column.tap * weightColumn));
        });
      }
      // The tile of a single tap knows no step: its rows of the slab are those of the points.
      const pitch = F32 * row.length * (taps === 1 ? y.step : 1);
      return { tile: code.findIndex((tile) => tile.taps === taps), pitch, begin, end: offsets.length, weight };
    }),
  );
  const at = writer.words(offsets);
  put({
    weightOffsets: writer.words(isWeightGradient(kernel) ? [] : weights),
    taps: weights.length,
    phases: writer.words(
      phases.flatMap(({ tile, pitch, begin, end, weight }) => {
        const words = { tile, pitch, offsets: at + F32 * begin, offsetsEnd: at + F32 * end, weights: F32 * weight };
        return PHASE_WORDS.map((name) => words[name]);
      }),
    ),
  });
}

/** Lays out the scratch, and gives its size. Tiles exceed rows and columns, and so read and write beyond them. */
function putScratch(put: Put, { kernel, y, x, tiles, row, cut }: Stencil): number {
  const taps = kernel.shape.kh * kernel.shape.kw;
  const tiledRows = roundUp(cut.bandRows, tiles[0]?.rows ?? 1);
  const slabBytes = F32 * ((tiledRows - 1) * y.step + y.span + 1) * row.length;
  let scratch = 0;
  const room = (name: "weights" | "c" | "parts" | "slab", bytes: number): void => {
    put({ [name]: scratch });
    scratch += roundUp(bytes, 64);
  };
  if (isWeightGradient(kernel)) {
    const gradientPitch = F32 * roundUp(x.points, 4);
    const gradientBytes = gradientPitch * tiledRows;
    put({ gradientPitch, gradientBytes });
    room("weights", 4 * F32 * taps);
    room("c", Math.max(F32 * taps, gradientBytes));
  } else {
    const partBytes = roundUp(F32 * x.points * tiledRows + SLACK, 64);
    const parts = y.phases.length * x.phases.length;
    put({ partBytes });
    room("weights", F32 * taps);
    room("c", cut.planeBytes * cut.perItem + partBytes);
    room("parts", parts > 1 ? parts * partBytes : 0);
  }
  put({ slabBytes });
  room("slab", slabBytes + F32 * row.length + SLACK);
  return scratch;
}
