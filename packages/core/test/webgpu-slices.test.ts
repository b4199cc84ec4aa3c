import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TypedArray } from "../dist/dtype.js";
import type { Kernel } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import { printKernel } from "../dist/webgpu/wgsl/print.js";
import { divisions } from "../dist/webgpu/wgsl/slice.js";
import { fillWhole } from "./cpu-templates.js";
import { copy, randomLoop } from "./random-loops.js";
import { anyConv, anyMatmul, dtypesOf, KINDS, plainMatmul } from "./template-cases.js";
import { KernelRunner } from "./webgpu-kernels.js";
import { expectTemplate } from "./webgpu-templates.js";

interface Case {
  readonly kernel: Kernel;
  readonly buffers: readonly TypedArray[];
  readonly uniforms: Uint32Array;
}

const anyTemplate = fc.oneof(anyMatmul, ...KINDS.map(anyConv)).map(
  ({ kernel, elements, seed }): Case => ({
    kernel,
    buffers: elements.map((n, i) => fillWhole(dtypesOf(kernel)[i], n, seed + 101 * i)),
    uniforms: new Uint32Array(Float32Array.of(0, 3, 0, 0).buffer),
  }),
);
const anyCase: fc.Arbitrary<Case> = fc.oneof(
  anyTemplate,
  fc.gen().map((g) => randomLoop(g)),
);

describe("slices of a kernel", () => {
  it("write together what the kernel writes, wherever it is cut", () => {
    fc.assert(
      fc.property(anyCase, fc.nat(), fc.nat(), ({ kernel, buffers, uniforms }, dimension, where) => {
        const whole = copy(buffers);
        interpretKernel(kernel, whole, uniforms);
        const possible = divisions(kernel).filter(({ size }) => size > 1);
        fc.pre(possible.length > 0);
        const { size, slice } = possible[dimension % possible.length];
        const at = 1 + (where % (size - 1));
        const parts = copy(buffers);
        for (const part of [slice(0, at), slice(at, size - at)]) interpretKernel(part, parts, uniforms);
        expect(parts).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });
});

describe("kernels over more pieces than a dispatch binds", () => {
  let runner: KernelRunner;
  beforeAll(async () => {
    runner = await KernelRunner.open();
  });
  afterAll(() => runner.close());

  it("are cut until they fit, and write the same", async () => {
    // 480 elements of a, 640 of b and 192 of the result lie in 2 + 3 + 1 pieces.
    const kernel = plainMatmul(12, 16, 40, false, true);
    const elements = [12 * 40, 40 * 16, 12 * 16];
    const limits = { pieceElements: 256, storageBuffers: 5 };
    for (const software of [false, true]) {
      const { passes } = printKernel(kernel, elements, runner.target({ ...limits, software }));
      expect(passes.length).toBeGreaterThan(1);
      for (const { bindings } of passes) expect(bindings.length).toBeLessThanOrEqual(5);
      await expectTemplate(runner, printKernel, { kernel, elements, seed: 5 }, { ...limits, software });
    }
  });

  it("are refused with their name where no cut helps", () => {
    // A single result needs all of both operands.
    const kernel = plainMatmul(1, 1, 4000);
    expect(() => printKernel(kernel, [4000, 4000, 1], runner.target({ pieceElements: 256 }))).toThrow(
      /kernel test reaches 33 pieces .* binds 8/,
    );
  });
});
