import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import type { Target } from "../dist/webgpu/program.js";
import { printLoop } from "../dist/webgpu/wgsl/loop.js";
import { copy, type RandomLoop, randomLoop, written } from "./random-loops.js";
import { KernelRunner } from "./webgpu-kernels.js";

let runner: KernelRunner;
beforeAll(async () => {
  runner = await KernelRunner.open();
});
afterAll(() => runner.close());

async function check({ kernel, buffers, uniforms }: RandomLoop, target: Target): Promise<void> {
  // The scheduler makes no kernels of more buffers than a dispatch binds.
  const { passes } = printLoop(
    kernel,
    buffers.map((b) => b.length),
    target,
  );
  if (passes.some(({ bindings }) => bindings.length > target.storageBuffers)) return;
  const expected = copy(buffers);
  interpretKernel(kernel, expected, uniforms);
  const got = await runner.run(printLoop, kernel, buffers, uniforms, target);
  expect(written(kernel, got), JSON.stringify(kernel)).toEqual(written(kernel, expected));
}

/** Kernels of a run, whose shaders compile side by side. */
const BATCH = 12;

describe("loop kernels as WGSL", () => {
  it.each<[string, Partial<Target>]>([
    ["a graphics card", {}],
    ["processor cores", { software: true }],
    ["the smallest adapter, in pieces", { invocations: 128, workgroups: 40, pieceElements: 1024 }],
    ["lanes so few that rows are cut into chunks", { invocations: 2 }],
  ])("compute what the interpreter computes, on %s", async (_, changes) => {
    const target = runner.target(changes);
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (g) => {
        const loops = Array.from({ length: BATCH }, () => randomLoop(g));
        await Promise.all(loops.map((loop) => check(loop, target)));
      }),
      // A failure shows its kernel; shrinking one takes longer than reading it.
      { numRuns: 6, endOnFailure: true },
    );
  });
});
