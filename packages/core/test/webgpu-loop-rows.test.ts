import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expr } from "../dist/expr.js";
import type { Access, LoopKernel, Stage } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import type { Target } from "../dist/webgpu/program.js";
import { printLoop } from "../dist/webgpu/wgsl/loop.js";
import {
  acc,
  at,
  columns,
  constant,
  largestError,
  load,
  max,
  momentum,
  noise,
  of,
  softmax,
  statistics,
  store,
  sum,
} from "./loop-cases.js";
import { KernelRunner } from "./webgpu-kernels.js";

let runner: KernelRunner;
beforeAll(async () => {
  runner = await KernelRunner.open();
});
afterAll(() => runner.close());

const total = (n: number): LoopKernel => ({
  kind: "loop",
  name: "total",
  rows: [],
  inner: [n],
  sources: [at(0, [1])],
  stages: [sum(load(0)), max(load(0)), store("row", at(1, [0]), acc(0)), store("row", at(2, [0]), acc(1))],
});

/** Runs the kernel and the interpreter; the largest difference relative to the largest number. */
async function relativeError(kernel: LoopKernel, buffers: readonly Float32Array[], target: Target): Promise<number> {
  const expected = buffers.map((b) => b.slice());
  const got = await runner.run(printLoop, kernel, buffers, undefined, target);
  interpretKernel(kernel, expected);
  return largestError(got, expected);
}

describe.each<[string, Partial<Target>]>([
  ["a graphics card", {}],
  ["processor cores", { software: true }],
  ["the smallest adapter", { invocations: 128 }],
])("rows of reductions as WGSL, on %s", (_, changes) => {
  it.each([
    [3, 1000, [1000, 1]],
    [7, 10, [10, 1]],
    [1000, 5, [1, 1000]],
    [5000, 40, [1, 5000]],
    [2, 40_000, [40_000, 1]],
  ])("compute softmax of %i rows of %i", async (rows, inner, strides) => {
    const x = noise(rows * inner, -5, 5);
    const buffers = [x, new Float32Array(x.length)];
    expect(await relativeError(softmax(rows, inner, strides), buffers, runner.target(changes))).toBeLessThan(5e-7);
  });

  it.each([
    [4, 6, 49],
    [2, 3, 30_000],
    [300, 5, 1],
  ])("compute the statistics of [%i, %i, %i]", async (n, c, hw) => {
    const buffers = [noise(n * c * hw, 2, 3), new Float32Array(c), new Float32Array(c)];
    expect(await relativeError(statistics(n, c, hw), buffers, runner.target(changes))).toBeLessThan(2e-7);
  });

  it("sum a million numbers to f32's precision", async () => {
    const x = noise(2 ** 20 + 5, 0, 1);
    const buffers = [x, new Float32Array(1), new Float32Array(1)];
    expect(await relativeError(total(x.length), buffers, runner.target(changes))).toBeLessThan(2e-7);
  });

  it("sum long columns to f32's precision", async () => {
    const x = noise(100_000 * 5, 0, 1);
    const buffers = [x, new Float32Array(5)];
    expect(await relativeError(columns(100_000, 5), buffers, runner.target(changes))).toBeLessThan(2e-7);
  });

  it("keep infinities and NaN", async () => {
    for (const value of [Infinity, -Infinity, Number.NaN]) {
      const x = new Float32Array(200_000).fill(1);
      x[17_017] = value;
      const buffers = [x, new Float32Array(1), new Float32Array(1)];
      const [, sums, maxima] = await runner.run(printLoop, total(x.length), buffers, undefined, runner.target(changes));
      expect([sums[0], maxima[0]]).toEqual([value, value === -Infinity ? 1 : value]);
    }
  });
});

describe("reductions of bool as WGSL", () => {
  it.each<[string, Partial<Target>, number]>([
    ["an invocation a row", { software: true }, 20],
    ["lanes that share a row", {}, 300],
    ["chunks of rows", {}, 60_000],
  ])("tell all, any, none by %s", async (_, changes, length) => {
    const rows = 5;
    const source: Access = { ...at(0, [length, 1]), dtype: "bool" };
    const value = expr("load", "bool", [], 0);
    const ops = ["sum", "prod", "max", "min"] as const;
    const kernel: LoopKernel = {
      kind: "loop",
      name: "truths",
      rows: [rows],
      inner: [length],
      sources: [source],
      stages: [
        ...ops.map((op): Stage => ({ kind: "reduce", op, type: "bool", value })),
        ...ops.map((_, i) => store("row", { ...at(i + 1, [1, 0]), dtype: "bool" }, expr("acc", "bool", [], i))),
      ],
    };
    // Rows of zeros, of one 1, of ones, of one 0, and of both.
    const x = Uint8Array.from({ length: rows * length }, (_, i) => {
      const [row, k] = [Math.floor(i / length), i % length];
      return [0, Number(k === 7), 1, Number(k !== 11), k & 1][row];
    });
    const buffers = [x, ...ops.map(() => new Uint8Array(rows))];
    const got = await runner.run(printLoop, kernel, buffers, undefined, runner.target(changes));
    const [any, all] = [
      [0, 1, 1, 1, 1],
      [0, 0, 1, 0, 0],
    ];
    expect(got.slice(1).map((b) => Array.from(b as Uint8Array))).toEqual([any, all, any, all]);
  });
});

describe("launches of loop kernels", () => {
  it("are of more workgroups than one dimension takes", async () => {
    const [rows, inner] = [3, 100_003];
    const map: LoopKernel = {
      kind: "loop",
      name: "map",
      rows: [rows * inner],
      inner: [],
      sources: [at(0, [1])],
      stages: [store("row", at(1, [1]), of("mul", load(0), constant(2)))],
    };
    const x = noise(rows * inner);
    const target = runner.target({ workgroups: 100 });
    expect(printLoop(map, [x.length, x.length], target).passes[0].workgroups[1]).toBeGreaterThan(1);
    expect(await relativeError(map, [x, new Float32Array(x.length)], target)).toBe(0);
    const short = { ...columns(9, 33_333), name: "short columns" };
    expect(await relativeError(short, [x, new Float32Array(33_333)], target)).toBeLessThan(2e-7);
    const long = columns(1000, 300);
    expect(await relativeError(long, [x, new Float32Array(300)], runner.target({ workgroups: 16 }))).toBeLessThan(2e-7);
  });

  it("bind no scratch that leaves too few bindings for the kernel's own buffers", async () => {
    const n = 20_000;
    const sources = Array.from({ length: 7 }, (_, i) => at(i, [1]));
    const [first, ...others] = sources.map((_, i) => load(i));
    const kernel: LoopKernel = {
      kind: "loop",
      name: "seven",
      rows: [],
      inner: [n],
      sources,
      stages: [
        sum(first),
        sum(
          of(
            "mul",
            others.reduce((x, y) => of("add", x, y)),
            acc(0),
          ),
        ),
        store("row", at(7, [0]), acc(1)),
      ],
    };
    const buffers = [...sources.map((_, i) => noise(n + i, 0, 1)), new Float32Array(1)];
    const target = runner.target();
    const { passes } = printLoop(
      kernel,
      buffers.map((b) => b.length),
      target,
    );
    expect(Math.max(...passes.map(({ bindings }) => bindings.length))).toBeLessThanOrEqual(target.storageBuffers);
    expect(await relativeError(kernel, buffers, target)).toBeLessThan(4e-7);
  });

  it("are none where there is nothing to do", () => {
    expect(printLoop(softmax(0, 10, [10, 1]), [0, 0], runner.target()).passes).toEqual([]);
  });
});

describe("constants in WGSL", () => {
  const zero = constant(0);
  /** A source of which every load is out of bounds. */
  const outside = (buffer: number): Access => ({
    ...at(buffer, [1]),
    bounds: [{ offset: -1, strides: [0], size: 4 }],
  });

  it("leave products with infinities and NaN what they are", async () => {
    const x = Float32Array.of(3, -2, Infinity, -Infinity, Number.NaN);
    const nothing = expr("and", "i32", [expr("cast", "i32", [load(0)]), expr("const", "i32", [], 0)]);
    const zeros = [zero, load(1), expr("cast", "f32", [nothing])];
    const kernel: LoopKernel = {
      kind: "loop",
      name: "zero times",
      rows: [x.length],
      inner: [],
      sources: [at(0, [1]), outside(1)],
      stages: [
        ...zeros.map((z, i) => store("row", at(2 + i, [1]), of("mul", z, load(0)))),
        store("row", at(5, [1]), of("div", zero, of("mul", load(0), zero))),
      ],
    };
    const got = await runner.run(printLoop, kernel, [x, x, x, x, x, x]);
    const products = [0, 0, Number.NaN, Number.NaN, Number.NaN];
    const numbers = got.slice(2).map((b) => Array.from(b as Float32Array, (y) => y + 0));
    expect(numbers).toEqual([products, products, products, products.map(() => Number.NaN)]);
  });

  it("may be divisors, though they are 0", async () => {
    const source: Access = { ...outside(1), dtype: "int32" };
    const dividend = expr("load", "i32", [], 0);
    const kernel: LoopKernel = {
      kind: "loop",
      name: "by zero",
      rows: [3],
      inner: [],
      sources: [{ ...at(0, [1]), dtype: "int32" }, source],
      stages: [
        store("row", { ...at(2, [1]), dtype: "int32" }, expr("div", "i32", [dividend, expr("load", "i32", [], 1)])),
        store("row", { ...at(3, [1]), dtype: "int32" }, expr("div", "i32", [dividend, expr("const", "i32", [], 0)])),
      ],
    };
    const x = Int32Array.of(7, -8, 0);
    const [, , first, second] = await runner.run(printLoop, kernel, [x, x, x.slice().fill(1), x.slice().fill(1)]);
    expect([first, second]).toEqual([x, x]);
  });

  it("may be all that reductions without inner positions are made of", async () => {
    const kernel: LoopKernel = {
      kind: "loop",
      name: "scalars",
      rows: [],
      inner: [1],
      sources: [],
      stages: [
        sum(of("neg", constant(2))),
        max(of("floor", constant(2.5))),
        store("row", at(0, [0]), acc(0)),
        sum(of("neg", acc(1))),
        store("row", at(1, [0]), acc(3)),
      ],
    };
    const [first, second] = await runner.run(printLoop, kernel, [new Float32Array(1), new Float32Array(1)]);
    expect([first[0], second[0]]).toEqual([-2, -2]);
  });
});

describe("stores in place", () => {
  it.each<[string, Partial<Target>]>([
    ["a graphics card", {}],
    ["processor cores", { software: true }],
  ])("happen once a row, whatever its chunks, on %s", async (_, changes) => {
    const [rows, inner] = [2, 60_000];
    const mean = of("mul", acc(0), constant(1 / inner));
    const kernel: LoopKernel = {
      kind: "loop",
      name: "centre",
      rows: [rows],
      inner: [inner],
      sources: [at(0, [inner, 1]), at(1, [1, 0])],
      stages: [
        sum(load(0)),
        store("row", at(1, [1, 0]), of("add", load(1), mean)),
        store("point", at(2, [inner, 1]), of("sub", load(0), mean)),
      ],
    };
    const target = runner.target(changes);
    const buffers = [noise(rows * inner, 0, 1), Float32Array.of(5, 7), new Float32Array(rows * inner)];
    expect(
      printLoop(
        kernel,
        buffers.map((b) => b.length),
        target,
      ).passes,
    ).toHaveLength(2);
    expect(await relativeError(kernel, buffers, target)).toBeLessThan(2e-7);
  });

  it("compute all values of a point before the first is written", async () => {
    const n = 1003;
    const kernel = momentum(n);
    const buffers = [noise(n), noise(n, 0, 1), noise(n, 2, 3)];
    const uniforms = new Uint32Array(Float32Array.of(0.1).buffer);
    const expected = buffers.map((b) => b.slice());
    interpretKernel(kernel, expected, uniforms);
    const got = await runner.run(printLoop, kernel, buffers, uniforms);
    for (let i = 0; i < n; i++) {
      expect(got[0][i]).toBeCloseTo(expected[0][i], 6);
      expect(got[2][i]).toBeCloseTo(expected[2][i], 6);
    }
  });
});
