import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printMatmul } from "../dist/cpu/gemm.js";
import { DTypeError } from "../dist/errors.js";
import { expr } from "../dist/expr.js";
import type { Access, MatmulKernel } from "../dist/kernel.js";
import { anyEpilogue, anyView, expectSame, randomSplit, runKernel } from "./cpu-templates.js";

const sizes = fc.oneof(fc.constantFrom(1, 1, 0, 2, 3), fc.integer({ min: 1, max: 40 }));

const shapes = fc.record({
  batch: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 2 }),
  m: sizes,
  n: sizes,
  k: sizes,
});

const cases = shapes.chain(({ batch, m, n, k }) =>
  fc
    .record({
      a: anyView([...batch, m, k], 0, {
        dtypes: ["float32", "float32", "float32", "float16"],
        broadcast: true,
        bounds: true,
      }),
      b: anyView([...batch, k, n], 1, {
        dtypes: ["float32", "float32", "float32", "float16"],
        broadcast: true,
        bounds: true,
      }),
      end: anyEpilogue([...batch, m, n]),
      seed: fc.nat(1e6),
    })
    .map(({ a, b, end, seed }) => ({
      kernel: {
        kind: "matmul",
        name: "test",
        batch,
        m,
        n,
        k,
        a: a.access,
        b: b.access,
        epilogue: end.epilogue,
      } as const,
      elements: [a.elements, b.elements, ...end.elements],
      seed,
    })),
);

const rowMajor = (buffer: number, rows: number, columns: number, transposed = false): Access => ({
  buffer,
  dtype: "float32",
  offset: 0,
  strides: transposed ? [1, rows] : [columns, 1],
  bounds: [],
  indirect: [],
});

const product = (m: number, n: number, k: number, transposeA = false, transposeB = false): MatmulKernel => ({
  kind: "matmul",
  name: "test",
  batch: [],
  m,
  n,
  k,
  a: rowMajor(0, m, k, transposeA),
  b: rowMajor(1, k, n, transposeB),
  epilogue: { sources: [], value: expr("acc", "f32"), target: rowMajor(2, m, n) },
});

/** Numbers in (−1, 1) whose sums do round. */
const noise = (n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) | 0) / 2 ** 31);

/** The product in f64; small enough loops for matrices that the interpreter is too slow for. */
function multiply({ m, n, k, a, b }: MatmulKernel, x: Float32Array, y: Float32Array): Float64Array {
  const result = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let l = 0; l < k; l++) {
      const left = x[i * a.strides[0] + l * a.strides[1]];
      for (let j = 0; j < n; j++) result[i * n + j] += left * y[l * b.strides[0] + j * b.strides[1]];
    }
  return result;
}

describe("matmul on the cpu device", () => {
  it("writes what the interpreter writes, for any shape, view, dtype and epilogue", () => {
    fc.assert(
      fc.property(cases, ({ kernel, elements, seed }) => {
        const { sources, target } = kernel.epilogue;
        const dtypes = [kernel.a, kernel.b, target, ...sources].map(({ dtype }) => dtype);
        expectSame(kernel, printMatmul(kernel), dtypes, elements, seed);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    [130, 70, 600, false, false],
    [61, 300, 700, true, true],
    [7, 1030, 513, false, true],
    [300, 3, 1000, true, false],
    [1, 301, 1003, false, true],
    [305, 1, 1001, false, false],
    [1, 1301, 203, false, false],
    [1305, 1, 201, true, false],
  ] as const)("multiplies %i×%i over k = %i in several slices and blocks", (m, n, k, transposeA, transposeB) => {
    const kernel = product(m, n, k, transposeA, transposeB);
    const fresh = () => [noise(m * k), noise(k * n).reverse(), new Float32Array(m * n)];
    const [got, split] = [fresh(), fresh()];
    const exact = multiply(kernel, fresh()[0], fresh()[1]);
    const printed = printMatmul(kernel);
    runKernel(printed, got);
    runKernel(printed, split, [], randomSplit(printed.tasks, m));
    expect(split[2]).toEqual(got[2]);
    // Every product is below 1; rounding errors of k summands grow like √k · 2⁻²⁴ · √k at the very most.
    const worst = got[2].reduce((most, x, i) => Math.max(most, Math.abs(x - exact[i])), 0);
    expect(worst).toBeLessThan(k * 2 ** -24 * Math.sqrt(k / 9));
  });

  it("is cut into tasks for eight threads when it is large, with scratch for each of at most 4 MB", () => {
    for (const [m, n, k] of [
      [512, 512, 512],
      [4096, 64, 64],
      [64, 4096, 512],
      [2048, 2048, 2048],
      [1, 8192, 4096],
    ]) {
      const { tasks, scratch } = printMatmul(product(m, n, k));
      expect(tasks).toBeGreaterThanOrEqual(8);
      expect(scratch).toBeLessThanOrEqual(4 << 20);
    }
  });

  it("shares its code between shapes", () => {
    const keys = [product(3, 5, 7), product(512, 512, 512, true), product(64, 1, 9)].map(
      (k) => printMatmul(k).code.key,
    );
    expect(new Set(keys).size).toBe(1);
  });

  it("refuses integers", () => {
    const kernel = product(2, 2, 2);
    const whole: MatmulKernel = { ...kernel, a: { ...kernel.a, dtype: "int32" } };
    expect(() => printMatmul(whole)).toThrow(DTypeError);
  });
});
