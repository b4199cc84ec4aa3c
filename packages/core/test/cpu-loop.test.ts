import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printLoop } from "../dist/cpu/loop.js";
import type { TypedArray } from "../dist/dtype.js";
import { float16ToNumber } from "../dist/float16.js";
import type { LoopKernel } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import { runCpuKernel } from "./cpu-kernels.js";
import { randomLoop } from "./random-loops.js";

const copy = (buffers: readonly TypedArray[]): TypedArray[] => buffers.map((b) => b.slice() as TypedArray);

/** What the kernel wrote, as numbers: NaN is NaN whatever its bits, and the sign of 0 does not count. */
function written(kernel: LoopKernel, buffers: readonly TypedArray[]): number[][] {
  const targets = kernel.stages.flatMap((s) => (s.kind === "store" ? [s.target] : []));
  return targets.map(({ buffer, dtype }) =>
    Array.from({ length: buffers[buffer].length }, (_, i) => {
      const x = Number(buffers[buffer][i]);
      return (dtype === "float16" ? float16ToNumber(x) : x) + 0;
    }),
  );
}

describe("loop kernels on the cpu device", () => {
  it("computes what the interpreter computes", () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const { kernel, buffers, uniforms } = randomLoop(g);
        const expected = copy(buffers);
        interpretKernel(kernel, expected, uniforms);
        const got = copy(buffers);
        runCpuKernel(printLoop(kernel), got, uniforms);
        expect(written(kernel, got), JSON.stringify(kernel)).toEqual(written(kernel, expected));
      }),
      // A failure shows its kernel; shrinking one takes longer than reading it.
      { numRuns: 300, endOnFailure: true },
    );
  });
});
