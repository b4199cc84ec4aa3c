import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ComputeDType, TypedArray } from "../dist/dtype.js";
import type { ScanKernel, SortKernel } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import type { Target } from "../dist/webgpu/program.js";
import { printScan } from "../dist/webgpu/wgsl/scan.js";
import { printSort } from "../dist/webgpu/wgsl/sort.js";
import { arrayOf } from "./random-loops.js";
import { access, data, numbersOf, rowCases } from "./row-cases.js";
import { KernelRunner } from "./webgpu-kernels.js";

let runner: KernelRunner;
beforeAll(async () => {
  runner = await KernelRunner.open();
});
afterAll(() => runner.close());

const cases = rowCases(fc.oneof(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 300 })));
/** Kernels of a run, whose shaders compile side by side. */
const batches = fc.array(cases, { minLength: 10, maxLength: 10 });

async function check(kernel: ScanKernel | SortKernel, buffers: readonly TypedArray[], target: Target): Promise<void> {
  const expected = buffers.map((b) => b.slice() as TypedArray);
  interpretKernel(kernel, expected);
  const got =
    kernel.kind === "scan"
      ? await runner.run(printScan, kernel, buffers, undefined, target)
      : await runner.run(printSort, kernel, buffers, undefined, target);
  const numbers = (b: TypedArray): number[] => numbersOf(kernel.target.dtype, b);
  expect(numbers(got[1]), JSON.stringify(kernel)).toEqual(numbers(expected[1]));
}

/** Kernels of [rows, length]. */
const sortOf = (rows: number, length: number, take: number, descending = false): SortKernel => ({
  kind: "sort",
  name: "sort",
  rows: [rows],
  length,
  take,
  descending,
  source: access(0, "float32", [rows, length]),
  target: access(1, "int32", [rows, take]),
});
const scanOf = (rows: number, length: number, dtype: ComputeDType): ScanKernel => ({
  kind: "scan",
  name: "scan",
  rows: [rows],
  length,
  source: access(0, dtype, [rows, length]),
  target: access(1, dtype, [rows, length]),
});

describe.each<[string, Partial<Target>]>([
  ["a graphics card", {}],
  ["processor cores", { software: true }],
  ["the smallest adapter, in pieces", { invocations: 128, workgroups: 60, pieceElements: 4096, workgroupBytes: 1024 }],
])("sorting as WGSL, on %s", (_, changes) => {
  it("gives the order of a stable sort in which NaN is the largest", async () => {
    const target = runner.target(changes);
    await fc.assert(
      fc.asyncProperty(batches, async (batch) => {
        const checks = batch.map(({ dtype, rows, length, gap, reverse, descending, part, seed }) => {
          const take = Math.round(length * part);
          const count = rows.reduce((a, b) => a * b, 1);
          const source = access(0, dtype, [...rows, length], gap, reverse);
          const to = access(1, "int32", [...rows, take]);
          const kernel: SortKernel = { kind: "sort", name: "sort", rows, length, take, descending, source, target: to };
          return check(kernel, [data(dtype, count * length * gap + 1, seed), new Int32Array(count * take + 1)], target);
        });
        await Promise.all(checks);
      }),
      { numRuns: 4, endOnFailure: true },
    );
  });

  it.each([
    [1, 3000, 3000],
    [1, 100_003, 100_003],
    [3, 60_001, 5],
    [3000, 7, 7],
  ])("sorts %i rows of %i and takes %i", async (rows, length, take) => {
    const buffers = [data("float32", rows * length, 5), new Int32Array(rows * take)];
    const whole = runner.target({ ...changes, pieceElements: 2 ** 25, workgroups: 65535 });
    // Barriers take long in software: here the longest rows begin with short runs.
    const workgroupBytes = Math.min(whole.workgroupBytes, length > 10_000 ? 2048 : Infinity);
    await check(sortOf(rows, length, take, take < length), buffers, { ...whole, workgroupBytes });
  });
});

describe.each<[string, Partial<Target>]>([
  ["a graphics card", {}],
  ["processor cores", { software: true }],
  ["the smallest adapter, in pieces", { invocations: 128, workgroups: 30, pieceElements: 4096 }],
  ["lanes so few that rows are cut into chunks", { invocations: 4 }],
])("running sums as WGSL, on %s", (_, changes) => {
  it("add along the row, and take 0 where the source is out of bounds", async () => {
    const target = runner.target(changes);
    await fc.assert(
      fc.asyncProperty(batches, async (batch) => {
        const checks = batch.map(({ dtype, rows, length, gap, reverse, padding, seed }) => {
          const count = rows.reduce((a, b) => a * b, 1);
          const to: ComputeDType = dtype === "float32" || dtype === "float16" ? dtype : "int32";
          const source = access(0, dtype, [...rows, length], gap, reverse);
          const bounds = [{ offset: -padding, strides: [...rows.map(() => 0), 1], size: Math.max(1, length - 5) }];
          const kernel: ScanKernel = {
            kind: "scan",
            name: "scan",
            rows,
            length,
            source: { ...source, bounds },
            target: access(1, to, [...rows, length]),
          };
          const written = arrayOf(to, count * length + 1, () => 0);
          return check(kernel, [data(dtype, count * length * gap + 1, seed), written], target);
        });
        await Promise.all(checks);
      }),
      { numRuns: 4, endOnFailure: true },
    );
  });

  it.each([
    [1, 300_007],
    [40, 3000],
    [5000, 20],
  ])("add integers over %i rows of %i", async (rows, length) => {
    const buffers = [data("int32", rows * length, 3), new Int32Array(rows * length)];
    const target = runner.target({ ...changes, pieceElements: 2 ** 25 });
    await check(scanOf(rows, length, "int32"), buffers, { ...target, workgroups: 65535 });
  });

  it("keep f32's precision over long rows", async () => {
    const length = 300_007;
    const x = new Float32Array(length).map((_, i) => ((Math.imul(i, 0x9e3779b1) >>> 8) + 1) / 2 ** 24);
    const kernel = scanOf(1, length, "float32");
    const print = (): ReturnType<typeof printScan> => printScan(kernel, [length, length], target);
    const target = runner.target({ ...changes, pieceElements: 2 ** 25, workgroups: 65535 });
    const [, sums] = await runner.run(print, kernel, [x, new Float32Array(length)], undefined, target);
    let [exact, error] = [0, 0];
    for (let i = 0; i < length; i++) error = Math.max(error, Math.abs(Number(sums[i]) / (exact += x[i]) - 1));
    expect(error).toBeLessThan(5e-7);
  });
});
