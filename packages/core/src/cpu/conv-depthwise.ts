/**
 * Depthwise convolutions (one input and one output channel a group) on the cpu device. A matrix product would have a
 * single row; here each channel's plane is correlated with its weights directly.
 */

import { inputAxis, type Phase, phasesOf } from "../conv-axes.js";
import type { ConvKernel } from "../kernel.js";
import { COPY, LEAST_COLUMNS } from "./conv-plane.js";
import { printPlanes, printPlanesWeightGradient, STENCIL } from "./conv-planes.js";
import type { StencilTile } from "./conv-stencil.js";
import { type AffineStrides, type EpilogueParts, spread } from "./gemm-epilogue.js";
import { printWalk } from "./gemm-pack.js";
import { ceilDiv, roundUp } from "./gemm-plan.js";
import { type Affine, RecordWriter } from "./gemm-record.js";
import { mergeWalk, type Walk } from "./gemm-spec.js";
import { CPU_BYTES, type CpuKernel, oneStage } from "./kernel.js";
import { hasRelaxedSimd, WasmModule } from "./wasm/index.js";

const F32 = CPU_BYTES.float32;
/** Elements of a slab that should not be exceeded: with the result beside it, half of a first-level cache. */
const BAND = 1 << 12;
/** Multiply-adds that make a task. */
const TASK_WORK = 1 << 19;
const MANY_TASKS = 8;
/** Rows of points in a tile: what wastes least is taken. With 7 taps a column, eight would not fit the registers. */
const TILE_ROWS = [8, 7];
/** Taps that a column may have. */
const MOST_TAPS = 7;

export const isDepthwise = ({ shape, a, b }: ConvKernel): boolean =>
  shape.ic === 1 && shape.oc === 1 && [a, b].every((x) => x.dtype === "float32" && x.bounds.length === 0);

/** Where a tap lies, counted from the slab's first row or column, and its number in the kernel. */
interface Tap {
  readonly place: number;
  readonly tap: number;
}

/** One spatial axis: how points, in phases if their taps differ, read the slab. */
interface StencilAxis {
  /** Rows or columns of the tensor, of the result, and points of the longest phase. */
  readonly size: number;
  readonly results: number;
  readonly points: number;
  /** From one point to the next. */
  readonly step: number;
  /** Position in the tensor of the slab's first row or column. */
  readonly first: number;
  /** Rows or columns from the first tap of a point to its last. */
  readonly span: number;
  /** The taps of each phase, from the first in the slab to the last. */
  readonly phases: readonly (readonly Tap[])[];
}

function stencilAxis(phases: readonly Phase[], size: number, results: number): StencilAxis {
  const taps = phases.map(({ axis, firstTap, tapStep }) =>
    Array.from({ length: axis.taps }, (_, t) => ({
      place: t * axis.tapStep + axis.origin,
      tap: firstTap + t * tapStep,
    })),
  );
  const places = taps.flat().map(({ place }) => place);
  const first = places.length > 0 ? Math.min(...places) : 0;
  return {
    size,
    results,
    points: Math.max(0, ...phases.map(({ axis }) => axis.points)),
    step: phases[0]?.axis.step ?? 1,
    first,
    span: places.length > 0 ? Math.max(...places) - first : 0,
    phases: taps.map((list) =>
      list.map(({ place, tap }) => ({ place: place - first, tap })).sort((s, t) => s.place - t.place),
    ),
  };
}

function axesOf({ kind, shape: s }: ConvKernel): [y: StencilAxis, x: StencilAxis] {
  const axis = (inputs: number, outputs: number, taps: number, i: 0 | 1): StencilAxis =>
    kind === "conv2dInputGrad"
      ? stencilAxis(phasesOf(inputs, outputs, taps, s, i), outputs, inputs)
      : stencilAxis(
          [{ phase: 0, firstTap: 0, tapStep: 1, axis: inputAxis(inputs, outputs, taps, s, i) }],
          inputs,
          outputs,
        );
  return [axis(s.ih, s.oh, s.kh, 0), axis(s.iw, s.ow, s.kw, 1)];
}

/** The epilogue's affine values: rows are planes (channels, for the weight gradient), columns the places in a plane. */
function spreadPlanes({ kind, shape: s }: ConvKernel, affine: readonly AffineStrides[]): Affine[] {
  return spread(affine, ([first, second, third, fourth]) =>
    kind === "conv2dWeightGrad"
      ? {
          offset: 0,
          batch: [],
          m: [{ size: s.groups, stride: first }],
          n: [
            { size: s.kw, stride: fourth },
            { size: s.kh, stride: third },
          ],
        }
      : {
          offset: 0,
          batch: [],
          m: [
            { size: s.n, stride: first },
            { size: s.groups, stride: second },
          ],
          n: [
            { size: kind === "conv2d" ? s.oh : s.ih, stride: third },
            { size: kind === "conv2d" ? s.ow : s.iw, stride: fourth },
          ],
        },
  );
}

/** The tiles for the row taps of each row phase, all with as many rows of points. */
function tilesOf({ points, step, phases }: StencilAxis, fused: boolean): StencilTile[] {
  const together = phases.map((taps) => {
    const close = step <= 2 && taps.length <= MOST_TAPS && taps.every(({ place }, i) => place === taps[0].place + i);
    return close && taps.length > 1 ? { taps: taps.length, step } : { taps: 1, step: 1 };
  });
  const most = Math.max(1, ...together.map(({ taps }) => taps));
  const rows = most === MOST_TAPS ? 7 : TILE_ROWS.reduce((a, b) => (roundUp(points, b) < roundUp(points, a) ? b : a));
  return together.map((tile) => ({ ...tile, rows, fused }));
}

/** How the columns of the tensor lie in a row of the slab, which is sorted by phase. */
function slabColumns(x: StencilAxis) {
  const segment = roundUp(x.points, 4) + Math.floor(x.span / x.step);
  const place = (q: number): number => (q % x.step) * segment + Math.floor(q / x.step);
  const start = Math.max(0, x.first);
  const end = Math.max(start, Math.min(x.size, x.first + (x.points - 1) * x.step + x.span + 1));
  return { pitch: x.step * segment, place, start, count: end - start };
}

export function printDepthwise(kernel: ConvKernel, epilogue: EpilogueParts): CpuKernel {
  const { shape: s, a, b, kind } = kernel;
  const isWeightGradient = kind === "conv2dWeightGrad";
  const [y, x] = axesOf(kernel);
  const fused = hasRelaxedSimd();
  const perPhase = tilesOf(y, fused);
  const tiles = perPhase.filter((tile, i) => perPhase.findIndex(({ taps }) => taps === tile.taps) === i);
  const affine = spreadPlanes(kernel, epilogue.affine);
  const writer = new RecordWriter(STENCIL, 1, epilogue.uniforms);
  const put = (name: Parameters<typeof STENCIL.word>[0], value: number): void => writer.put(0, name, value);

  // The cut. Small planes are finished several at a time, large ones band by band.
  const tileRows = perPhase[0]?.rows ?? 1;
  const columns = slabColumns(x);
  const most = Math.max(1, Math.floor(BAND / Math.max(1, columns.pitch * y.step)));
  const bandRows = y.points <= most ? Math.max(1, y.points) : Math.max(tileRows, most - (most % tileRows));
  const bands = ceilDiv(y.points, bandRows);
  const planes = s.n * s.groups;
  const planeBytes = F32 * Math.min(y.results, bandRows * y.phases.length) * x.results;
  const together = Math.min(Math.floor((F32 * BAND) / Math.max(1, planeBytes)), ceilDiv(planes, 4 * MANY_TASKS));
  const perItem = bands > 1 ? 1 : Math.max(1, together);
  const taps = s.kh * s.kw;
  const items = isWeightGradient ? s.groups : ceilDiv(planes, perItem) * bands;
  const work = (planes * y.points * x.points * Math.max(1, taps)) / items;
  const perTask = Math.max(1, Math.min(Math.floor(TASK_WORK / work), ceilDiv(items, MANY_TASKS)));
  const tasks = ceilDiv(items, perTask);
  put("items", items);
  put("perTask", perTask);
  put("tasks", tasks);
  put("bands", bands);
  put("bandRows", bandRows);
  put("perItem", perItem);
  put("allPlanes", planes);
  put("images", s.n);
  put("channels", s.groups);
  put("rows", y.points);
  put("columns", x.points);
  put("rowPhases", y.phases.length);
  put("columnPhases", x.phases.length);
  put("height", y.results);
  put("width", x.results);
  put("planeBytes", planeBytes);

  const perPlane = ([image, channel]: readonly number[]): Walk =>
    mergeWalk([
      { size: s.n, stride: image },
      { size: s.groups, stride: channel },
    ]);
  const [, , rowStride, columnStride] = a.strides;
  writer.address(0, "tensor", a.buffer, F32 * a.offset);
  put("planes", writer.list(perPlane(a.strides), F32));
  put("tensorHeight", y.size);
  put("firstRow", y.first);
  put("rowStep", y.step);
  put("rowSpan", y.span);

  const neighbours = columnStride === 1;
  const whole = neighbours && x.step === 1 && columns.count >= LEAST_COLUMNS.whole;
  const halves = neighbours && x.step === 2 && columns.count >= LEAST_COLUMNS.halves;
  put("mode", whole ? COPY.whole : halves ? COPY.halves : COPY.any);
  put("columnStep", x.step);
  put("fromRow", F32 * rowStride);
  put("fromColumn", F32 * columnStride);
  put("pitch", F32 * columns.pitch);
  put(
    "copyColumns",
    writer.words(
      Array.from({ length: x.step }, (_, i) => {
        const column = columns.start + i;
        const count = Math.max(0, ceilDiv(columns.count - i, x.step));
        return [F32 * count, F32 * columnStride * column, F32 * columns.place(column - x.first)];
      }).flat(),
    ),
  );

  writer.address(0, "other", b.buffer, F32 * b.offset);
  put("otherPlanes", writer.list(isWeightGradient ? perPlane(b.strides) : perPlane([0, b.strides[0]]), F32));
  put("otherRow", F32 * b.strides[2]);
  put("otherColumn", F32 * b.strides[3]);

  // Taps, sorted into columns, phase by phase.
  const offsets: number[] = [];
  const weights: number[] = [];
  const phases = y.phases.flatMap((rowTaps, i) =>
    x.phases.map((columnTaps) => {
      const tile = perPhase[i];
      const begin = { offsets: offsets.length, weights: weights.length };
      for (const column of columnTaps)
        rowTaps.forEach((row, t) => {
          if (t % tile.taps === 0) offsets.push(F32 * (row.place * columns.pitch + columns.place(column.place)));
          weights.push(F32 * (row.tap * b.strides[2] + column.tap * b.strides[3]));
        });
      // Rows of points that do not share rows of the slab are `rowStep` rows apart.
      const pitch = F32 * columns.pitch * (tile.taps === 1 ? y.step : 1);
      return [
        tiles.findIndex(({ taps }) => taps === tile.taps),
        pitch,
        F32 * begin.offsets,
        F32 * offsets.length,
        F32 * begin.weights,
      ];
    }),
  );
  const offsetsAt = writer.words(offsets);
  put("weightOffsets", writer.words(isWeightGradient ? [] : weights));
  put("taps", weights.length);
  put(
    "phases",
    writer.words(
      phases.flatMap(([tile, pitch, begin, end, weight]) => [tile, pitch, offsetsAt + begin, offsetsAt + end, weight]),
    ),
  );

  let scratch = 0;
  const room = (name: "weights" | "c" | "parts" | "slab", bytes: number): void => {
    put(name, scratch);
    scratch += roundUp(bytes, 64);
  };
  // Tiles exceed rows and columns, and so read and write as much beyond the slab and the result.
  const tiledRows = roundUp(bandRows, tileRows);
  const slabBytes = F32 * ((tiledRows - 1) * y.step + y.span + 1) * columns.pitch;
  put("slabBytes", slabBytes);
  const slack = 64;
  room("weights", isWeightGradient ? 4 * F32 * taps : F32 * taps);
  if (isWeightGradient) {
    put("gradientPitch", F32 * roundUp(x.points, 4));
    put("gradientBytes", F32 * roundUp(x.points, 4) * tiledRows);
    room("c", F32 * Math.max(taps, roundUp(x.points, 4) * tiledRows));
  } else {
    const partBytes = roundUp(F32 * x.points * tiledRows + slack, 64);
    put("partBytes", partBytes);
    const parts = y.phases.length * x.phases.length;
    room("c", planeBytes * perItem + partBytes);
    room("parts", parts > 1 ? parts * partBytes : 0);
  }
  room("slab", slabBytes + F32 * columns.pitch + slack);
  put("epilogue", writer.block(affine, epilogue.bases));

  const { key, print } = epilogue.printer([affine], STENCIL.bytes);
  const tileKey = tiles.map(({ taps, step, rows }) => `${taps}/${step}×${rows}`);
  return oneStage({
    code: {
      key: `depthwise ${isWeightGradient ? "weight gradient " : ""}${tileKey}${fused ? " fused" : ""} ${key}`,
      assemble(shared) {
        const m = new WasmModule({ shared });
        const walk = printWalk(m);
        const parts = { walk, epilogue: print(m, walk), tiles };
        if (isWeightGradient) printPlanesWeightGradient(m, parts);
        else printPlanes(m, parts);
        return m.bytes();
      },
    },
    tasks,
    scratch,
    ...writer.finish(),
  });
}
