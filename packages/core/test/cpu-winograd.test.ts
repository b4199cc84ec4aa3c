import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printConv } from "../dist/cpu/conv.js";
import { absorbBounds } from "../dist/cpu/conv-bounds.js";
import { takeApart } from "../dist/cpu/gemm-epilogue.js";
import { type TileShape, tileShapes } from "../dist/cpu/gemm-tile.js";
import type { CpuKernel } from "../dist/cpu/kernel.js";
import { winogradKernel } from "../dist/cpu/winograd.js";
import { F2, F4, type Matrix, type WinogradForm } from "../dist/cpu/winograd-form.js";
import { planWinograd, type WinogradPlan } from "../dist/cpu/winograd-plan.js";
import { winogradSpec } from "../dist/cpu/winograd-spec.js";
import { expr } from "../dist/expr.js";
import type { ConvKernel } from "../dist/kernel.js";
import { interpretKernel } from "../dist/testing/interpret-kernel.js";
import { anyEpilogue, anyView, GENERAL_TILES, randomSplit, runKernel, type TestArray } from "./cpu-templates.js";
import { elementsOf, noise, plainConv, square } from "./template-cases.js";

type Kind = "conv2d" | "conv2dInputGrad";
const KINDS = ["conv2d", "conv2dInputGrad"] as const;
const FORMS = [
  ["F(4×4)", F4],
  ["F(2×2)", F2],
] as const;
const EPSILON = 2 ** -24;

const absolute = (m: Matrix): number[][] => m.map((row) => row.map(Math.abs));
const times = (a: Matrix, b: Matrix): number[][] =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)));
const transposed = (m: Matrix): number[][] => m[0].map((_, j) => m.map((row) => row[j]));

/**
 * How much larger than |weight| · |input| the terms become that are added up for an output, at most: of
 * |Aᵀ| [(|G| g |G|ᵀ) ⊙ (|Bᵀ| d |B|)] |A| over filters g of which one weight is 1, and tiles d that are 1 everywhere.
 */
function amplification({ data, filter, output }: WinogradForm): number {
  const [a, g, b] = [output, filter, data].map(absolute);
  const sums = b.map((row) => row.reduce((x, y) => x + y, 0));
  let most = 0;
  for (const ky of [0, 1, 2])
    for (const kx of [0, 1, 2]) {
      const products = g.map((row, i) => g.map((column, j) => row[ky] * sums[i] * column[kx] * sums[j]));
      for (const row of times(times(a, products), transposed(a))) most = Math.max(most, ...row);
    }
  return most;
}

/** Roundings that a term goes through: those of a product's k terms (sums of 64 and sums of these), and of the transforms
 *  along two axes. */
const roundings = (k: number, { inputs }: WinogradForm): number => Math.min(k, 64) + k / 64 + 2 * (4 + inputs + inputs);

/** A cut with small blocks and slices, so that all of its loops turn more than once. */
function anyPlan(
  kernel: ConvKernel,
  form: WinogradForm,
  tile: TileShape,
  pick: readonly number[],
): WinogradPlan | undefined {
  const spec = winogradSpec(kernel, [])!;
  const plan = planWinograd(spec, form, tile);
  if (!plan) return undefined;
  const { mr } = tile;
  const rows = spec.images * plan.imageRows;
  const mt = mr * (1 + (pick[0] % Math.ceil(spec.m / mr)));
  const nt = 1 + (pick[1] % rows);
  const kt = 1 + (pick[2] % spec.k);
  return {
    ...plan,
    mt,
    nt,
    kt,
    mBlocks: Math.ceil(spec.m / mt),
    nBlocks: Math.ceil(rows / nt),
    sharedU: pick[3] % 2 === 0,
    sharedV: pick[4] % 2 === 0,
  };
}

function printWith(
  kernel: ConvKernel,
  form: WinogradForm,
  tile: TileShape,
  pick: readonly number[],
): CpuKernel | undefined {
  const plain = absorbBounds(kernel);
  const epilogue = takeApart(plain.epilogue, 4);
  const plan = anyPlan(plain, form, tile, pick);
  return plan && winogradKernel(winogradSpec(plain, epilogue.affine)!, form, plan, epilogue, tile);
}

const int = (min: number, max: number) => fc.integer({ min, max });

interface Case {
  readonly kernel: ConvKernel;
  readonly elements: readonly number[];
  readonly pick: readonly number[];
}

/** 3×3 convolutions of any size, layout, padding (also cut or asymmetric, by bounds) and epilogue. */
const anyCase = (kind: Kind): fc.Arbitrary<Case> =>
  fc
    .record({
      n: int(1, 2),
      ic: int(1, 9),
      oc: int(1, 13),
      ih: int(3, 11),
      iw: int(3, 11),
      padding: fc.tuple(int(0, 3), int(0, 3)),
    })
    .chain((s) => {
      const [oh, ow] = [s.ih + 2 * s.padding[0] - 2, s.iw + 2 * s.padding[1] - 2];
      const shape = {
        ...{ ...s, groups: 1, kh: 3, kw: 3, oh, ow },
        ...{ stride: [1, 1] as const, dilation: [1, 1] as const },
      };
      const [x, y] = [
        [s.n, s.ic, s.ih, s.iw],
        [s.n, s.oc, oh, ow],
      ];
      const [read, result] = kind === "conv2d" ? [x, y] : [y, x];
      return fc
        .record({
          a: anyView(read, 0, { broadcast: true }),
          // Rows and columns that do not exist before, or after, those that do.
          start: fc.tuple(int(-2, 2), int(-2, 2)),
          b: anyView([s.oc, s.ic, 3, 3], 1, { broadcast: true }),
          end: anyEpilogue(result),
          pick: fc.array(fc.nat(100), { minLength: 5, maxLength: 5 }),
        })
        .map(({ a, start, b, end, pick }): Case => {
          const bounds = [2, 3].flatMap((d, i) =>
            start[i] === 0
              ? []
              : [{ offset: start[i], strides: [0, 1, 2, 3].map((e) => (e === d ? 1 : 0)), size: read[d] }],
          );
          return {
            kernel: { kind, name: "test", shape, a: { ...a.access, bounds }, b: b.access, epilogue: end.epilogue },
            elements: [a.elements, b.elements, ...end.elements],
            pick,
          };
        });
    });

/** Halves and whole numbers below 4. */
const coarse = (n: number, seed: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (((Math.imul(i + seed, 0x9e3779b1) >>> 27) % 15) - 7) / 2);

describe.each(KINDS)("Winograd's %s on the cpu device", (kind) => {
  it.each(FORMS)("%s: writes what the interpreter writes, however it is cut", (_name, form) => {
    let tried = 0;
    fc.assert(
      fc.property(anyCase(kind), fc.constantFrom(...GENERAL_TILES), ({ kernel, elements, pick }, tile) => {
        // A target of whole numbers, or of float16, would turn a rounding error into a step.
        const target = { ...kernel.epilogue.target, dtype: "float32" as const };
        const value = kernel.epilogue.value.type === "f32" ? kernel.epilogue.value : expr("acc", "f32");
        const real: ConvKernel = { ...kernel, epilogue: { ...kernel.epilogue, value, target } };
        const printed = printWith(real, form, tile, pick);
        if (!printed) return;
        tried++;
        const { sources } = kernel.epilogue;
        const fresh = (): TestArray[] =>
          elements.map((n, i) => {
            const dtype = i < 3 ? "float32" : sources[i - 3].dtype;
            if (dtype === "float32") return coarse(n, pick[0] + i);
            return dtype === "float16"
              ? new Uint16Array(n).fill(0x3c00)
              : dtype === "int32"
                ? new Int32Array(n).fill(3)
                : new Uint8Array(n).fill(1);
          });
        const [expected, got, again] = [fresh(), fresh(), fresh()];
        const uniforms = [...new Uint32Array(Float32Array.of(0, 3).buffer)];
        interpretKernel(real, expected, uniforms);
        runKernel(printed, got, uniforms, randomSplit(pick[1]));
        runKernel(printed, again, uniforms, randomSplit(pick[2] + 1));
        expect(again).toEqual(got);
        // |input| · |weight| ≤ 3.5², and epilogues scale by at most 3.
        const k = kind === "conv2d" ? kernel.shape.ic : kernel.shape.oc;
        const bound = 3 * roundings(k, form) * EPSILON * amplification(form) * 9 * k * 3.5 ** 2;
        const worst = (got[2] as Float32Array).reduce(
          (w, x, i) => Math.max(w, Math.abs(x - (expected[2][i] as number))),
          0,
        );
        expect(worst).toBeLessThan(bound);
      }),
      { numRuns: 40 },
    );
    expect(tried).toBeGreaterThan(15);
  });

  // Of sums of |input| · |weight|; half as large again as what was measured. The largest are at corners, where an output
  // sums few products but shares the errors of its tile.
  it.each([
    ["F(4×4)", F4, { largest: 18, typical: 1.2 }],
    ["F(2×2)", F2, { largest: 3, typical: 0.6 }],
  ] as const)("%s: has errors that are small multiples of 2⁻²⁴", (_name, form, { largest, typical }) => {
    const kernel = plainConv(kind, square(11, 40, 3));
    const [a, b, result] = elementsOf(kind, kernel);
    const buffers = () => [noise(a), noise(b).reverse(), new Float32Array(result)];
    const [got, exact] = [buffers(), buffers()];
    runKernel(printWith(kernel, form, tileShapes()[0], [3, 1, 39, 0, 1])!, got);
    interpretKernel(kernel, exact);
    const sums = buffers().map((x) => x.map(Math.abs));
    interpretKernel(kernel, sums);
    const errors = got[2].map((x, i) => Math.abs(x - exact[2][i]) / sums[2][i] / EPSILON);
    expect(Math.max(...errors)).toBeLessThan(largest);
    expect(Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length)).toBeLessThan(typical);
  });

  it("is taken for the layers of networks unless it is turned off, and only where it is faster", () => {
    const isWinograd = (kernel: ConvKernel, winograd?: boolean): boolean =>
      printConv(kernel, { winograd }).stages.some(({ code }) => code.key.startsWith("winograd"));
    const layer = (size: number, channels: number) => plainConv(kind, { ...square(size, channels, 3), n: 8 });
    for (const kernel of [layer(56, 64), layer(28, 128), layer(14, 256), layer(7, 512)]) {
      expect(isWinograd(kernel)).toBe(true);
      expect(isWinograd(kernel, false)).toBe(false);
    }
    const strided = plainConv(kind, square(28, 64, 3, 2));
    const half: ConvKernel = { ...layer(28, 64), a: { ...layer(28, 64).a, dtype: "float16" } };
    for (const kernel of [layer(1, 64), layer(56, 2), strided, half]) expect(isWinograd(kernel)).toBe(false);
  });
});
