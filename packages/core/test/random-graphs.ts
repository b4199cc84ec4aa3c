/** Random graphs of small tensors, for properties of the compiler: every operator that it treats in a way of its own. */

import fc from "fast-check";
import * as k from "../dist/index.js";

type Step = (pool: k.Tensor[], pick: (n: number) => number) => k.Tensor;

const last = (pool: k.Tensor[], pick: (n: number) => number): k.Tensor => pool[Math.max(0, pool.length - 1 - pick(3))];

/** Steps keep values near 1, so that errors can be compared. */
const STEPS: Record<string, Step> = {
  add: (p, r) => {
    const a = last(p, r);
    const same = p.filter((t) => t.shape.join() === a.shape.join());
    return a.add(same[r(same.length)]).mul(0.5);
  },
  sub: (p, r) => last(p, r).sub(0.25),
  relu: (p, r) => last(p, r).relu(),
  tanh: (p, r) => last(p, r).tanh(),
  sigmoid: (p, r) => last(p, r).sigmoid(),
  square: (p, r) => last(p, r).square().clamp(-2, 2),
  where: (p, r) => {
    const a = last(p, r);
    return k.where(a.gt(0.1), a, a.neg());
  },
  sumKeep: (p, r) => {
    const a = last(p, r);
    return a.ndim === 0 ? a : a.sub(a.mean(r(a.ndim), { keepdim: true }));
  },
  standardize: (p, r) => {
    const a = last(p, r);
    if (a.ndim < 2) return a;
    const dims = a.ndim > 2 ? [0, a.ndim - 1] : [a.ndim - 1];
    const m = a.mean(dims, { keepdim: true });
    return a.sub(m).mul(a.sub(m).square().mean(dims, { keepdim: true }).add(1).rsqrt());
  },
  sum: (p, r) => {
    const a = last(p, r);
    return a.ndim < 2 ? a : a.mean(r(a.ndim));
  },
  max: (p, r) => {
    const a = last(p, r);
    return a.ndim < 2 ? a : a.amax(r(a.ndim));
  },
  softmax: (p, r) => {
    const a = last(p, r);
    return a.ndim === 0 ? a : a.softmax(r(a.ndim)).mul(2);
  },
  permute: (p, r) => {
    const a = last(p, r);
    const order = a.shape.map((_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = r(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return a.permute(order);
  },
  reshape: (p, r) => {
    const a = last(p, r);
    const factors = [1, 2, 3, 4, 6].filter((f) => a.numel % f === 0);
    return a.reshape([factors[r(factors.length)], -1]);
  },
  slice: (p, r) => {
    const a = last(p, r);
    if (a.ndim === 0) return a;
    const d = r(a.ndim);
    return a.shape[d] < 2 ? a : a.slice(d, r(2), a.shape[d], 1 + r(2));
  },
  flip: (p, r) => {
    const a = last(p, r);
    return a.ndim === 0 ? a : a.flip([r(a.ndim)]);
  },
  pad: (p, r) => {
    const a = last(p, r);
    return a.ndim === 0 || a.numel > 200 ? a : a.pad([r(3), r(2)], r(2));
  },
  unfold: (p, r) => {
    const a = last(p, r);
    if (a.ndim === 0 || a.numel > 100) return a;
    const d = r(a.ndim);
    return a.shape[d] < 3 ? a : a.unfold(d, 2, 1 + r(2), 1 + r(2));
  },
  cat: (p, r) => {
    const a = last(p, r);
    return a.ndim === 0 || a.numel > 150 ? a : k.cat([a, a.mul(0.5)], r(a.ndim));
  },
  gather: (p, r) => {
    const a = last(p, r);
    if (a.ndim === 0) return a;
    const d = r(a.ndim);
    const index = Int32Array.from({ length: 3 }, (_, i) => (i * 7 + r(5)) % a.shape[d]);
    return a.indexSelect(d, k.fromHost(index, [3]));
  },
  cumsum: (p, r) => {
    const a = last(p, r);
    return a.ndim === 0 ? a : a.cumsum(r(a.ndim)).mul(0.3);
  },
  sort: (p, r) => {
    const a = last(p, r);
    return a.ndim === 0 ? a : a.sort(r(a.ndim)).values;
  },
  matmul: (p, r) => {
    const a = last(p, r);
    if (a.ndim < 2) return a;
    const n = 1 + r(4);
    const b = k.linspace(-1, 1, a.shape[a.ndim - 1] * n).reshape([a.shape[a.ndim - 1], n]);
    return a
      .matmul(b)
      .mul(1 / a.shape[a.ndim - 1])
      .add(0.1);
  },
  conv: (p, r) => {
    const a = last(p, r);
    if (a.ndim !== 3 || a.numel > 150 || a.shape[0] === 0) return a;
    const [c, h, w] = a.shape;
    const kernel = k
      .linspace(-0.5, 0.5, 2 * c * Math.min(2, h) * Math.min(2, w))
      .reshape([2, c, Math.min(2, h), Math.min(2, w)]);
    const y = k.conv2d(a.unsqueeze(0), kernel, { padding: [r(2), r(2), 1, 0], stride: [1 + r(2), 1] });
    return y
      .add(k.tensor([0.1, -0.1]).reshape([1, 2, 1, 1]))
      .relu()
      .squeeze(0);
  },
};

export interface Program {
  readonly seed: readonly number[];
  readonly names: readonly (keyof typeof STEPS)[];
  readonly choices: readonly number[];
}

export const programs: fc.Arbitrary<Program> = fc.record({
  seed: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  names: fc.array(fc.constantFrom(...Object.keys(STEPS)), { minLength: 1, maxLength: 9 }),
  choices: fc.array(fc.nat(1000), { minLength: 40, maxLength: 40 }),
});

/** The leaves and the results of a program. Leaves hold distinct values, away from kinks. */
export function build(program: Program, requiresGrad = false): { leaves: k.Tensor[]; results: k.Tensor[] } {
  let at = 0;
  const pick = (n: number): number => program.choices[at++ % program.choices.length] % n;
  const numel = program.seed.reduce((a, b) => a * b, 1);
  const leaf = (phase: number): k.Tensor =>
    k.fromHost(
      Float32Array.from({ length: numel }, (_, i) => Math.sin(1.7 * i + phase) * 0.9),
      program.seed,
    );
  const leaves = [leaf(0.3), leaf(1.1)];
  if (requiresGrad) for (const l of leaves) l.requiresGrad = true;
  const pool: k.Tensor[] = [...leaves];
  for (const name of program.names) pool.push(STEPS[name](pool, pick));
  return { leaves, results: pool.slice(2) };
}
