import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printLoop } from "../dist/cpu/loop.js";
import { expr } from "../dist/expr.js";
import type { LoopKernel, Stage } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import { runCpuKernel } from "./cpu-kernels.js";
import {
  acc,
  at,
  columns,
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

const total = (n: number): LoopKernel => ({
  kind: "loop",
  name: "total",
  rows: [],
  inner: [n],
  sources: [at(0, [1])],
  stages: [sum(load(0)), store("row", at(1, [0]), acc(0))],
});

/** Runs the kernel and the interpreter; the largest difference relative to the largest number. */
function relativeError(kernel: LoopKernel, buffers: readonly Float32Array[]): number {
  const [got, expected] = [buffers.map((b) => b.slice()), buffers.map((b) => b.slice())];
  runCpuKernel(printLoop(kernel), got);
  interpretKernel(kernel, expected);
  return largestError(got, expected);
}

describe("rows of reductions on the cpu device", () => {
  it.each([
    [3, 1000, [1000, 1]],
    [7, 10, [10, 1]],
    [1000, 5, [1, 1000]],
    [5, 3, [3, 1]],
  ])("computes softmax of %i rows of %i", (rows, inner, strides) => {
    const x = noise(rows * inner, -5, 5);
    expect(relativeError(softmax(rows, inner, strides), [x, new Float32Array(x.length)])).toBeLessThan(3e-7);
  });

  it("computes softmax in place", () => {
    const kernel = softmax(5, 300, [300, 1]);
    const inPlace = kernel.stages.map((s): Stage => (s.kind === "store" ? { ...s, target: at(0, [300, 1]) } : s));
    expect(relativeError({ ...kernel, stages: inPlace }, [noise(1500, -5, 5)])).toBeLessThan(3e-7);
  });

  it("keeps no value where its place is still read", () => {
    const { stages, ...kernel } = softmax(5, 300, [300, 1]);
    const inPlace = stages.map(
      (s): Stage => (s.kind === "store" ? { ...s, target: at(0, [300, 1]), value: of("add", s.value, load(0)) } : s),
    );
    expect(relativeError({ ...kernel, stages: inPlace }, [noise(1500, -5, 5)])).toBeLessThan(3e-7);
  });

  it.each([
    [4, 6, 49],
    [2, 3, 3000],
    [300, 5, 1],
  ])("computes the statistics of [%i, %i, %i]", (n, c, hw) => {
    const x = noise(n * c * hw, 2, 3);
    const buffers = [x, new Float32Array(c), new Float32Array(c)];
    expect(relativeError(statistics(n, c, hw), buffers)).toBeLessThan(2e-7);
  });

  it("sums ten million numbers to f32's precision", () => {
    const x = noise(10_000_000, 0, 1);
    const exact = x.reduce((s, v) => s + v, 0);
    const out = new Float32Array(1);
    runCpuKernel(printLoop(total(x.length)), [x, out]);
    expect(Math.abs(out[0] - exact) / exact).toBeLessThan(2e-7);
  });

  it("cuts long rows into pieces that threads can share, with what is stored of them", () => {
    const [rows, n] = [3, 2 * 40_003];
    const kernel: LoopKernel = {
      ...total(n),
      rows: [rows],
      inner: [40_003, 2],
      sources: [at(0, [n, 2, 1]), at(1, [1, 0, 0])],
      stages: [
        sum(of("mul", load(0), expr("cast", "f32", [expr("index", "i32", [], 1)]))),
        max(load(0)),
        store("row", at(2, [2, 0, 0]), of("add", acc(0), load(1))),
        store("row", { ...at(2, [2, 0, 0]), offset: 1 }, acc(1)),
      ],
    };
    const { stages } = printLoop(kernel);
    expect(stages).toHaveLength(3);
    expect(stages[0].tasks).toBeGreaterThanOrEqual(8);
    expect(relativeError(kernel, [noise(rows * n, 0, 1), noise(rows), new Float32Array(2 * rows)])).toBeLessThan(2e-7);
  });

  it("sums long columns to f32's precision", () => {
    const x = noise(100_000 * 5, 0, 1);
    expect(relativeError(columns(100_000, 5), [x, new Float32Array(5)])).toBeLessThan(2e-7);
  });

  it("keeps infinities and NaN in sums", () => {
    for (const [value, expected] of [
      [Infinity, Infinity],
      [-Infinity, -Infinity],
      [Number.NaN, Number.NaN],
    ]) {
      const x = new Float32Array(5000).fill(1);
      x[17] = value;
      const out = new Float32Array(1);
      runCpuKernel(printLoop(total(x.length)), [x, out]);
      expect(out[0]).toBe(expected);
    }
  });
});

describe("bounds on the cpu device", () => {
  it.each([1, -1])("has no interior where a window is longer than its bound, stride %i", (step) => {
    const [rows, taps, size] = [40, 30, 3];
    const window = { offset: step > 0 ? -20 : 10, strides: [step, 1], size };
    const kernel: LoopKernel = {
      kind: "loop",
      name: "window",
      rows: [rows],
      inner: [taps],
      sources: [{ ...at(0, [0, 1]), bounds: [window] }],
      stages: [sum(load(0)), store("row", at(1, [1, 0]), acc(0))],
    };
    expect(relativeError(kernel, [noise(taps, 1, 2), new Float32Array(rows)])).toBeLessThan(2e-7);
  });
});

describe("tasks of the cpu device", () => {
  const rowMajor: LoopKernel = {
    kind: "loop",
    name: "map",
    rows: [70, 33, 130],
    inner: [],
    sources: [at(0, [33 * 130, 130, 1]), at(1, [0, 1, 0])],
    stages: [store("row", at(2, [33 * 130, 130, 1]), of("exp", of("mul", load(0), load(1))))],
  };
  const flat: LoopKernel = {
    kind: "loop",
    name: "flat",
    rows: [300_007],
    inner: [],
    sources: [at(0, [1])],
    stages: [store("row", at(1, [1]), of("tanh", load(0)))],
  };
  const kernels: [LoopKernel, number[]][] = [
    [rowMajor, [300_300, 33, 300_300]],
    [flat, [300_007, 300_007]],
    [softmax(3000, 70, [70, 1]), [210_000, 210_000]],
    [statistics(40, 64, 200), [512_000, 64, 64]],
    [columns(1000, 500), [500_000, 500]],
  ];

  it("are many enough for large kernels, and one for small ones", () => {
    for (const [kernel] of kernels) expect(printLoop(kernel).stages[0].tasks, kernel.name).toBeGreaterThanOrEqual(8);
    expect(printLoop(softmax(4, 10, [10, 1])).stages[0].tasks).toBe(1);
    expect(printLoop(softmax(0, 10, [10, 1])).stages[0].tasks).toBe(0);
  });

  it("give the same bits however they are divided", () => {
    for (const [kernel, sizes] of kernels) {
      const printed = printLoop(kernel);
      const buffers = sizes.map((n, i) =>
        i === 0 || (kernel === rowMajor && i === 1) ? noise(n) : new Float32Array(n),
      );
      const whole = buffers.map((b) => b.slice());
      runCpuKernel(printed, whole);
      const [{ tasks }] = printed.stages;
      const cuts = fc.uniqueArray(fc.integer({ min: 1, max: tasks - 1 }), { maxLength: 6 });
      fc.assert(
        fc.property(cuts, fc.boolean(), (points, reverse) => {
          const ends = [0, ...points.sort((a, b) => a - b), tasks];
          const pieces = ends.slice(1).map((end, i) => [ends[i], end] as const);
          const got = buffers.map((b) => b.slice());
          runCpuKernel(printed, got, [], () => (reverse ? pieces.reverse() : pieces));
          got.forEach((b, i) => {
            expect(Buffer.compare(Buffer.from(b.buffer), Buffer.from(whole[i].buffer)), kernel.name).toBe(0);
          });
        }),
        { numRuns: 5 },
      );
    }
  });

  it("share code between kernels that differ in numbers only", () => {
    const key = (kernel: LoopKernel): string => printLoop(kernel).stages[0].code.key;
    expect(key(softmax(30, 1000, [1000, 1]))).toBe(key(softmax(7, 200, [333, 1])));
    expect(key(statistics(4, 6, 49))).toBe(key(statistics(8, 12, 100)));
    expect(key(softmax(30, 100, [1, 30]))).not.toBe(key(softmax(30, 100, [100, 1])));
    expect(key(flat)).not.toBe(key({ ...flat, stages: [store("row", at(1, [1]), of("exp", load(0)))] }));
  });
});

describe("stores in place", () => {
  it("compute all values of a point before the first is written", () => {
    const n = 1003;
    const kernel = momentum(n);
    const buffers = [noise(n), noise(n, 0, 1), noise(n, 2, 3)];
    const uniforms = new Uint32Array(Float32Array.of(0.1).buffer);
    const [got, expected] = [buffers.map((b) => b.slice()), buffers.map((b) => b.slice())];
    runCpuKernel(printLoop(kernel), got, uniforms);
    interpretKernel(kernel, expected, uniforms);
    for (let i = 0; i < n; i++) {
      expect(got[0][i]).toBeCloseTo(expected[0][i], 6);
      expect(got[2][i]).toBeCloseTo(expected[2][i], 6);
    }
  });
});
