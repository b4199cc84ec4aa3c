/** Matrix products on the cpu device. */

import type { MatmulKernel } from "../kernel.js";
import { epiloguePrinter } from "./gemm-epilogue.js";
import { checkOperand, contractionKernel } from "./gemm-kernel.js";
import { type Digit, mergeWalks, type Walk } from "./gemm-spec.js";
import type { CpuKernel } from "./kernel.js";

/**
 * A batch dimension over which one operand is broadcast is no batch at all but a digit of the other operand's rows or
 * columns: `linear([b, t, c])` is one tall product, not b small ones.
 */
export function printMatmul(kernel: MatmulKernel): CpuKernel {
  const { batch, m, n, k, a, b, name } = kernel;
  checkOperand(name, "the left operand", a);
  checkOperand(name, "the right operand", b);
  const epilogue = epiloguePrinter(kernel.epilogue);
  const dims = batch.length;
  const all = batch.map((_, d) => d);
  const asRows = all.filter((d) => b.strides[d] === 0);
  const asColumns = all.filter((d) => a.strides[d] === 0 && b.strides[d] !== 0);
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
  // Operand A has no stride of its own for n, nor B for m: their strides are over […batch, m, k] and […batch, k, n].
  const contraction = {
    batch: product(asBatch),
    m: product(rows),
    n: product(columns),
    k,
    a: {
      access: a,
      offset: 0,
      batch: walk(a.strides, asBatch),
      lane: walk(a.strides, rows),
      k: [{ size: k, stride: a.strides[dims + 1] }],
    },
    b: {
      access: b,
      offset: 0,
      batch: walk(b.strides, asBatch),
      lane: walk(b.strides, columns),
      k: [{ size: k, stride: b.strides[dims] }],
    },
    affine: affine.map(({ offset }, i) => ({ offset, batch: batches[i], m: ms[i], n: ns[i] })),
  };
  return contractionKernel([contraction], epilogue);
}
