import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printScan } from "../dist/cpu/scan.js";
import { printSort } from "../dist/cpu/sort.js";
import type { ComputeDType, TypedArray } from "../dist/dtype.js";
import type { ScanKernel, SortKernel } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import { runCpuKernel } from "./cpu-kernels.js";
import { arrayOf } from "./random-loops.js";
import { access, data, numbersOf, rowCases } from "./row-cases.js";

const cases = rowCases(fc.integer({ min: 0, max: 70 }));

function check(kernel: ScanKernel | SortKernel, buffers: readonly TypedArray[], pieces?: number): void {
  const [got, expected] = [buffers.map((b) => b.slice() as TypedArray), buffers.map((b) => b.slice() as TypedArray)];
  interpretKernel(kernel, expected);
  const printed = kernel.kind === "scan" ? printScan(kernel) : printSort(kernel);
  runCpuKernel(printed, got, [], (tasks) => {
    const cut = Math.min(pieces ?? 0, tasks);
    return [
      [cut, tasks],
      [0, cut],
    ];
  });
  const numbers = (b: TypedArray): number[] => numbersOf(kernel.target.dtype, b);
  expect(numbers(got[1])).toEqual(numbers(expected[1]));
}

describe("sorting on the cpu device", () => {
  it("gives the order of a stable sort in which NaN is the largest", () => {
    fc.assert(
      fc.property(cases, ({ dtype, rows, length, gap, reverse, descending, part, seed }) => {
        const take = Math.round(length * part);
        const count = rows.reduce((a, b) => a * b, 1);
        const kernel: SortKernel = {
          kind: "sort",
          name: "sort",
          rows,
          length,
          take,
          descending,
          source: access(0, dtype, [...rows, length], gap, reverse),
          target: access(1, "int32", [...rows, take], 1, false),
        };
        check(kernel, [data(dtype, count * length * gap + 1, seed), new Int32Array(count * take + 1)]);
      }),
    );
  });

  it("sorts long rows in tasks of their own", () => {
    const [rows, length] = [7, 5000];
    const kernel: SortKernel = {
      kind: "sort",
      name: "sort",
      rows: [rows],
      length,
      take: length,
      descending: false,
      source: access(0, "float32", [rows, length], 1, false),
      target: access(1, "int32", [rows, length], 1, false),
    };
    expect(printSort(kernel).stages[0].tasks).toBeGreaterThan(1);
    check(kernel, [data("float32", rows * length, 5), new Int32Array(rows * length)], 2);
  });
});

describe("running sums on the cpu device", () => {
  it("add along the row, and take 0 where the source is out of bounds", () => {
    fc.assert(
      fc.property(cases, ({ dtype, rows, length, gap, reverse, padding, seed }) => {
        const count = rows.reduce((a, b) => a * b, 1);
        const to: ComputeDType = dtype === "float32" || dtype === "float16" ? dtype : "int32";
        const source = access(0, dtype, [...rows, length], gap, reverse);
        const along = rows.map(() => 0);
        const kernel: ScanKernel = {
          kind: "scan",
          name: "scan",
          rows,
          length,
          source: { ...source, bounds: [{ offset: -padding, strides: [...along, 1], size: Math.max(1, length - 5) }] },
          target: access(1, to, [...rows, length], 1, false),
        };
        const target = arrayOf(to, count * length + 1, () => 0);
        check(kernel, [data(dtype, count * length * gap + 1, seed), target]);
      }),
    );
  });
});
