import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printConv } from "../dist/cpu/conv.js";
import { DTypeError } from "../dist/errors.js";
import { expr } from "../dist/expr.js";
import type { Access, ConvKernel, ConvShape } from "../dist/kernel.js";
import { anyEpilogue, anyView, expectSame, randomSplit, runKernel } from "./cpu-templates.js";

const KINDS = ["conv2d", "conv2dInputGrad", "conv2dWeightGrad"] as const;
type Kind = (typeof KINDS)[number];

type Sizes = Omit<ConvShape, "oh" | "ow">;

/** Completes a shape by the number of windows that fit. */
const complete = (s: Sizes): ConvShape => {
  const windows = (size: number, taps: number, i: 0 | 1): number =>
    Math.floor((size + 2 * s.padding[i] - s.dilation[i] * (taps - 1) - 1) / s.stride[i]) + 1;
  return { ...s, oh: windows(s.ih, s.kh, 0), ow: windows(s.iw, s.kw, 1) };
};

const operandShapes = (s: ConvShape) => ({
  x: [s.n, s.groups * s.ic, s.ih, s.iw],
  w: [s.groups * s.oc, s.ic, s.kh, s.kw],
  y: [s.n, s.groups * s.oc, s.oh, s.ow],
});

/** Shapes of a, b and the result. */
function shapesOf(kind: Kind, s: ConvShape): readonly [number[], number[], number[]] {
  const { x, w, y } = operandShapes(s);
  return kind === "conv2d" ? [x, w, y] : kind === "conv2dInputGrad" ? [y, w, x] : [x, y, w];
}

const int = (min: number, max: number) => fc.integer({ min, max });

const pair = (arbitrary: fc.Arbitrary<number>): fc.Arbitrary<[number, number]> => fc.tuple(arbitrary, arbitrary);

const anyShape: fc.Arbitrary<ConvShape> = fc
  .record({
    n: int(1, 3),
    groups: fc.constantFrom(1, 1, 2, 3),
    ic: int(1, 6),
    oc: int(1, 6),
    ih: int(1, 12),
    iw: int(1, 12),
    kh: int(1, 4),
    kw: int(1, 4),
    stride: pair(fc.constantFrom(1, 1, 2, 3)),
    padding: pair(int(0, 3)),
    dilation: pair(fc.constantFrom(1, 1, 2, 3)),
    depthwise: fc.constantFrom(false, false, true),
  })
  .map(({ depthwise, ...s }) => complete(depthwise ? { ...s, ic: 1, oc: 1 } : s))
  .filter(({ oh, ow }) => oh > 0 && ow > 0);

const FLOATS = ["float32", "float32", "float32", "float16"] as const;

const casesOf = (kind: Kind) =>
  anyShape.chain((shape) => {
    const [a, b, result] = shapesOf(kind, shape);
    return fc
      .record({
        a: anyView(a, 0, { dtypes: FLOATS, broadcast: true, bounds: true }),
        b: anyView(b, 1, { dtypes: FLOATS, broadcast: true, bounds: true }),
        end: anyEpilogue(result),
        seed: fc.nat(1e6),
      })
      .map(({ a, b, end, seed }) => ({
        kernel: { kind, name: "test", shape, a: a.access, b: b.access, epilogue: end.epilogue } as const,
        elements: [a.elements, b.elements, ...end.elements],
        seed,
      }));
  });

const rowMajor = (buffer: number, shape: readonly number[]): Access => ({
  buffer,
  dtype: "float32",
  offset: 0,
  strides: shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1)),
  bounds: [],
  indirect: [],
});

function plainKernel(kind: Kind, sizes: Sizes): ConvKernel {
  const shape = complete(sizes);
  const [a, b, result] = shapesOf(kind, shape).map((s, i) => rowMajor(i, s));
  return { kind, name: "test", shape, a, b, epilogue: { sources: [], value: expr("acc", "f32"), target: result } };
}

const square = (size: number, channels: number, taps: number, stride = 1, groups = 1): Sizes => ({
  n: 2,
  groups,
  ic: channels,
  oc: channels,
  ih: size,
  iw: size,
  kh: taps,
  kw: taps,
  stride: [stride, stride],
  padding: [taps >> 1, taps >> 1],
  dilation: [1, 1],
});

const elementsOf = (kind: Kind, { shape }: ConvKernel): number[] =>
  shapesOf(kind, shape).map((s) => s.reduce((a, b) => a * b, 1));

/** Numbers in (−1, 1) whose sums do round. */
const noise = (n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) | 0) / 2 ** 31);

describe.each(KINDS)("%s on the cpu device", (kind) => {
  it("writes what the interpreter writes, for any shape, view, dtype and epilogue", () => {
    fc.assert(
      fc.property(casesOf(kind), ({ kernel, elements, seed }) => {
        const { sources, target } = kernel.epilogue;
        const dtypes = [kernel.a, kernel.b, target, ...sources].map(({ dtype }) => dtype);
        expectSame(kernel, printConv(kernel), dtypes, elements, seed);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ["3×3", square(9, 34, 3)],
    ["1×1", square(9, 70, 1)],
    ["7×7 with stride 2", { ...square(22, 5, 7, 2), oc: 12 }],
    ["3×3 with stride 2", square(16, 20, 3, 2)],
    ["1×1 of a single pixel", { ...square(1, 90, 1), n: 1 }],
    ["depthwise 3×3", square(40, 1, 3, 1, 6)],
    ["depthwise 5×5 with stride 2", square(33, 1, 5, 2, 5)],
  ] as const)("%s: is exact, and the same however its tasks are split", (_name, sizes) => {
    const kernel = plainKernel(kind, sizes);
    const [a, b, result] = elementsOf(kind, kernel);
    const whole = [a, b, result];
    expectSame(kernel, printConv(kernel), ["float32", "float32", "float32"], whole, 7);
    const printed = printConv(kernel);
    const fresh = () => [noise(a), noise(b), new Float32Array(result)];
    const [once, split] = [fresh(), fresh()];
    runKernel(printed, once);
    runKernel(printed, split, [], randomSplit(printed.tasks, a));
    expect(split[2]).toEqual(once[2]);
  });

  it("covers inputs that its windows leave out, and outputs that a transposed convolution pads", () => {
    // Of 8 rows the windows of stride 3 meet 7: the gradient of the last is 0.
    const kernel = plainKernel(kind, { ...square(8, 2, 1, 3), padding: [0, 0] });
    expectSame(kernel, printConv(kernel), ["float32", "float32", "float32"], elementsOf(kind, kernel), 3);
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
      const { tasks, scratch } = printConv(plainKernel(kind, { ...sizes, n: 8 }));
      expect(tasks).toBeGreaterThanOrEqual(8);
      expect(scratch).toBeLessThanOrEqual(4 << 20);
    }
  });

  it("refuses integers", () => {
    const kernel = plainKernel(kind, square(4, 2, 3));
    expect(() => printConv({ ...kernel, b: { ...kernel.b, dtype: "int32" } })).toThrow(DTypeError);
  });
});
