/** Compares templates that a WebGPU device runs with the interpreter. */

import { expect } from "vitest";
import type { ComputeDType, TypedArray } from "../dist/dtype.js";
import type { ConvKernel, MatmulKernel } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import type { KernelProgram, Printer, Target } from "../dist/webgpu/program.js";
import { fillWhole } from "./cpu-templates.js";
import { dtypesOf, type TemplateCase } from "./template-cases.js";
import type { KernelRunner } from "./webgpu-kernels.js";

/** Uniform 1 is what epilogues scale by. */
const UNIFORMS = new Uint32Array(Float32Array.of(0, 3, 0, 0).buffer);

/** A shader's compiler may take 0 + x for x, so the sign of zero tells nothing. */
const NEGATIVE_ZERO: Partial<Record<ComputeDType, number>> = { float32: -0, float16: 0x8000 };

type TemplatePrinter<K> = (kernel: K, elements: readonly number[], target: Target) => KernelProgram;

/**
 * Expects that the printed kernel writes exactly what the interpreter writes, and nothing else, on every target: the
 * runner's own, changed as `targets` say.
 */
export async function expectTemplate<K extends MatmulKernel | ConvKernel>(
  runner: KernelRunner,
  print: TemplatePrinter<K>,
  { kernel, elements, seed }: TemplateCase<K>,
  ...targets: Partial<Target>[]
): Promise<void> {
  const dtypes = dtypesOf(kernel);
  const fresh = (): TypedArray[] => elements.map((n, i) => fillWhole(dtypes[i], n, seed + 101 * i));
  const positive = (b: TypedArray, i: number): number[] =>
    Array.from(b, Number).map((x) => (x === NEGATIVE_ZERO[dtypes[i]] ? 0 : x));
  const expected = fresh();
  interpretKernel(kernel, expected, UNIFORMS);
  for (const changes of targets) {
    const got = await runner.run(print as Printer, kernel, fresh(), UNIFORMS, runner.target(changes));
    expect(got.map(positive)).toEqual(expected.map(positive));
  }
}
