import fc from "fast-check";
import { afterAll, beforeAll, describe, it } from "vitest";
import { printConv } from "../dist/webgpu/wgsl/conv.js";
import { anyConv, KINDS } from "./template-cases.js";
import { KernelRunner } from "./webgpu-kernels.js";
import { expectTemplate } from "./webgpu-templates.js";

let runner: KernelRunner;
beforeAll(async () => {
  runner = await KernelRunner.open();
});
afterAll(() => runner.close());

const TARGETS = [{ software: true }, { software: false }];

describe.each(KINDS)("%s on the webgpu device", (kind) => {
  it.each(TARGETS)(
    "writes what the interpreter writes, for any shape, view, dtype and epilogue: %o",
    async (target) => {
      await fc.assert(
        fc.asyncProperty(anyConv(kind), (conv) => expectTemplate(runner, printConv, conv, target)),
        { numRuns: 40 },
      );
    },
  );
});
