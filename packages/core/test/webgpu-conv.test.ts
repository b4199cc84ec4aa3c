import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConvKernel } from "../dist/kernel.js";
import { printConv } from "../dist/webgpu/wgsl/conv.js";
import { anyConv, elementsOf, KINDS, type Kind, LAYERS, plainConv, type Sizes, square } from "./template-cases.js";
import { KernelRunner } from "./webgpu-kernels.js";
import { expectTemplate } from "./webgpu-templates.js";

/** Multiplies the number of random convolutions, for a longer search. */
const RUNS = Number(process.env.KINDLING_RUNS ?? 1);

const SOFTWARE = { software: true };
const HARDWARE = { software: false };

let runner: KernelRunner;
beforeAll(async () => {
  runner = await KernelRunner.open();
});
afterAll(() => runner.close());

const exact = (kind: Kind, kernel: ConvKernel) => ({ kernel, elements: elementsOf(kind, kernel), seed: 7 });

/** Layers of which the cpu device makes nothing special. */
const OTHERS: readonly (readonly [name: string, sizes: Sizes])[] = [
  ["3×3 in four groups", square(10, 6, 3, 1, 4)],
  ["3×3 with dilation 2", { ...square(12, 5, 3), dilation: [2, 2], padding: [2, 2] }],
  // Of 8 rows the windows of stride 3 meet 7: the gradient of the last is 0. As a transposed convolution: output padding.
  ["1×1 with stride 3 and a row left over", { ...square(8, 4, 1, 3), padding: [0, 0] }],
];

describe.each(KINDS)("%s on the webgpu device", (kind) => {
  it.each([
    ["in software", SOFTWARE, 12],
    ["on hardware", HARDWARE, 6],
  ] as const)(
    "%s: writes what the interpreter writes, for any shape, view, dtype and epilogue",
    async (_, target, runs) => {
      const property = fc.asyncProperty(anyConv(kind), (conv) => expectTemplate(runner, printConv, conv, target));
      await fc.assert(property, { numRuns: runs * RUNS });
    },
  );

  it.each([...LAYERS, ...OTHERS])("%s: is exact", async (_name, sizes) => {
    await expectTemplate(runner, printConv, exact(kind, plainConv(kind, sizes)), SOFTWARE, HARDWARE);
  });

  it("reads and writes buffers that lie in pieces", async () => {
    const kernel = plainConv(kind, { ...square(6, 3, 3), n: 1 });
    const pieces = { pieceElements: 64 };
    await expectTemplate(
      runner,
      printConv,
      exact(kind, kernel),
      { ...SOFTWARE, ...pieces },
      { ...HARDWARE, ...pieces },
    );
  });

  it("makes a pass of a layer, or two where its result is small and its sums are long", () => {
    const kernel = plainConv(kind, { ...square(56, 64, 3), n: 8 });
    const { passes } = printConv(kernel, elementsOf(kind, kernel), runner.target(HARDWARE));
    expect(passes).toHaveLength(kind === "conv2dWeightGrad" ? 2 : 1);
  });
});
