/** Runs one kernel of the cpu device as it is, on a bare memory, and compares it with the interpreter. */

import fc from "fast-check";
import { expect } from "vitest";
import type { TileShape } from "../dist/cpu/gemm-tile.js";
import type { CpuCode, CpuKernel } from "../dist/cpu/kernel.js";
import { hasRelaxedSimd } from "../dist/cpu/wasm/index.js";
import { type Expr, expr } from "../dist/expr.js";
import { numberToFloat16 } from "../dist/float16.js";
import type { Access, Bound, Epilogue, Kernel } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";

const tileOf = ([mr, nr, run]: readonly [number, number, number]): TileShape => ({
  mr,
  nr,
  run,
  fused: hasRelaxedSimd(),
  nanoseconds: 0.04,
});

/** Tiles for products in general on some engine, with the multiply-add that this one has. */
export const GENERAL_TILES: readonly TileShape[] = (
  [
    [4, 8, 4],
    [6, 8, 4],
    [6, 16, 8],
  ] as const
).map(tileOf);
/** Those and the tiles for few rows. */
export const TILES: readonly TileShape[] = [
  ...GENERAL_TILES,
  ...(
    [
      [3, 8, 4],
      [3, 12, 4],
      [3, 24, 8],
    ] as const
  ).map(tileOf),
];

export type TestArray = Float32Array | Uint16Array | Int32Array | Uint8Array;

const PAGES = 256;
const memory = new WebAssembly.Memory({ initial: PAGES });
type Run = (params: number, begin: number, end: number, scratch: number) => void;
const functions = new Map<string, Run>();

function functionOf({ key, assemble }: CpuCode): Run {
  let run = functions.get(key);
  if (!run) {
    const module = new WebAssembly.Module(assemble(false) as Uint8Array<ArrayBuffer>);
    run = new WebAssembly.Instance(module, { env: { memory } }).exports.run as Run;
    functions.set(key, run);
  }
  return run;
}

/** Puts a stage's tasks in an order and in pieces of a caller's choice: lists of [begin, end). */
export type Split = (tasks: number) => readonly (readonly [number, number])[];

/** Runs the kernel. Everything around the buffers is NaN, as is the workspace, and every piece finds NaN in its scratch. */
export function runKernel(
  kernel: CpuKernel,
  buffers: readonly TestArray[],
  uniforms: readonly number[] = [],
  split: Split = (tasks) => [[0, tasks]],
): void {
  let top = 1024;
  const place = (bytes: number): number => {
    const at = top;
    top = Math.ceil((at + bytes) / 64 + 2) * 64;
    return at;
  };
  const addresses = buffers.map((b) => place(b.byteLength));
  const own = { workspace: place(kernel.workspace), prepared: place(kernel.prepared?.bytes ?? 0) };
  const params = kernel.stages.map((stage) => place(stage.params.byteLength));
  const scratchBytes = Math.max(...kernel.stages.map((stage) => stage.scratch));
  const scratch = place(scratchBytes);
  if (top > memory.buffer.byteLength) throw new RangeError(`the test needs ${top} bytes`);
  new Uint8Array(memory.buffer, 0, top).fill(0xff);
  const bytes = (b: TestArray): Uint8Array => new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
  buffers.forEach((b, i) => {
    new Uint8Array(memory.buffer).set(bytes(b), addresses[i]);
  });
  kernel.stages.forEach((stage, i) => {
    const words = new Int32Array(memory.buffer, params[i], stage.params.length);
    words.set(stage.params);
    for (const { word, buffer, byteOffset } of stage.addresses)
      words[word] = (typeof buffer === "number" ? addresses[buffer] : own[buffer]) + byteOffset;
    for (const { word, slot } of stage.uniforms) words[word] = uniforms[slot];
    const run = functionOf(stage.code);
    for (const [begin, end] of split(stage.tasks)) {
      new Uint8Array(memory.buffer, scratch, scratchBytes).fill(0xff);
      run(params[i], begin, end, scratch);
    }
  });
  buffers.forEach((b, i) => {
    bytes(b).set(new Uint8Array(memory.buffer, addresses[i], b.byteLength));
  });
}

/** Small whole numbers: all sums of a test's products are exact in f32, so results must be equal to the last bit. */
export function fillWhole(dtype: Access["dtype"], elements: number, seed: number): TestArray {
  const value = (i: number): number => ((Math.imul(i + seed, 0x9e3779b1) >>> 27) % 7) - 3;
  if (dtype === "float16") return Uint16Array.from({ length: elements }, (_, i) => numberToFloat16(value(i)));
  if (dtype === "float32") return Float32Array.from({ length: elements }, (_, i) => value(i));
  if (dtype === "int32") return Int32Array.from({ length: elements }, (_, i) => value(i));
  return Uint8Array.from({ length: elements }, (_, i) => Math.abs(value(i)) % (dtype === "bool" ? 2 : 256));
}

/** A layout of a tensor: the order of dimensions in memory, gaps, flips and broadcasts, and bounds. */
export interface View {
  readonly access: Access;
  readonly elements: number;
}

export interface ViewOptions {
  readonly dtypes?: readonly Access["dtype"][];
  readonly broadcast?: boolean;
  readonly bounds?: boolean;
}

/** Views of any layout. They are plain row-major often enough to meet the fast paths. */
export function anyView(shape: readonly number[], buffer: number, options: ViewOptions = {}): fc.Arbitrary<View> {
  const { dtypes = ["float32"], broadcast = false, bounds = false } = options;
  const dims = shape.map((_, d) => d);
  const each = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
    fc.array(arbitrary, { minLength: shape.length, maxLength: shape.length });
  const rarely = fc.integer({ min: 0, max: 4 }).map((x) => x === 0);
  const layout = fc.record({
    plain: fc.boolean(),
    order: fc.shuffledSubarray(dims, { minLength: shape.length }),
    gap: each(fc.integer({ min: 1, max: 2 })),
    flip: each(rarely),
    still: each(broadcast ? rarely : fc.constant(false)),
    offset: fc.integer({ min: 0, max: 3 }),
    dtype: fc.constantFrom(...dtypes),
    bound: bounds
      ? fc.option(
          fc.record({ dim: fc.nat({ max: shape.length - 1 }), offset: fc.integer({ min: -2, max: 1 }), flip: rarely }),
          { freq: 2 },
        )
      : fc.constant(null),
  });
  return layout.map(({ plain, order, gap, flip, still, offset, dtype, bound }) => {
    const strides = shape.map(() => 0);
    let [at, running] = [offset, 1];
    for (const d of plain ? dims.toReversed() : order) {
      if (still[d]) continue;
      const stride = running * (plain ? 1 : gap[d]);
      running = stride * Math.max(1, shape[d]);
      if (flip[d] && !plain) at += stride * Math.max(0, shape[d] - 1);
      strides[d] = flip[d] && !plain ? -stride : stride;
    }
    const list: Bound[] = [];
    if (bound) {
      const direction = bound.flip ? -1 : 1;
      const start = bound.flip ? shape[bound.dim] - 1 + bound.offset : bound.offset;
      list.push({ offset: start, strides: dims.map((d) => (d === bound.dim ? direction : 0)), size: shape[bound.dim] });
    }
    const access: Access = { buffer, dtype, offset: at, strides, bounds: list, indirect: [] };
    return { access, elements: offset + running };
  });
}

const f32 = (op: Parameters<typeof expr>[0], ...args: Expr[]): Expr => expr(op, "f32", args);
const constant = (x: number): Expr => expr("const", "f32", [], x);
const acc = expr("acc", "f32");
const source = (i: number): Expr => expr("load", "f32", [], i);
const half = constant(0.5);
const position = (d: number): Expr => expr("cast", "f32", [expr("index", "i32", [], d)]);

/** Values that an epilogue may compute, all exact; source 0 is of f32, 1 is of i32, 2 is indexed. */
const VALUES: readonly (readonly [name: string, value: (dims: number) => Expr])[] = [
  ["plain", () => acc],
  ["bias and activation", () => f32("max", f32("add", acc, source(0)), constant(0))],
  ["residual and scale", () => f32("add", f32("mul", acc, half), f32("mul", source(0), constant(-2)))],
  ["scaled by a uniform", () => f32("mul", acc, expr("uniform", "f32", [], 1))],
  ["of two dtypes", () => f32("add", f32("add", acc, source(0)), expr("cast", "f32", [expr("load", "i32", [], 1)]))],
  ["chosen where inside", () => f32("where", expr("inside", "bool", [], 0), acc, constant(-1))],
  ["plus positions", (dims) => f32("sub", f32("add", acc, position(dims - 1)), position(0))],
  ["looked up", (dims) => f32("add", acc, expr("loadAt", "f32", [expr("index", "i32", [], dims - 1)], 2))],
];

export interface EpilogueCase {
  readonly epilogue: Epilogue;
  /** Elements of buffers 2, 3, 4 and 5: the target and the three sources. */
  readonly elements: readonly number[];
}

const LOOKUP = 5;

/** Any epilogue over an output of this shape. */
export function anyEpilogue(shape: readonly number[]): fc.Arbitrary<EpilogueCase> {
  return fc
    .record({
      value: fc.constantFrom(...VALUES),
      target: anyView(shape, 2, { dtypes: ["float32", "float32", "float16", "int32"] }),
      first: anyView(shape, 3, { dtypes: ["float32", "float16"], broadcast: true, bounds: true }),
      second: anyView(shape, 4, { dtypes: ["int32", "uint8"], broadcast: true }),
      third: anyView(shape, 5, { broadcast: true }),
    })
    .map(({ value: [, make], target, first, second, third }) => {
      const value = make(shape.length);
      const stored = target.access.dtype === "int32" ? expr("cast", "i32", [value]) : value;
      const looked: Access = { ...third.access, indirect: [{ stride: third.elements, size: LOOKUP }] };
      return {
        epilogue: { sources: [first.access, second.access, looked], value: stored, target: target.access },
        elements: [target.elements, first.elements, second.elements, third.elements * LOOKUP],
      };
    });
}

/** Pieces of a stage's tasks in an order that `seed` picks. */
export const randomSplit =
  (seed: number): Split =>
  (tasks) => {
    const pieces: [number, number][] = [];
    let state = seed | 1;
    const next = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return (state >>> 8) % below;
    };
    for (let begin = 0; begin < tasks; ) {
      const end = begin + 1 + next(Math.min(4, tasks - begin));
      pieces.splice(next(pieces.length + 1), 0, [begin, end]);
      begin = end;
    }
    return pieces;
  };

/** Uniform 1 is what epilogues scale by. */
const UNIFORMS = new Uint32Array(Float32Array.of(0, 3).buffer);

/** Expects that the printed kernel writes exactly what the interpreter writes, and nothing else. */
export function expectSame(
  kernel: Kernel,
  printed: CpuKernel,
  dtypes: readonly Access["dtype"][],
  elements: readonly number[],
  seed: number,
): void {
  const fresh = (): TestArray[] => elements.map((n, i) => fillWhole(dtypes[i], n, seed + 101 * i));
  const [expected, got] = [fresh(), fresh()];
  interpretKernel(kernel, expected, UNIFORMS);
  runKernel(printed, got, [...UNIFORMS], randomSplit(seed));
  expect(got).toEqual(expected);
}
