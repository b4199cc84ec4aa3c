/** Matrix products and convolutions that tests put to a device: random ones, and those of networks. */

import fc from "fast-check";
import type { ComputeDType } from "../dist/dtype.js";
import { expr } from "../dist/expr.js";
import type { Access, ConvKernel, ConvShape, MatmulKernel } from "../dist/kernel.js";
import { anyEpilogue, anyView } from "./cpu-templates.js";

/** A kernel, and the elements of its buffers: the operands, the target, its sources. `seed` picks their contents. */
export interface TemplateCase<K> {
  readonly kernel: K;
  readonly elements: readonly number[];
  readonly seed: number;
}

/** The dtypes of the buffers of a case. */
export function dtypesOf({ a, b, epilogue: { target, sources } }: MatmulKernel | ConvKernel): ComputeDType[] {
  return [a, b, target, ...sources].map(({ dtype }) => dtype);
}

/** Numbers in (−1, 1) whose sums do round. */
export const noise = (n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) | 0) / 2 ** 31);

const FLOATS = ["float32", "float32", "float32", "float16"] as const;

/** A row-major access to a float32 tensor. */
export const contiguous = (buffer: number, shape: readonly number[]): Access => ({
  buffer,
  dtype: "float32",
  offset: 0,
  strides: shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1)),
  bounds: [],
  indirect: [],
});

const sizes = fc.oneof(fc.constantFrom(1, 1, 0, 2, 3), fc.integer({ min: 1, max: 40 }));

const matmulShapes = fc.record({
  batch: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 2 }),
  m: sizes,
  n: sizes,
  k: sizes,
});

/** Products of any shape, view, dtype and epilogue. */
export const anyMatmul: fc.Arbitrary<TemplateCase<MatmulKernel>> = matmulShapes.chain(({ batch, m, n, k }) =>
  fc
    .record({
      a: anyView([...batch, m, k], 0, { dtypes: FLOATS, broadcast: true, bounds: true }),
      b: anyView([...batch, k, n], 1, { dtypes: FLOATS, broadcast: true, bounds: true }),
      end: anyEpilogue([...batch, m, n]),
      seed: fc.nat(1e6),
    })
    .map(({ a, b, end: { epilogue, elements }, seed }) => ({
      kernel: { kind: "matmul", name: "test", batch, m, n, k, a: a.access, b: b.access, epilogue },
      elements: [a.elements, b.elements, ...elements],
      seed,
    })),
);

/** The product of row-major matrices, or of transposed ones. */
export function plainMatmul(m: number, n: number, k: number, transposeA = false, transposeB = false): MatmulKernel {
  const matrix = (buffer: number, rows: number, columns: number, transposed = false): Access => ({
    ...contiguous(buffer, [rows, columns]),
    strides: transposed ? [1, rows] : [columns, 1],
  });
  return {
    kind: "matmul",
    name: "test",
    batch: [],
    m,
    n,
    k,
    a: matrix(0, m, k, transposeA),
    b: matrix(1, k, n, transposeB),
    epilogue: { sources: [], value: expr("acc", "f32"), target: matrix(2, m, n) },
  };
}

/** The product in f64; small enough loops for matrices that the interpreter is too slow for. */
export function multiply({ m, n, k, a, b }: MatmulKernel, x: Float32Array, y: Float32Array): Float64Array {
  const result = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let l = 0; l < k; l++) {
      const left = x[i * a.strides[0] + l * a.strides[1]];
      for (let j = 0; j < n; j++) result[i * n + j] += left * y[l * b.strides[0] + j * b.strides[1]];
    }
  return result;
}

export const KINDS = ["conv2d", "conv2dInputGrad", "conv2dWeightGrad"] as const;
export type Kind = (typeof KINDS)[number];

export type Sizes = Omit<ConvShape, "oh" | "ow">;

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

/** Convolutions of any shape, view, dtype and epilogue. */
export const anyConv = (kind: Kind): fc.Arbitrary<TemplateCase<ConvKernel>> =>
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
        kernel: { kind, name: "test", shape, a: a.access, b: b.access, epilogue: end.epilogue },
        elements: [a.elements, b.elements, ...end.elements],
        seed,
      }));
  });

/** The convolution of contiguous tensors. */
export function plainConv(kind: Kind, sizes: Sizes): ConvKernel {
  const shape = complete(sizes);
  const [a, b, result] = shapesOf(kind, shape).map((s, i) => contiguous(i, s));
  return { kind, name: "test", shape, a, b, epilogue: { sources: [], value: expr("acc", "f32"), target: result } };
}

export const square = (size: number, channels: number, taps: number, stride = 1, groups = 1): Sizes => ({
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

export const elementsOf = (kind: Kind, { shape }: ConvKernel): number[] =>
  shapesOf(kind, shape).map((s) => s.reduce((a, b) => a * b, 1));

/** Layers as networks have them, of few channels. */
export const LAYERS: readonly (readonly [name: string, sizes: Sizes])[] = [
  ["3×3", square(9, 34, 3)],
  ["1×1", square(9, 70, 1)],
  ["7×7 with stride 2", { ...square(22, 5, 7, 2), oc: 12 }],
  ["7×7 with stride 2 of pictures", { ...square(32, 3, 7, 2), oc: 12 }],
  ["3×3 with stride 2", square(16, 20, 3, 2)],
  ["1×1 of many images", { ...square(10, 60, 1), n: 12 }],
  ["3×3 with stride 2 of many images, in groups", { ...square(22, 8, 3, 2, 3), n: 24 }],
  ["1×1 of a single pixel", { ...square(1, 90, 1), n: 1 }],
  ["depthwise 3×3", square(40, 1, 3, 1, 6)],
  ["depthwise 5×5 with stride 2", square(33, 1, 5, 2, 5)],
];
