import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printConv } from "../dist/cpu/conv.js";
import { absorbBounds } from "../dist/cpu/conv-bounds.js";
import { takeApart } from "../dist/cpu/gemm-epilogue.js";
import { type TileShape, tileShapes } from "../dist/cpu/gemm-tile.js";
import type { CpuKernel } from "../dist/cpu/kernel.js";
import { F4, type Matrix } from "../dist/cpu/winograd-form.js";
import { STRIP_TILES } from "../dist/cpu/winograd-strip.js";
import { winogradWeightKernel } from "../dist/cpu/winograd-weight.js";
import { canWinograd, planWeight, type WeightPlan } from "../dist/cpu/winograd-weight-plan.js";
import { expr } from "../dist/expr.js";
import type { ConvKernel, ConvShape } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import {
  anyEpilogue,
  anyView,
  fillWhole,
  GENERAL_TILES,
  randomSplit,
  runKernel,
  type TestArray,
} from "./cpu-templates.js";
import { elementsOf, noise, plainConv, square } from "./template-cases.js";

const EPSILON = 2 ** -24;
const KIND = "conv2dWeightGrad";

const absolute = (m: Matrix): number[][] => m.map((row) => row.map(Math.abs));
const transposed = (m: Matrix): number[][] => m[0].map((_, j) => m.map((row) => row[j]));
const times = (a: Matrix, b: Matrix): number[][] =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)));

/** The most of |Gᵀ| [(|A| dy |Aᵀ|) ⊙ (|Bᵀ| d |B|)] |G| for tiles that are 1 everywhere. */
function amplification(): number {
  const [a, b, g] = [transposed(F4.output), F4.data, F4.filter].map(absolute);
  const sums = (m: Matrix): number[] => m.map((row) => row.reduce((x, y) => x + y, 0));
  const [ones, tile] = [sums(a), sums(b)];
  const products = ones.map((x, i) => ones.map((y, j) => x * y * tile[i] * tile[j]));
  return Math.max(...times(times(transposed(g), products), g).flat());
}

/** A cut with small blocks, slices and parts, so that all loops turn more than once. */
function anyPlan(shape: ConvShape, tile: TileShape, pick: readonly number[]): WeightPlan {
  const tilesPerRow = Math.ceil(shape.ow / F4.outputs);
  const stripTiles = Math.min(STRIP_TILES, Math.ceil(tilesPerRow / (1 + (pick[0] % 3))));
  const stripsPerRow = Math.ceil(tilesPerRow / stripTiles);
  const stripsPerImage = Math.ceil(shape.oh / F4.outputs) * stripsPerRow;
  const strips = shape.n * stripsPerImage;
  const sliceStrips = 1 + (pick[1] % strips);
  const partStrips = sliceStrips * (1 + (pick[2] % 3));
  const mt = tile.mr * (1 + (pick[3] % Math.ceil(shape.oc / tile.mr)));
  const nt = tile.nr * (1 + (pick[4] % Math.ceil(shape.ic / tile.nr)));
  return {
    ...{ stripTiles, stripsPerRow, stripsPerImage, strips, sliceStrips, partStrips },
    parts: Math.ceil(strips / partStrips),
    ...{ mt, nt, mBlocks: Math.ceil(shape.oc / mt), nBlocks: Math.ceil(shape.ic / nt) },
    shared: pick[5] % 2 === 0,
  };
}

function printWith(kernel: ConvKernel, tile: TileShape, plan: (shape: ConvShape) => WeightPlan): CpuKernel | undefined {
  const plain = absorbBounds(kernel);
  if (!canWinograd(plain, tile)) return undefined;
  return winogradWeightKernel(plain, plan(plain.shape), takeApart(plain.epilogue, 4), tile);
}

interface Case {
  readonly kernel: ConvKernel;
  readonly elements: readonly number[];
  readonly pick: readonly number[];
}

const int = (min: number, max: number) => fc.integer({ min, max });

/** Gradients of 3×3 weights of any size, layout, padding (also cut or asymmetric, by bounds) and epilogue. */
const anyCase: fc.Arbitrary<Case> = fc
  .record({
    ...{ n: int(1, 3), ic: int(1, 13), oc: int(1, 13), ih: int(3, 15), iw: fc.oneof(int(3, 15), int(60, 90)) },
    padding: fc.tuple(int(0, 3), int(0, 3)),
  })
  .chain((s) => {
    const [oh, ow] = [s.ih + 2 * s.padding[0] - 2, s.iw + 2 * s.padding[1] - 2];
    const shape: ConvShape = { ...s, groups: 1, kh: 3, kw: 3, oh, ow, stride: [1, 1], dilation: [1, 1] };
    const [x, y] = [
      [s.n, s.ic, s.ih, s.iw],
      [s.n, s.oc, oh, ow],
    ];
    const starts = fc.tuple(int(-2, 2), int(-2, 2));
    return fc
      .record({
        ...{ a: anyView(x, 0, { broadcast: true }), b: anyView(y, 1, { broadcast: true }) },
        // Rows and columns that do not exist before, or after, those that do.
        ...{ startX: starts, startY: starts },
        end: anyEpilogue([s.oc, s.ic, 3, 3]),
        pick: fc.array(fc.nat(100), { minLength: 6, maxLength: 6 }),
      })
      .map(({ a, b, startX, startY, end, pick }): Case => {
        const bounds = (start: readonly number[], size: readonly number[]) =>
          [2, 3].flatMap((d, i) =>
            start[i] === 0
              ? []
              : [{ offset: start[i], strides: [0, 1, 2, 3].map((e) => (e === d ? 1 : 0)), size: size[d] }],
          );
        return {
          kernel: {
            ...{ kind: KIND, name: "test", shape },
            a: { ...a.access, bounds: bounds(startX, x) },
            b: { ...b.access, bounds: bounds(startY, y) },
            epilogue: end.epilogue,
          },
          elements: [a.elements, b.elements, ...end.elements],
          pick,
        };
      });
  });

describe("Winograd's weight gradient on the cpu device", () => {
  it("writes what the interpreter writes, however it is cut", () => {
    let tried = 0;
    fc.assert(
      fc.property(anyCase, fc.constantFrom(...GENERAL_TILES), ({ kernel, elements, pick }, tile) => {
        // A target of whole numbers, or of float16, would turn a rounding error into a step.
        const target = { ...kernel.epilogue.target, dtype: "float32" as const };
        const value = kernel.epilogue.value.type === "f32" ? kernel.epilogue.value : expr("acc", "f32");
        const real: ConvKernel = { ...kernel, epilogue: { ...kernel.epilogue, value, target } };
        const printed = printWith(real, tile, (shape) => anyPlan(shape, tile, pick));
        if (!printed) return;
        tried++;
        const dtypes = ["float32", "float32", "float32", ...kernel.epilogue.sources.map(({ dtype }) => dtype)] as const;
        const fresh = (): TestArray[] => elements.map((n, i) => fillWhole(dtypes[i], n, pick[0] + i));
        const [expected, got, again] = [fresh(), fresh(), fresh()];
        const uniforms = [...new Uint32Array(Float32Array.of(0, 3).buffer)];
        interpretKernel(real, expected, uniforms);
        runKernel(printed, got, uniforms, randomSplit(pick[1]));
        runKernel(printed, again, uniforms, randomSplit(pick[2] + 1));
        expect(again).toEqual(got);
        // |input| and |gradient| are at most 3, and epilogues scale by at most 3. A term is rounded as often as there are
        // tiles, and by the transforms along two axes.
        const { n, oh, ow } = kernel.shape;
        const tiles = n * Math.ceil(oh / 4) * Math.ceil(ow / 4);
        const bound = 3 * (tiles + 2 * (4 + 6 + 6)) * EPSILON * tiles * amplification() * 9;
        const worst = (got[2] as Float32Array).reduce((w, x, i) => Math.max(w, Math.abs(x - expected[2][i])), 0);
        expect(worst).toBeLessThan(bound);
      }),
      { numRuns: 250 },
    );
    expect(tried).toBeGreaterThan(20);
  });

  it("has errors that are small multiples of 2⁻²⁴", () => {
    const kernel = plainConv(KIND, square(14, 48, 3));
    const [a, b, result] = elementsOf(KIND, kernel);
    const buffers = () => [noise(a), noise(b).reverse(), new Float32Array(result)];
    const [got, exact] = [buffers(), buffers()];
    const [tile] = tileShapes();
    runKernel(printWith(kernel, tile, (shape) => planWeight(shape, tile))!, got);
    interpretKernel(kernel, exact);
    const sums = buffers().map((x) => x.map(Math.abs));
    interpretKernel(kernel, sums);
    const errors = got[2].map((x, i) => Math.abs(x - exact[2][i]) / sums[2][i] / EPSILON);
    // Of sums of |input| · |gradient|; measured were 15.4 and 2.
    expect(Math.max(...errors)).toBeLessThan(24);
    expect(Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length)).toBeLessThan(3);
  });

  it("is taken for the layers of networks unless it is turned off, and only where it is faster", () => {
    const isWinograd = (kernel: ConvKernel, winograd?: boolean): boolean =>
      printConv(kernel, { winograd }).stages.some(({ code }) => code.key.startsWith("winograd"));
    const layer = (size: number, channels: number) => plainConv(KIND, { ...square(size, channels, 3), n: 8 });
    for (const kernel of [layer(56, 64), layer(28, 128), layer(14, 256), layer(7, 512)]) {
      expect(isWinograd(kernel)).toBe(true);
      expect(isWinograd(kernel, false)).toBe(false);
      expect(printConv(kernel).workspace).toBeLessThanOrEqual(16 << 20);
    }
    const strided = plainConv(KIND, square(28, 64, 3, 2));
    const half: ConvKernel = { ...layer(28, 64), a: { ...layer(28, 64).a, dtype: "float16" } };
    for (const kernel of [layer(1, 64), layer(56, 2), strided, half]) expect(isWinograd(kernel)).toBe(false);
  });
});
