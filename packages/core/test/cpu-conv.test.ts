import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printConv } from "../dist/cpu/conv.js";
import type { TileShape } from "../dist/cpu/gemm-tile.js";
import type { CpuKernel } from "../dist/cpu/kernel.js";
import { DTypeError } from "../dist/errors.js";
import { expr } from "../dist/expr.js";
import type { Access, ConvKernel } from "../dist/kernel.js";
import { expectSame, randomSplit, runKernel, TILES } from "./cpu-templates.js";
import { anyConv, dtypesOf, elementsOf, KINDS, LAYERS, noise, plainConv, square } from "./template-cases.js";

/** Summed directly: of small whole numbers exactly, as Winograd's algorithm is not. */
const printDirect = (kernel: ConvKernel, tiles?: readonly TileShape[]): CpuKernel =>
  printConv(kernel, { winograd: false, tiles });

describe.each(KINDS)("%s on the cpu device", (kind) => {
  it("writes what the interpreter writes, for any shape, view, dtype and epilogue", () => {
    fc.assert(
      fc.property(anyConv(kind), fc.constantFrom(...TILES), ({ kernel, elements, seed }, tile) => {
        expectSame(kernel, printDirect(kernel, [tile]), dtypesOf(kernel), elements, seed);
      }),
      { numRuns: 150 },
    );
  });

  it.each(LAYERS)("%s: is exact, and the same however its tasks are split", (_name, sizes) => {
    const kernel = plainConv(kind, sizes);
    const [a, b, result] = elementsOf(kind, kernel);
    const whole = [a, b, result];
    expectSame(kernel, printDirect(kernel), ["float32", "float32", "float32"], whole, 7);
    const printed = printDirect(kernel);
    const fresh = () => [noise(a), noise(b), new Float32Array(result)];
    const [once, split] = [fresh(), fresh()];
    runKernel(printed, once);
    runKernel(printed, split, [], randomSplit(a));
    expect(split[2]).toEqual(once[2]);
  });

  it("covers inputs that its windows leave out, and outputs that a transposed convolution pads", () => {
    // Of 8 rows the windows of stride 3 meet 7: the gradient of the last is 0.
    const kernel = plainConv(kind, { ...square(8, 2, 1, 3), padding: [0, 0] });
    expectSame(kernel, printDirect(kernel), ["float32", "float32", "float32"], elementsOf(kind, kernel), 3);
  });

  it("is cut into tasks for eight threads when it is large, with scratch for each of at most 4 MB", () => {
    for (const sizes of [
      square(56, 64, 3),
      square(14, 256, 3),
      square(7, 512, 3),
      square(56, 256, 1),
      square(112, 64, 3, 2),
      square(56, 1, 3, 1, 144),
    ]) {
      for (const { tasks, scratch } of printConv(plainConv(kind, { ...sizes, n: 8 })).stages) {
        expect(tasks).toBeGreaterThanOrEqual(8);
        expect(scratch).toBeLessThanOrEqual(4 << 20);
      }
    }
  });

  it("adds up the parts of a weight gradient of many images, also within an epilogue", () => {
    const [name, sizes] = LAYERS.find(([layer]) => layer === "1×1 of many images")!;
    const kernel = plainConv(kind, sizes);
    const { stages, workspace } = printDirect(kernel);
    const parted = kind === "conv2dWeightGrad";
    expect([stages.length, workspace > 0], name).toEqual(parted ? [2, true] : [1, false]);
    const elements = elementsOf(kind, kernel);
    const bias: Access = { ...kernel.epilogue.target, buffer: 3 };
    const added = expr("add", "f32", [expr("acc", "f32"), expr("load", "f32", [], 0)]);
    const withBias: ConvKernel = { ...kernel, epilogue: { ...kernel.epilogue, sources: [bias], value: added } };
    const dtypes = ["float32", "float32", "float32", "float32"] as const;
    expectSame(withBias, printDirect(withBias), dtypes, [...elements, elements[2]], 11);
  });

  it("refuses integers", () => {
    const kernel = plainConv(kind, square(4, 2, 3));
    expect(() => printConv({ ...kernel, b: { ...kernel.b, dtype: "int32" } })).toThrow(DTypeError);
  });
});
