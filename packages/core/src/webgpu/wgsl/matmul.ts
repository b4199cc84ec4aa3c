/** Matrix products as contractions. */

import type { Access, MatmulKernel } from "../../kernel.js";
import type { KernelProgram, Target } from "../program.js";
import { type AxisName, contract, formsOver } from "./contraction.js";
import { printContractions } from "./gemm.js";

/**
 * A batch dimension over which one operand is broadcast is no batch at all but a digit of the other operand's rows or
 * columns: `linear([b, t, c])` is one tall product, not b small ones.
 */
export function printMatmul(kernel: MatmulKernel, elements: readonly number[], target: Target): KernelProgram {
  const { name, batch, m, n, k, a, b, epilogue } = kernel;
  const rank = batch.length;
  const fixed = ({ strides, bounds }: Access, d: number): boolean =>
    strides[d] === 0 && bounds.every((bound) => bound.strides[d] === 0);
  const axisOf = (d: number): AxisName => (fixed(b, d) ? "m" : fixed(a, d) ? "n" : "batch");
  const all = [
    ...batch.map((size, d) => ({ dimension: d, size, axis: axisOf(d) })),
    { dimension: rank, size: m, axis: "m" as const },
    { dimension: rank + 1, size: n, axis: "n" as const },
    { dimension: rank + 2, size: k, axis: "k" as const },
  ];
  const digits = (["batch", "m", "n", "k"] as const).flatMap((axis) => all.filter((digit) => digit.axis === axis));
  const form = formsOver(digits.length);
  /** The position along a dimension: of the batch, or m, n and k, which follow. */
  const along = (dimension: number) => form(0, [digits.findIndex((digit) => digit.dimension === dimension), 1]);
  const outer = batch.map((_, d) => along(d));
  const [row, column, depth] = [along(rank), along(rank + 1), along(rank + 2)];
  const contraction = contract({
    name,
    digits,
    a,
    b,
    epilogue,
    aAt: [...outer, row, depth],
    bAt: [...outer, depth, column],
    outputAt: [...outer, row, column],
  });
  return printContractions([contraction], elements, target, true);
}
