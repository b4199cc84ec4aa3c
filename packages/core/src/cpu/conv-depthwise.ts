/**
 * Depthwise convolutions (one input and one output channel a group) on the cpu device. A matrix product would have a
 * single row; here each channel's plane is correlated with its weights directly.
 */

import { type Axis, inputAxis, phasesOf } from "../conv-axes.js";
import type { ConvKernel } from "../kernel.js";
import { GROUP_TAPS, GROUP_VECTORS, printStencil, printStencilWeightGradient, STENCIL } from "./conv-stencil.js";
import { type EpilogueParts, spread } from "./gemm-epilogue.js";
import { printWalk } from "./gemm-pack.js";
import { ceilDiv, roundUp } from "./gemm-plan.js";
import { type Affine, RecordWriter } from "./gemm-record.js";
import { mergeWalk, type Walk } from "./gemm-spec.js";
import { tileShape } from "./gemm-tile.js";
import { CPU_BYTES, type CpuKernel, oneStage } from "./kernel.js";
import { WasmModule } from "./wasm/index.js";

const F32 = CPU_BYTES.float32;
/** Elements of a slab that should not be exceeded: with the result beside it, half of a first-level cache. */
const BAND = 1 << 12;
/** Multiply-adds that make a task. */
const TASK_WORK = 1 << 19;
const MANY_TASKS = 8;

export const isDepthwise = ({ shape, a, b }: ConvKernel): boolean =>
  shape.ic === 1 && shape.oc === 1 && [a, b].every((x) => x.dtype === "float32" && x.bounds.length === 0);

/** What one record computes: planes of points, each of which reads a tensor at a few taps. */
interface Stencil {
  readonly y: Axis;
  readonly x: Axis;
  /** Elements from the first tap of the weight to the one that this stencil begins with, and between its taps. */
  readonly weight: { readonly offset: number; readonly taps: Walk };
  readonly affine: readonly Affine[];
}

/** How the taps of an axis lie in a slab that is sorted by phase. */
function phaseLayout(axis: Axis) {
  const { taps, tapStep, origin, step, points } = axis;
  const places = Array.from({ length: taps }, (_, t) => t * tapStep + origin);
  const first = taps > 0 ? Math.min(...places) : 0;
  const where = places.map((place) => ({ phase: (place - first) % step, shift: Math.floor((place - first) / step) }));
  const reach = Math.max(0, ...where.map(({ shift }) => shift));
  return { first, where, reach, length: points + reach };
}

export function printDepthwise(kernel: ConvKernel, epilogue: EpilogueParts): CpuKernel {
  const { shape: s, a, b, kind } = kernel;
  const isWeightGradient = kind === "conv2dWeightGrad";
  const stencils = kind === "conv2dInputGrad" ? inputGradient(kernel, epilogue) : [windows(kernel, epilogue)];
  const { fused } = tileShape();
  const writer = new RecordWriter(STENCIL, stencils.length, epilogue.uniforms);
  const planes = s.n * s.groups;
  let [tasks, scratch] = [0, 0];

  stencils.forEach(({ y, x, weight, affine }, record) => {
    const put = (name: Parameters<typeof STENCIL.word>[0], value: number): void => writer.put(record, name, value);
    const [rows, columns] = [phaseLayout(y), phaseLayout(x)];
    const taps = y.taps * x.taps;
    const bandRows = Math.max(1, Math.min(y.points, Math.floor(BAND / columns.length)));
    const bands = ceilDiv(y.points, bandRows);
    const items = isWeightGradient ? s.groups : planes * bands;
    const work = (planes * y.points * x.points * Math.max(1, taps)) / items;
    const perTask = Math.max(1, Math.min(Math.floor(TASK_WORK / work), ceilDiv(items, MANY_TASKS)));
    put("items", items);
    put("perTask", perTask);
    put("tasks", ceilDiv(items, perTask));
    tasks += ceilDiv(items, perTask);
    put("bands", bands);
    put("bandRows", bandRows);
    put("rows", y.points);
    put("columns", x.points);
    put("images", s.n);
    put("channels", s.groups);

    const perPlane = ([image, channel]: readonly number[]): Walk =>
      mergeWalk([
        { size: s.n, stride: image },
        { size: s.groups, stride: channel },
      ]);
    const [, , rowStride, columnStride] = a.strides;
    writer.address(record, "tensor", a.buffer, F32 * a.offset);
    put("planes", writer.list(perPlane(a.strides), F32));
    put("tensorHeight", y.size);
    put("tensorRow", F32 * rowStride);
    put("tensorColumn", F32 * columnStride);
    put("firstRow", rows.first);
    put("phases", writer.words(columnPhases(x, columns, columnStride)));

    writer.address(record, "other", b.buffer, F32 * (b.offset + weight.offset));
    const [out] = b.strides;
    put("otherPlanes", writer.list(isWeightGradient ? perPlane(b.strides) : perPlane([0, out]), F32));
    put("otherRow", F32 * b.strides[2]);
    put("otherColumn", F32 * b.strides[3]);
    put("otherTaps", writer.list(weight.taps, F32));

    const slabRows = bandRows + rows.reach;
    put("pitch", F32 * columns.length);
    put("phaseBytes", F32 * columns.length * slabRows);
    put("rowStep", y.step);
    put("columnStep", x.step);
    put("reach", rows.reach);
    put("taps", taps);
    const offsets = rows.where.flatMap((row) =>
      columns.where.map((column) => {
        const phase = row.phase * x.step + column.phase;
        return F32 * ((phase * slabRows + row.shift) * columns.length + column.shift);
      }),
    );
    const padding = new Array<number>(roundUp(taps, GROUP_TAPS) - taps).fill(0);
    put("offsets", writer.words([...offsets, ...padding]));

    // A correlation computes whole groups of vectors, and so reads as much beyond the slab.
    const slack = 4 * GROUP_VECTORS;
    const cPitch = roundUp(columns.length, 4);
    let used = 0;
    const room = (name: "weights" | "c" | "slab", elements: number): void => {
      put(name, used);
      used += roundUp(F32 * elements, 64);
    };
    room("weights", 4 * roundUp(taps, GROUP_TAPS));
    room("c", Math.max(taps, bandRows * cPitch) + slack);
    room("slab", y.step * x.step * slabRows * columns.length + columns.reach + slack);
    put("cPitch", F32 * cPitch);
    scratch = Math.max(scratch, used);
    put("epilogue", writer.block(affine, epilogue.bases));
  });

  const { key, print } = epilogue.printer(
    stencils.map(({ affine }) => affine),
    STENCIL.bytes * stencils.length,
  );
  return oneStage({
    code: {
      key: `depthwise ${isWeightGradient ? "weight gradient" : ""}${fused ? " fused" : ""} ${key}`,
      assemble(shared) {
        const m = new WasmModule({ shared });
        const walk = printWalk(m);
        const parts = { walk, epilogue: print(m, walk), fused };
        if (isWeightGradient) printStencilWeightGradient(m, parts);
        else printStencil(m, parts);
        return m.bytes();
      },
    },
    tasks,
    scratch,
    ...writer.finish(),
  });
}

/** For each column phase: bytes of zeros, bytes copied, and the byte in a row of the tensor from where. */
function columnPhases(x: Axis, { first, length }: { first: number; length: number }, stride: number): number[] {
  return Array.from({ length: x.step }, (_, phase) => {
    const start = first + phase;
    const lead = Math.min(length, Math.max(0, Math.ceil(-start / x.step)));
    const end = Math.min(length, Math.max(lead, Math.ceil((x.size - start) / x.step)));
    return [F32 * lead, F32 * (end - lead), F32 * stride * (start + lead * x.step)];
  }).flat();
}

/** The forward pass, and the weight's gradient, which reads the input in the same places. */
function windows({ shape: s, kind, b }: ConvKernel, { affine }: EpilogueParts): Stencil {
  const stencil = {
    y: inputAxis(s.ih, s.oh, s.kh, s, 0),
    x: inputAxis(s.iw, s.ow, s.kw, s, 1),
  };
  if (kind === "conv2dWeightGrad") {
    return {
      ...stencil,
      weight: { offset: 0, taps: [] },
      affine: spread(affine, ([channel, , row, column]) => ({
        offset: 0,
        batch: [{ size: s.groups, stride: channel }],
        m: [],
        n: [
          { size: s.kh, stride: row },
          { size: s.kw, stride: column },
        ],
      })),
    };
  }
  return {
    ...stencil,
    weight: {
      offset: 0,
      taps: [
        { size: s.kh, stride: b.strides[2] },
        { size: s.kw, stride: b.strides[3] },
      ],
    },
    affine: spread(affine, ([image, channel, row, column]) => ({
      offset: 0,
      batch: [
        { size: s.n, stride: image },
        { size: s.groups, stride: channel },
      ],
      m: [{ size: s.oh, stride: row }],
      n: [{ size: s.ow, stride: column }],
    })),
  };
}

/** One stencil for each phase of the input. */
function inputGradient({ shape: s, b }: ConvKernel, { affine }: EpilogueParts): Stencil[] {
  const [, , tapRow, tapColumn] = b.strides;
  const columnPhasesOf = phasesOf(s.iw, s.ow, s.kw, s, 1);
  return phasesOf(s.ih, s.oh, s.kh, s, 0).flatMap((y) =>
    columnPhasesOf.map((x) => ({
      y: y.axis,
      x: x.axis,
      weight: {
        offset: y.firstTap * tapRow + x.firstTap * tapColumn,
        taps: [
          { size: y.axis.taps, stride: y.tapStep * tapRow },
          { size: x.axis.taps, stride: x.tapStep * tapColumn },
        ],
      },
      affine: spread(affine, ([image, channel, row, column]) => ({
        offset: y.phase * row + x.phase * column,
        batch: [
          { size: s.n, stride: image },
          { size: s.groups, stride: channel },
        ],
        m: [{ size: y.axis.points, stride: s.stride[0] * row }],
        n: [{ size: x.axis.points, stride: s.stride[1] * column }],
      })),
    })),
  );
}
