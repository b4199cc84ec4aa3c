import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expr } from "../dist/expr.js";
import { float16ToNumber, numberToFloat16 } from "../dist/float16.js";
import type { ConvKernel, ConvShape, Epilogue } from "../dist/kernel.js";
import { erf, roundHalfEven } from "../dist/testing/interpret-expr.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import { contiguous } from "./template-cases.js";

const plain = (buffer: number, shape: readonly number[]): Epilogue => ({
  sources: [],
  value: expr("acc", "f32"),
  target: contiguous(buffer, shape),
});

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const noise = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => ((i * 7919) % 13) - 6);
const inner = (x: Float32Array, y: Float32Array): number => x.reduce((sum, v, i) => sum + v * y[i], 0);

describe("float16", () => {
  it("reads back every half as it was", () => {
    const wrong = Array.from({ length: 0x10000 }, (_, bits) => bits).filter((bits) => {
      const x = float16ToNumber(bits);
      const again = numberToFloat16(x);
      return Number.isNaN(x) ? !Number.isNaN(float16ToNumber(again)) : again !== bits;
    });
    expect(wrong).toEqual([]);
  });

  it("rounds to the nearest half, ties to even", () => {
    const wrong = Array.from({ length: 0x7bff }, (_, bits) => bits).filter((bits) => {
      const middle = (float16ToNumber(bits) + float16ToNumber(bits + 1)) / 2;
      const more = -middle * (1 + 2 ** -20);
      return numberToFloat16(middle) !== bits + (bits & 1) || numberToFloat16(more) !== (0x8000 | (bits + 1));
    });
    expect(wrong).toEqual([]);
    expect(numberToFloat16(65519.99)).toBe(0x7bff);
    expect(numberToFloat16(65520)).toBe(0x7c00);
  });
});

describe("the kernel interpreter", () => {
  it("knows erf and rounding", () => {
    expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 15);
    expect(erf(-2)).toBeCloseTo(-0.9953222650189527, 15);
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 3.2].map(roundHalfEven)).toEqual([0, 2, 2, -0, -2, 3]);
  });

  it("computes a convolution as its definition says", () => {
    const shape: ConvShape = {
      n: 1,
      groups: 1,
      ic: 1,
      oc: 1,
      ih: 3,
      iw: 3,
      oh: 2,
      ow: 2,
      kh: 2,
      kw: 2,
      stride: [2, 1],
      padding: [1, 0],
      dilation: [1, 1],
    };
    const x = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    const w = Float32Array.of(1, 10, 100, 1000);
    const y = new Float32Array(4);
    const kernel: ConvKernel = {
      kind: "conv2d",
      name: "conv",
      shape,
      a: contiguous(0, [1, 1, 3, 3]),
      b: contiguous(1, [1, 1, 2, 2]),
      epilogue: plain(2, [1, 1, 2, 2]),
    };
    interpretKernel(kernel, [x, w, y]);
    expect([...y]).toEqual([2100, 3200, 8754, 9865]);
  });

  it("has gradients of convolution that are its adjoints", () => {
    fc.assert(
      fc.property(
        fc.record({
          n: fc.integer({ min: 1, max: 2 }),
          groups: fc.integer({ min: 1, max: 2 }),
          ic: fc.integer({ min: 1, max: 2 }),
          oc: fc.integer({ min: 1, max: 2 }),
          ih: fc.integer({ min: 4, max: 7 }),
          iw: fc.integer({ min: 4, max: 7 }),
          kh: fc.integer({ min: 1, max: 3 }),
          kw: fc.integer({ min: 1, max: 3 }),
          sy: fc.integer({ min: 1, max: 3 }),
          sx: fc.integer({ min: 1, max: 3 }),
          py: fc.integer({ min: 0, max: 2 }),
          px: fc.integer({ min: 0, max: 2 }),
          dilation: fc.integer({ min: 1, max: 2 }),
        }),
        (p) => {
          const out = (i: number, pad: number, k: number, s: number): number =>
            Math.floor((i + 2 * pad - p.dilation * (k - 1) - 1) / s) + 1;
          const [oh, ow] = [out(p.ih, p.py, p.kh, p.sy), out(p.iw, p.px, p.kw, p.sx)];
          fc.pre(oh > 0 && ow > 0);
          const shape: ConvShape = {
            n: p.n,
            groups: p.groups,
            ic: p.ic,
            oc: p.oc,
            ih: p.ih,
            iw: p.iw,
            oh,
            ow,
            kh: p.kh,
            kw: p.kw,
            stride: [p.sy, p.sx],
            padding: [p.py, p.px],
            dilation: [p.dilation, p.dilation],
          };
          const xs = [p.n, p.groups * p.ic, p.ih, p.iw];
          const ws = [p.groups * p.oc, p.ic, p.kh, p.kw];
          const ys = [p.n, p.groups * p.oc, oh, ow];
          const [x, w, dy] = [noise(size(xs)), noise(size(ws)), noise(size(ys)).reverse()];
          const run = (
            kind: ConvKernel["kind"],
            a: [Float32Array, number[]],
            b: [Float32Array, number[]],
            to: number[],
          ) => {
            const result = new Float32Array(size(to));
            interpretKernel(
              { kind, name: kind, shape, a: contiguous(0, a[1]), b: contiguous(1, b[1]), epilogue: plain(2, to) },
              [a[0], b[0], result],
            );
            return result;
          };
          const y = run("conv2d", [x, xs], [w, ws], ys);
          const expected = inner(y, dy);
          expect(inner(run("conv2dInputGrad", [dy, ys], [w, ws], xs), x)).toBeCloseTo(expected, 6);
          expect(inner(run("conv2dWeightGrad", [x, xs], [dy, ys], ws), w)).toBeCloseTo(expected, 6);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("sorts with NaN as the largest and keeps the order of equals", () => {
    const x = Float32Array.of(2, Number.NaN, 1, 2, -Infinity);
    const run = (descending: boolean) => {
      const indices = new Int32Array(5);
      interpretKernel(
        {
          kind: "sort",
          name: "sort",
          rows: [],
          length: 5,
          take: 5,
          descending,
          source: contiguous(0, [5]),
          target: { ...contiguous(1, [5]), dtype: "int32" },
        },
        [x, indices],
      );
      return [...indices];
    };
    expect(run(false)).toEqual([4, 2, 0, 3, 1]);
    expect(run(true)).toEqual([1, 0, 3, 2, 4]);
  });
});
