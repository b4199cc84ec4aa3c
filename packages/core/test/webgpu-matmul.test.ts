import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expr } from "../dist/expr.js";
import type { MatmulKernel } from "../dist/kernel.js";
import type { Printer, Target } from "../dist/webgpu/program.js";
import { printMatmul } from "../dist/webgpu/wgsl/matmul.js";
import { anyMatmul, multiply, noise, plainMatmul } from "./template-cases.js";
import { KernelRunner } from "./webgpu-kernels.js";
import { expectTemplate } from "./webgpu-templates.js";

/** Multiplies the number of random products, for a longer search. */
const RUNS = Number(process.env.KINDLING_RUNS ?? 1);

const SOFTWARE: Partial<Target> = { software: true };
const HARDWARE: Partial<Target> = { software: false };
/** What every adapter of the compatibility mode has. */
const COMPATIBLE: Partial<Target> = { software: false, invocations: 128 };

const elementsOf = ({ m, n, k, batch }: MatmulKernel): number[] => {
  const batches = batch.reduce((p, size) => p * size, 1);
  return [batches * m * k, batches * k * n, batches * m * n];
};

const exact = (kernel: MatmulKernel, seed = 3) => ({ kernel, elements: elementsOf(kernel), seed });

/** The product of `count` pairs of matrices. */
function batched(count: number, m: number, n: number, k: number): MatmulKernel {
  const kernel = plainMatmul(m, n, k);
  const { a, b, epilogue } = kernel;
  const target = { ...epilogue.target, strides: [m * n, ...epilogue.target.strides] };
  return {
    ...kernel,
    batch: [count],
    a: { ...a, strides: [m * k, ...a.strides] },
    b: { ...b, strides: [k * n, ...b.strides] },
    epilogue: { ...epilogue, target },
  };
}

/** Expects the product within what sums of sixteen products, and sums of these, can be off at most (Higham 2002,
 *  "Accuracy and Stability of Numerical Algorithms", §4.2: as many roundings as an element's terms go through). */
async function expectNear(kernel: MatmulKernel, x: Float32Array, y: Float32Array): Promise<void> {
  const absolute = (v: Float32Array): Float32Array => v.map(Math.abs);
  const [truth, magnitude] = [multiply(kernel, x, y), multiply(kernel, absolute(x), absolute(y))];
  const roundings = 1 + 16 + Math.ceil(kernel.k / 16);
  for (const changes of [SOFTWARE, HARDWARE]) {
    const buffers = [x, y, new Float32Array(kernel.m * kernel.n)];
    const [, , got] = await runner.run(printMatmul as Printer, kernel, buffers, undefined, runner.target(changes));
    const worst = Math.max(...Array.from(truth, (value, i) => Math.abs(Number(got[i]) - value) / magnitude[i]));
    expect(worst).toBeLessThan(roundings * 2 ** -24);
  }
}

let runner: KernelRunner;
beforeAll(async () => {
  runner = await KernelRunner.open();
});
afterAll(() => runner.close());

describe("matmul on the webgpu device", () => {
  it.each([
    ["in software", SOFTWARE, 25],
    ["on hardware", HARDWARE, 10],
  ] as const)(
    "%s: writes what the interpreter writes, for any shape, view, dtype and epilogue",
    async (_, target, runs) => {
      const property = fc.asyncProperty(anyMatmul, (matmul) => expectTemplate(runner, printMatmul, matmul, target));
      await fc.assert(property, { numRuns: runs * RUNS });
    },
  );

  it.each([
    [130, 70, 600, false, false],
    [61, 130, 300, true, true],
    [7, 530, 213, false, true],
    [300, 3, 400, true, false],
    [1, 301, 1003, false, true],
    [305, 1, 1001, false, false],
    [16, 16, 5000, true, false],
  ] as const)("multiplies %i×%i over k = %i", async (m, n, k, transposeA, transposeB) => {
    const kernel = plainMatmul(m, n, k, transposeA, transposeB);
    await expectNear(kernel, noise(m * k), noise(k * n).reverse());
  });

  it("adds sums of sixteen products, not one after the other", async () => {
    // One running total of this many equal numbers would be off by more than twice what is allowed.
    const [size, k] = [128, 4000];
    await expectNear(
      plainMatmul(size, size, k),
      new Float32Array(size * k).fill(0.1),
      new Float32Array(k * size).fill(1),
    );
  });

  it("divides long products of small results into parts, and applies the epilogue to their sum alone", async () => {
    const kernel = plainMatmul(8, 12, 20_000);
    for (const changes of [SOFTWARE, HARDWARE]) {
      const { passes, scratch } = printMatmul(kernel, elementsOf(kernel), runner.target(changes));
      expect(passes.map(({ bindings }) => bindings.filter((b) => b.of === "kernel").map((b) => b.index))).toEqual([
        [0, 1],
        [2],
      ]);
      expect(scratch).toHaveLength(1);
    }
    await expectTemplate(runner, printMatmul, exact(plainMatmul(8, 12, 3000)), SOFTWARE, HARDWARE);
  });

  it("adds to the target in place, also in parts", async () => {
    for (const k of [20, 3000]) {
      const kernel = plainMatmul(9, 20, k);
      const { target } = kernel.epilogue;
      const value = expr("add", "f32", [expr("acc", "f32"), expr("load", "f32", [], 0)]);
      const inPlace = { ...kernel, epilogue: { sources: [target], value, target } };
      await expectTemplate(runner, printMatmul, exact(inPlace), SOFTWARE, HARDWARE);
    }
  });

  it("wraps integers, also in parts", async () => {
    for (const k of [5, 3000]) {
      const kernel = plainMatmul(6, 10, k);
      const { a, b, epilogue } = kernel;
      const value = expr("mul", "i32", [expr("acc", "i32"), expr("const", "i32", [], 0x1234_5677)]);
      const whole: MatmulKernel = {
        ...kernel,
        a: { ...a, dtype: "int32" },
        b: { ...b, dtype: "uint8" },
        epilogue: { sources: [], value, target: { ...epilogue.target, dtype: "int32" } },
      };
      await expectTemplate(runner, printMatmul, exact(whole), SOFTWARE, HARDWARE);
    }
  });

  it("reads and writes buffers that lie in pieces", async () => {
    const pieces = { pieceElements: 64 };
    const kernel = plainMatmul(11, 11, 10);
    await expectTemplate(runner, printMatmul, exact(kernel), { ...SOFTWARE, ...pieces }, { ...HARDWARE, ...pieces });
  });

  it("keeps within the limits of the compatibility mode, and folds workgroups into two dimensions", async () => {
    const kernel = batched(64, 33, 34, 17);
    const target = runner.target({ ...COMPATIBLE, workgroups: 20 });
    const [pass] = printMatmul(kernel, elementsOf(kernel), target).passes;
    const [, size] = /@workgroup_size\((\d+)/.exec(pass.code)!;
    expect(Number(size)).toBe(128);
    expect(pass.workgroups).toEqual([16, 4, 1]);
    await expectTemplate(runner, printMatmul, exact(kernel), { ...COMPATIBLE, workgroups: 20 }, HARDWARE);
  });
});
