/** Rows that are sorted or added up, for the tests of every device. */

import fc from "fast-check";
import type { ComputeDType, TypedArray } from "../dist/dtype.js";
import { float16ToNumber } from "../dist/float16.js";
import type { Access } from "../dist/kernel.js";
import { arrayOf } from "./random-loops.js";

/** An access to […rows, length] whose elements along the row are `gap` apart, forwards or backwards. */
export function access(
  buffer: number,
  dtype: ComputeDType,
  shape: readonly number[],
  gap = 1,
  reverse = false,
): Access {
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1) * gap);
  const last = shape.length - 1;
  const offset = reverse ? strides[last] * Math.max(shape[last] - 1, 0) : 0;
  if (reverse) strides[last] *= -1;
  return { buffer, dtype, offset, strides, bounds: [], indirect: [] };
}

/** What a sort or a running sum may be given; rows are as long as `length` says. */
export const rowCases = (lengths: fc.Arbitrary<number>) =>
  fc.record({
    dtype: fc.constantFrom<ComputeDType>("float32", "float16", "int32", "uint8", "bool"),
    rows: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 2 }),
    length: lengths,
    gap: fc.integer({ min: 1, max: 3 }),
    reverse: fc.boolean(),
    padding: fc.integer({ min: 0, max: 3 }),
    descending: fc.boolean(),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.nat(1000),
  });
/** Few different numbers, so that equal ones meet; and infinities, NaN and both zeros. */
export const data = (dtype: ComputeDType, n: number, seed: number): TypedArray =>
  arrayOf(dtype, n, (i) => {
    const k = (Math.imul(i + seed, 0x9e3779b1) >>> 20) % 23;
    return dtype === "int32" || k < 19
      ? (k - 9) / (dtype === "int32" ? 1 : 2)
      : [Infinity, -Infinity, Number.NaN, -0][k - 19];
  });

/** The elements of an array of a dtype. */
export function numbersOf(dtype: ComputeDType, array: TypedArray): number[] {
  const decode = dtype === "float16" ? float16ToNumber : Number;
  return Array.from({ length: array.length }, (_, i) => decode(Number(array[i])));
}
