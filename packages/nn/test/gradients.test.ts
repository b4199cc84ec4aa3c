/** Closed-form gradients against central differences, and their own gradients, on random shapes. */

import { customVjp, grad, init, manualSeed, randn, type Tensor } from "@kindling/core";
import { functional as F } from "@kindling/nn";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init({ threads: 1 }));

const STEP = 1e-2;

/** The derivative of a scalar function along `direction`, by differences. */
async function slope(fn: (x: Tensor) => Tensor, x: Tensor, direction: Tensor): Promise<number> {
  const ahead = await fn(x.add(direction.mul(STEP))).item();
  const behind = await fn(x.sub(direction.mul(STEP))).item();
  return (ahead - behind) / (2 * STEP);
}

/** Checks the first derivative of a scalar function, and the derivative of half its squared gradient. */
async function checkGradients(fn: (x: Tensor) => Tensor, x: Tensor): Promise<void> {
  const leaf = x.detach().clone();
  leaf.requiresGrad = true;
  const direction = randn(x.shape);
  const first = grad(fn(leaf), leaf);
  const along = await first.mul(direction).sum().item();
  const scale = await first.square().sum().sqrt().mul(direction.square().sum().sqrt()).item();
  expect(Math.abs(along - (await slope(fn, x, direction)))).toBeLessThan(0.02 * scale + 1e-3);

  const energy = (at: Tensor): Tensor => {
    const here = at.detach().clone();
    here.requiresGrad = true;
    return grad(fn(here), here).square().sum().mul(0.5);
  };
  const again = x.detach().clone();
  again.requiresGrad = true;
  const penalty = grad(fn(again), again, { createGraph: true }).square().sum().mul(0.5);
  const second = grad(penalty, again);
  const alongSecond = await second.mul(direction).sum().item();
  const scaleSecond = await second.square().sum().sqrt().mul(direction.square().sum().sqrt()).item();
  expect(Math.abs(alongSecond - (await slope(energy, x, direction)))).toBeLessThan(0.03 * scaleSecond + 2e-3);
}

/** A weighting that makes any output a scalar that depends on every element in its own way. Its seed is none of the
 *  inputs': weighted by the input itself, normalisation has second derivatives of zero, and differences show noise. */
const weighted = (y: Tensor): Tensor => {
  manualSeed(1011);
  return y.mul(randn(y.shape)).sum();
};

const shapes = fc.record({
  n: fc.integer({ min: 2, max: 3 }),
  c: fc.constantFrom(2, 4),
  h: fc.integer({ min: 2, max: 4 }),
  w: fc.integer({ min: 2, max: 3 }),
});

describe("closed forms", () => {
  const cases: [string, (x: Tensor) => Tensor][] = [
    ["batchNorm", (x) => F.batchNorm(x, null, null, { training: true, weight: randn([x.shape[1]]) })],
    ["layerNorm", (x) => F.layerNorm(x, x.shape.slice(2))],
    ["groupNorm", (x) => F.groupNorm(x, 2)],
    ["instanceNorm", (x) => F.instanceNorm(x)],
    ["localResponseNorm", (x) => F.localResponseNorm(x, 3, { alpha: 0.5 })],
    ["crossEntropy", (x) => F.crossEntropy(x, x.mul(0).argmax(1), { labelSmoothing: 0.1 })],
    ["avgPool2d", (x) => F.avgPool2d(x, 2, { stride: 1, padding: 1, countIncludePad: false }).square()],
    ["attention", (x) => F.scaledDotProductAttention(x, x, x)],
  ];
  it.each(cases)("%s has the gradient, and the second, that differences show", async (_name, op) => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 0, max: 99 }), async ({ n, c, h, w }, seed) => {
        manualSeed(seed);
        const x = randn([n, c, h, w]);
        await checkGradients((t) => {
          manualSeed(1005);
          return weighted(op(t));
        }, x);
      }),
      { numRuns: 3 },
    );
  });

  it("maxPool2d routes gradients to the maxima it reports", async () => {
    const given = fc.record({
      kernel: fc.integer({ min: 2, max: 3 }),
      stride: fc.integer({ min: 1, max: 3 }),
      padding: fc.integer({ min: 0, max: 1 }),
      ceilMode: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(given, async ({ kernel, ...options }) => {
        const x = randn([2, 1, 7, 6], { requiresGrad: true });
        const { values, indices } = F.maxPool2dWithIndices(x, kernel, options);
        values.sum().backward();
        const want = new Float32Array(2 * 42);
        const at = await indices.data();
        at.forEach((i, k) => {
          want[Math.floor(k / (at.length / 2)) * 42 + Number(i)]++;
        });
        expect(Array.from(await x.grad!.data(), Number)).toEqual(Array.from(want));
      }),
      { numRuns: 10 },
    );
  });

  it("a wrong closed form would be seen", async () => {
    const wrong = (x: Tensor): Tensor => customVjp(x.square(), [x], (g) => [g.mul(x)]).sum();
    await expect(checkGradients(wrong, randn([4]))).rejects.toThrow();
  });
});
