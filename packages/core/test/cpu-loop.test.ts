import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printLoop } from "../dist/cpu/loop.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import { runCpuKernel } from "./cpu-kernels.js";
import { copy, randomLoop, written } from "./random-loops.js";

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
      { numRuns: 1000, endOnFailure: true },
    );
  });
});
