/**
 * The code of depthwise convolutions. A channel's plane is copied to scratch with its border of zeros, and with a stride
 * it is sorted by phase (positions that are equal modulo the stride), so that every tap of all points in a row is one run
 * of neighbours. The plane is then correlated with its few weights, or, for the weight gradient, with the output's
 * gradient, in registers.
 */

import type { EpilogueFunction } from "./gemm-epilogue.js";
import type { WalkFunction } from "./gemm-pack.js";
import { recordLayout } from "./gemm-record.js";
import { printRun } from "./gemm-run.js";
import { printCopy, printZeros } from "./gemm-slab.js";
import {
  call,
  f32,
  f32x4,
  i32,
  i32x4,
  type Local,
  type Value,
  v128,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

/** The cut: items are bands of rows of a plane, or, for the weight gradient, channels. */
const CUT = ["tasks", "items", "perTask", "bands", "bandRows", "rows", "columns", "images", "channels"] as const;
/** The tensor that is read: address, list over planes, rows and columns. The first row that a tap meets may be negative.
 *  `phases` points to what each column phase copies: bytes of zeros before, bytes copied, and from where. */
const TENSOR = ["tensor", "planes", "tensorHeight", "tensorRow", "tensorColumn", "firstRow", "phases"] as const;
/** The other operand, weights or the output's gradient: address, list over channels or planes, and list within. */
const OTHER = ["other", "otherPlanes", "otherRow", "otherColumn", "otherTaps"] as const;
/** The slab: bytes of a row and of a phase, steps, rows that taps reach beyond a band, and where taps lie. */
const SLAB = ["pitch", "phaseBytes", "rowStep", "columnStep", "reach", "taps", "offsets"] as const;
const SCRATCH = ["weights", "c", "cPitch", "slab"] as const;

export const STENCIL = recordLayout([...CUT, ...TENSOR, ...OTHER, ...SLAB, ...SCRATCH, "epilogue"]);
export type StencilField = Parameters<typeof STENCIL.word>[0];

/** Vectors that are computed at once by a correlation, and taps by a weight gradient. */
export const GROUP_VECTORS = 8;
export const GROUP_TAPS = 9;

const field = STENCIL.read;

const multiplyAdd = (fused: boolean, x: Value<"v128">, y: Value<"v128">, sum: Value<"v128">): Value<"v128"> =>
  fused ? f32x4.relaxedMadd(x, y, sum) : f32x4.add(sum, f32x4.mul(x, y));

/** fillSlab(params, record, to, plane, row0, rows): rows of the plane's grid from `row0` on, in all phases. */
function printFillSlab(m: WasmModule): WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32"], "void"> {
  const zeros = printZeros(m);
  const copy = printCopy(m);
  return m.helper(["i32", "i32", "i32", "i32", "i32", "i32"], "void", (f, params, record, to, plane, row0, rows) => {
    const [pitch, rowStep] = [f.let(field(record, "pitch")), f.let(field(record, "rowStep"))];
    const step = f.let(i32.mul(field(record, "columnStep"), field(record, "tensorColumn")));
    const [at, y, from, lead, copied] = [0, 1, 2, 3, 4].map(() => f.local("i32"));
    const firstRow = f.let(i32.add(field(record, "firstRow"), i32.mul(row0, rowStep)));
    f.for(0, rowStep, 1, (rowPhase) => {
      const spans = f.let(i32.add(params, field(record, "phases")));
      f.for(0, field(record, "columnStep"), 1, () => {
        f.set(at, to);
        f.set(y, i32.add(firstRow, rowPhase));
        f.set(lead, i32.load(spans));
        f.set(copied, i32.load(spans, 4));
        f.for(0, rows, 1, () => {
          f.if(
            i32.ltU(y, field(record, "tensorHeight")),
            () => {
              f.set(from, i32.add(i32.add(plane, i32.load(spans, 8)), i32.mul(y, field(record, "tensorRow"))));
              f.call(zeros, at, lead);
              f.call(copy, i32.add(at, lead), from, copied, step);
              const end = i32.add(lead, copied);
              f.call(zeros, i32.add(at, end), i32.sub(pitch, end));
            },
            () => f.call(zeros, at, pitch),
          );
          f.increment(at, pitch);
          f.increment(y, rowStep);
        });
        f.increment(spans, 12);
        f.increment(to, field(record, "phaseBytes"));
      });
    });
  });
}

/** correlate(c, slab, bytes, offsets, weights, taps): C[i] = Σ weights[t] · slab[i + offsets[t]]. */
function printCorrelate(
  m: WasmModule,
  fused: boolean,
): WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32"], "void"> {
  return m.helper(["i32", "i32", "i32", "i32", "i32", "i32"], "void", (f, c, slab, bytes, offsets, weights, taps) => {
    const end = f.let(i32.add(c, bytes));
    const tapsEnd = f.let(i32.add(offsets, i32.shl(taps, 2)));
    const sums = Array.from({ length: GROUP_VECTORS }, () => f.local("v128"));
    const [tap, weightAt, from] = [f.local("i32"), f.local("i32"), f.local("i32")];
    const weight = f.local("v128");
    f.while(i32.ltU(c, end), () => {
      for (const sum of sums) f.set(sum, v128.zero);
      f.set(tap, offsets);
      f.set(weightAt, weights);
      f.while(i32.ltU(tap, tapsEnd), () => {
        f.set(from, i32.add(slab, i32.load(tap)));
        f.set(weight, v128.load32Splat(weightAt));
        sums.forEach((sum, i) => {
          f.set(sum, multiplyAdd(fused, weight, v128.load(from, 16 * i), sum));
        });
        f.increment(tap, 4);
        f.increment(weightAt, 4);
      });
      sums.forEach((sum, i) => {
        f.store("v128", c, sum, 16 * i);
      });
      f.increment(c, 16 * GROUP_VECTORS);
      f.increment(slab, 16 * GROUP_VECTORS);
    });
  });
}

interface Parts {
  readonly walk: WalkFunction;
  readonly epilogue: EpilogueFunction;
  readonly fused: boolean;
}

/** Adds `run` for the forward pass or the input's gradient: an item is a band of rows of one plane. */
export function printStencil(m: WasmModule, { walk, epilogue, fused }: Parts): void {
  const fillSlab = printFillSlab(m);
  const correlate = printCorrelate(m, fused);
  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    const at = (name: StencilField) => i32.add(scratch, field(record, name));
    const inParams = (name: StencilField) => i32.add(params, field(record, name));
    const plane = f.let(i32.divU(index, field(record, "bands")));
    const row0 = f.let(i32.mul(i32.remU(index, field(record, "bands")), field(record, "bandRows")));
    const rows = f.let(field(record, "bandRows"));
    f.if(i32.gtS(i32.add(row0, rows), field(record, "rows")), () => f.set(rows, i32.sub(field(record, "rows"), row0)));

    const taps = f.let(field(record, "taps"));
    const from = f.let(i32.add(field(record, "other"), call(walk, inParams("otherPlanes"), plane)));
    f.for(0, taps, 1, (tap) => {
      const weight = f32.load(i32.add(from, call(walk, inParams("otherTaps"), tap)));
      f.store("f32", i32.add(at("weights"), i32.shl(tap, 2)), weight);
    });
    f.if(taps, () => {
      const tensor = i32.add(field(record, "tensor"), call(walk, inParams("planes"), plane));
      f.call(fillSlab, params, record, at("slab"), tensor, row0, i32.add(rows, field(record, "reach")));
    });
    const pitch = f.let(field(record, "pitch"));
    f.call(correlate, at("c"), at("slab"), i32.mul(rows, pitch), inParams("offsets"), at("weights"), taps);
    const block = f.let(inParams("epilogue"));
    f.call(epilogue, params, block, plane, row0, rows, 0, field(record, "columns"), at("c"), pitch);
  });
  printRun(m, STENCIL, item);
}

type DotsFunction = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"], "void">;

/**
 * dots(sums, gradient, slab, offsets, rows, columns, gradientPitch, pitch): for a group of taps, adds the four lanes of
 * Σ gradient[r, c] · slab[r, c + offsets[t]] to `sums`.
 */
function printDots(m: WasmModule, fused: boolean): DotsFunction {
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, sums, gradient, slab, offsets, rows, columns, gradientPitch, pitch) => {
      const totals = Array.from({ length: GROUP_TAPS }, () => f.local("v128"));
      const bases = totals.map((_, t) => f.let(i32.add(slab, i32.load(offsets, 4 * t))));
      const whole = f.let(i32.shl(i32.and(columns, -4), 2));
      const rest = f.let(i32.and(columns, 3));
      const mask = f.let(i32x4Below(rest));
      const [i, left] = [f.local("i32"), f.local("v128")];
      f.for(0, rows, 1, () => {
        f.set(i, 0);
        f.forFrom(i, whole, 16, () => {
          f.set(left, v128.load(i32.add(gradient, i)));
          totals.forEach((total, t) => {
            f.set(total, multiplyAdd(fused, left, v128.load(i32.add(bases[t], i)), total));
          });
        });
        // What lies beyond the row's end in the slab may be anything, even NaN.
        f.if(rest, () => {
          f.set(left, v128.load(i32.add(gradient, i)));
          totals.forEach((total, t) => {
            f.set(total, multiplyAdd(fused, left, v128.and(mask, v128.load(i32.add(bases[t], i))), total));
          });
        });
        f.increment(gradient, gradientPitch);
        for (const base of bases) f.increment(base, pitch);
      });
      totals.forEach((total, t) => {
        f.store("v128", sums, f32x4.add(v128.load(sums, 16 * t), total), 16 * t);
      });
    },
  );
}

/** All ones in the lanes below `count`. */
const i32x4Below = (count: Local<"i32">): Value<"v128"> => i32x4.ltS(v128.const([0, 1, 2, 3]), i32x4.splat(count));

/** Adds `run` for the weight's gradient: an item is a channel, over all images and bands in order. */
export function printStencilWeightGradient(m: WasmModule, { walk, epilogue, fused }: Parts): void {
  const fillSlab = printFillSlab(m);
  const copy = printCopy(m);
  const zeros = printZeros(m);
  const dots = printDots(m, fused);
  /** One band of one plane. */
  const band = m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, params, record, plane, row0, scratch) => {
    const at = (name: StencilField) => i32.add(scratch, field(record, name));
    const inParams = (name: StencilField) => i32.add(params, field(record, name));
    const rows = f.let(field(record, "bandRows"));
    f.if(i32.gtS(i32.add(row0, rows), field(record, "rows")), () => f.set(rows, i32.sub(field(record, "rows"), row0)));
    const columns = f.let(field(record, "columns"));
    const gradientPitch = f.let(field(record, "cPitch"));

    const from = f.let(i32.add(field(record, "other"), call(walk, inParams("otherPlanes"), plane)));
    f.increment(from, i32.mul(row0, field(record, "otherRow")));
    const to = f.let(at("c"));
    f.for(0, rows, 1, () => {
      f.call(copy, to, from, i32.shl(columns, 2), field(record, "otherColumn"));
      f.call(zeros, i32.add(to, i32.shl(columns, 2)), i32.sub(gradientPitch, i32.shl(columns, 2)));
      f.increment(from, field(record, "otherRow"));
      f.increment(to, gradientPitch);
    });
    const tensor = i32.add(field(record, "tensor"), call(walk, inParams("planes"), plane));
    f.call(fillSlab, params, record, at("slab"), tensor, row0, i32.add(rows, field(record, "reach")));

    const [offsets, sums] = [f.let(inParams("offsets")), f.let(at("weights"))];
    const pitch = f.let(field(record, "pitch"));
    f.for(0, field(record, "taps"), GROUP_TAPS, () => {
      f.call(dots, sums, at("c"), at("slab"), offsets, rows, columns, gradientPitch, pitch);
      f.increment(offsets, 4 * GROUP_TAPS);
      f.increment(sums, 16 * GROUP_TAPS);
    });
  });

  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, channel, scratch) => {
    const sums = f.let(i32.add(scratch, field(record, "weights")));
    const groups = i32.divU(i32.add(field(record, "taps"), GROUP_TAPS - 1), GROUP_TAPS);
    f.call(zeros, sums, i32.mul(groups, 16 * GROUP_TAPS));
    f.for(0, field(record, "images"), 1, (image) => {
      const plane = f.let(i32.add(i32.mul(image, field(record, "channels")), channel));
      f.for(0, field(record, "rows"), field(record, "bandRows"), (row0) => {
        f.call(band, params, record, plane, row0, scratch);
      });
    });
    const c = f.let(i32.add(scratch, field(record, "c")));
    const at = f.let(c);
    f.for(0, field(record, "taps"), 1, () => {
      const lanes = f.let(v128.load(sums));
      const [low, high] = [0, 2].map((l) => f32.add(f32x4.extract(lanes, l), f32x4.extract(lanes, l + 1)));
      f.store("f32", at, f32.add(low, high));
      f.increment(at, 4);
      f.increment(sums, 16);
    });
    const block = f.let(i32.add(params, field(record, "epilogue")));
    f.call(epilogue, params, block, channel, 0, 1, 0, field(record, "taps"), c, 0);
  });
  printRun(m, STENCIL, item);
}
