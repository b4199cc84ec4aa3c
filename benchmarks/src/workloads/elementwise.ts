// Work that memory bounds: elementwise chains, reductions, normalisation, pooling, and moving data about, on tensors
// larger than the caches. A plain copy of 10 million elements tells what the memory gives.

import { cat, grad, scoped, type Tensor } from "@kindling/core";
import * as nn from "@kindling/nn";
import type { ElementwiseTask } from "../../peers/tasks.js";
import { input, realize, type Workload } from "../workload.js";

type Work = ElementwiseTask["work"];

interface Case {
  shape: readonly number[];
  /** Times that a tensor of `shape` must pass through memory: each input is read once, each output written once. */
  passes: number;
  /** Makes the inputs; the function that it gives makes the results of a run. */
  prepare(shape: readonly number[]): () => readonly Tensor[];
}

const million = 1e6;
const table = [8192, 1024];
const pictures = [32, 64, 56, 56];
/** What ResNet-18 pools, batch 8. */
const wide = [8, 64, 112, 112];

/** A function of one tensor. */
const map = (shape: readonly number[], passes: number, f: (x: Tensor) => Tensor): Case => ({
  shape,
  passes,
  prepare(shape) {
    const x = input(shape);
    return () => [scoped(() => f(x))];
  },
});

/** A function of a tensor and a small one. */
const mapWith = (shape: readonly number[], small: readonly number[], f: (x: Tensor, y: Tensor) => Tensor): Case => ({
  shape,
  passes: 2,
  prepare(shape) {
    const [x, y] = [input(shape), input(small)];
    return () => [scoped(() => f(x, y))];
  },
});

/** The gradient of `f` with respect to its input. */
const gradient = (shape: readonly number[], passes: number, f: (x: Tensor) => Tensor): Case => ({
  shape,
  passes,
  prepare(shape) {
    const x = input(shape, { requiresGrad: true });
    const gradOutputs = [input(f(x).shape)];
    return () => [scoped(() => grad(f(x), x, { gradOutputs }))];
  },
});

const maxPool = (x: Tensor): Tensor => nn.functional.maxPool2d(x, 3, { stride: 2, padding: 1 });

/** In training the mean must be known before the variance's terms, and both before the result: two passes over x. */
const batchNormInput = (shape: readonly number[], requiresGrad: boolean) => {
  const channels = [shape[1]];
  const weight = input(channels, { requiresGrad });
  const bias = input(channels, { requiresGrad });
  const x = input(shape, { requiresGrad });
  const normalized = () => nn.functional.batchNorm(x, null, null, { weight, bias, training: true });
  return { x, weight, bias, normalized };
};

const cases: Record<Work, Case> = {
  copy: map([10 * million], 2, (x) => x.clone()),
  chain: {
    shape: [10 * million],
    passes: 3,
    prepare(shape) {
      const [x, y] = [input(shape), input(shape)];
      return () => [scoped(() => x.mul(1.5).add(0.25).relu().mul(0.7).sub(0.3).sigmoid().mul(x).add(y))];
    },
  },
  exp: map([10 * million], 2, (x) => x.exp()),
  tanh: map([10 * million], 2, (x) => x.tanh()),
  gelu: map([10 * million], 2, (x) => nn.functional.gelu(x)),
  sum: map([10 * million], 1, (x) => x.sum()),
  sumRows: map(table, 1, (x) => x.sum(1)),
  sumColumns: map(table, 1, (x) => x.sum(0)),
  sumChannels: map(pictures, 1, (x) => x.sum([0, 2, 3])),
  softmax: map(table, 2, (x) => x.softmax(1)),
  layerNorm: {
    shape: table,
    passes: 2,
    prepare(shape) {
      const [x, weight, bias] = [input(shape), input(shape.slice(1)), input(shape.slice(1))];
      return () => [nn.functional.layerNorm(x, shape.slice(1), { weight, bias })];
    },
  },
  batchNorm: {
    shape: pictures,
    passes: 3,
    prepare(shape) {
      const { normalized } = batchNormInput(shape, false);
      return () => [normalized()];
    },
  },
  // Forward 3; backward reads x and the gradient for their sums over a channel, and again for the result.
  batchNormStep: {
    shape: pictures,
    passes: 3 + 5,
    prepare(shape) {
      const { x, weight, bias, normalized } = batchNormInput(shape, true);
      const gradOutputs = [input(shape)];
      return () => {
        const y = normalized();
        return [y, ...grad(y, [x, weight, bias], { gradOutputs })];
      };
    },
  },
  transpose: map([4096, 4096], 2, (x) => x.transpose(0, 1).clone()),
  channelsLast: map(pictures, 2, (x) => x.permute([0, 2, 3, 1]).clone()),
  addRow: mapWith(table, [1024], (x, y) => x.add(y)),
  addChannel: mapWith(pictures, [64, 1, 1], (x, y) => x.add(y)),
  cat: {
    shape: pictures,
    passes: 4,
    prepare(shape) {
      const [x, y] = [input(shape), input(shape)];
      return () => [cat([x, y], 1)];
    },
  },
  maxPool: map(wide, 1.25, maxPool),
  maxPoolGrad: gradient(wide, 2.25, maxPool),
  avgPool: map(wide, 1.25, (x) => nn.functional.avgPool2d(x, 2)),
  globalAvgPool: map([256, 512, 7, 7], 1, (x) => x.mean([2, 3])),
};

const workload = ([work, { shape, passes, prepare }]: [Work, Case]): Workload => ({
  task: { name: `elementwise ${work} ${shape.join("x")}`, op: "elementwise", work, shape: [...shape] },
  bytes: 4 * passes * shape.reduce((a, b) => a * b),
  prepare() {
    const run = prepare(shape);
    return () => realize(...run());
  },
});

export const elementwise = (Object.entries(cases) as [Work, Case][]).map(workload);
