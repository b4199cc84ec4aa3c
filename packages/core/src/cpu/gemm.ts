/** Matrix products on the cpu device. */

import type { Access, MatmulKernel } from "../kernel.js";
import { takeApart } from "./gemm-epilogue.js";
import { checkOperand, contractionKernel } from "./gemm-kernel.js";
import { type Digit, mergeWalks, type Operand, operandOf, type Walk } from "./gemm-spec.js";
import { type TileShape, tileShapes } from "./gemm-tile.js";
import type { CpuKernel } from "./kernel.js";

/**
 * A batch dimension over which one operand is broadcast is no batch at all but a digit of the other operand's rows or
 * columns: `linear([b, t, c])` is one tall product, not b small ones.
 */
export function printMatmul(kernel: MatmulKernel, tiles: readonly TileShape[] = tileShapes()): CpuKernel {
  const { batch, m, n, k, a, b, name } = kernel;
  checkOperand(name, "the left operand", a);
  checkOperand(name, "the right operand", b);
  const epilogue = takeApart(kernel.epilogue, batch.length + 2);
  const dims = batch.length;
  const all = batch.map((_, d) => d);
  const fixed = ({ strides, bounds }: Access, d: number): boolean =>
    strides[d] === 0 && bounds.every((bound) => bound.strides[d] === 0);
  const asRows = all.filter((d) => fixed(b, d));
  const asColumns = all.filter((d) => fixed(a, d) && !fixed(b, d));
  const asBatch = all.filter((d) => !asRows.includes(d) && !asColumns.includes(d));
  const sizes = [...batch, m, n];
  const walk = (strides: readonly number[], along: readonly number[]): Digit[] =>
    along.map((d) => ({ size: sizes[d], stride: strides[d] }));
  const product = (along: readonly number[]): number => along.reduce((p, d) => p * sizes[d], 1);
  const rows = [...asRows, dims];
  const columns = [...asColumns, dims + 1];

  const { affine } = epilogue;
  const along = (axis: readonly number[]): Walk[] => mergeWalks(affine.map(({ strides }) => walk(strides, axis)));
  const [batches, ms, ns] = [along(asBatch), along(rows), along(columns)];
  /** An operand whose own dimensions are […batch, lane, k]: positions of the last two among the strides. */
  const operand = (access: Access, lanes: readonly number[], laneAt: number, kAt: number): Operand =>
    operandOf(access, (strides, offset) => ({
      offset,
      batch: walk(strides, asBatch),
      lane: lanes.map((d) => ({ size: sizes[d], stride: strides[d < dims ? d : laneAt] })),
      k: [{ size: k, stride: strides[kAt] }],
    }));
  const contraction = {
    batch: product(asBatch),
    m: product(rows),
    n: product(columns),
    k,
    a: operand(a, rows, dims, dims + 1),
    b: operand(b, columns, dims + 1, dims),
    affine: affine.map(({ offset }, i) => ({ offset, batch: batches[i], m: ms[i], n: ns[i] })),
  };
  return contractionKernel([contraction], epilogue, tiles);
}
