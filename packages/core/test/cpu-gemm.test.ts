import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printMatmul } from "../dist/cpu/gemm.js";
import { DTypeError } from "../dist/errors.js";
import type { MatmulKernel } from "../dist/kernel.js";
import { expectSame, randomSplit, runKernel, TILES } from "./cpu-templates.js";
import { anyMatmul, dtypesOf, multiply, noise, plainMatmul } from "./template-cases.js";

describe("matmul on the cpu device", () => {
  it.each(TILES)(
    "writes what the interpreter writes, for any shape, view, dtype and epilogue, by tiles of $mr×$nr",
    (tile) => {
      fc.assert(
        fc.property(anyMatmul, ({ kernel, elements, seed }) => {
          expectSame(kernel, printMatmul(kernel, [tile]), dtypesOf(kernel), elements, seed);
        }),
        { numRuns: 60 },
      );
    },
  );

  it("gives the same bits whatever the tile", () => {
    const kernel = plainMatmul(61, 75, 700);
    const results = TILES.map((tile) => {
      const buffers = [noise(61 * 700), noise(700 * 75), new Float32Array(61 * 75)];
      runKernel(printMatmul(kernel, [tile]), buffers);
      return buffers[2];
    });
    for (const result of results) expect(result).toEqual(results[0]);
  });

  it.each([
    [130, 70, 600, false, false],
    [61, 300, 700, true, true],
    [7, 1030, 513, false, true],
    [300, 3, 1000, true, false],
    [5, 344, 700, false, false],
    [3, 88, 67, true, false],
    [8, 301, 530, false, true],
    [1, 301, 1003, false, true],
    [305, 1, 1001, false, false],
    [1, 1301, 203, false, false],
    [3, 1301, 203, false, false],
    [1305, 4, 201, true, false],
    [1305, 1, 201, true, false],
  ] as const)("multiplies %i×%i over k = %i in several slices and blocks", (m, n, k, transposeA, transposeB) => {
    const kernel = plainMatmul(m, n, k, transposeA, transposeB);
    const fresh = () => [noise(m * k), noise(k * n).reverse(), new Float32Array(m * n)];
    const [got, split] = [fresh(), fresh()];
    const exact = multiply(kernel, fresh()[0], fresh()[1]);
    const printed = printMatmul(kernel);
    runKernel(printed, got);
    runKernel(printed, split, [], randomSplit(m));
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
      for (const { tasks, scratch } of printMatmul(plainMatmul(m, n, k)).stages) {
        expect(tasks).toBeGreaterThanOrEqual(8);
        expect(scratch).toBeLessThanOrEqual(4 << 20);
      }
    }
  });

  it("shares its code between shapes", () => {
    const keys = [plainMatmul(3, 5, 7), plainMatmul(512, 512, 512, true), plainMatmul(64, 1, 9)].flatMap((k) =>
      printMatmul(k).stages.map(({ code }) => code.key),
    );
    expect(new Set(keys).size).toBe(1);
  });

  it("refuses integers", () => {
    const kernel = plainMatmul(2, 2, 2);
    const whole: MatmulKernel = { ...kernel, a: { ...kernel.a, dtype: "int32" } };
    expect(() => printMatmul(whole)).toThrow(DTypeError);
  });
});
