import fc from "fast-check";
import { afterAll, beforeAll, describe, it } from "vitest";
import { printMatmul } from "../dist/webgpu/wgsl/matmul.js";
import { anyMatmul } from "./template-cases.js";
import { KernelRunner } from "./webgpu-kernels.js";
import { expectTemplate } from "./webgpu-templates.js";

let runner: KernelRunner;
beforeAll(async () => {
  runner = await KernelRunner.open();
});
afterAll(() => runner.close());

describe.each([{ software: true }, { software: false }])(
  "matmul on the webgpu device, software: $software",
  (changes) => {
    it("writes what the interpreter writes, for any shape, view, dtype and epilogue", async () => {
      await fc.assert(
        fc.asyncProperty(anyMatmul, (matmul) => expectTemplate(runner, printMatmul, matmul, changes)),
        { numRuns: 60 },
      );
    });
  },
);
