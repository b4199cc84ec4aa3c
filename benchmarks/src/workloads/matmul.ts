// Square matrix products.

import { input, realize, type Workload } from "../workload.js";

const matmul = (n: number): Workload => ({
  task: { name: `matmul ${n}`, op: "matmul", m: n, k: n, n },
  flops: 2 * n ** 3,
  prepare() {
    const a = input([n, n]);
    const b = input([n, n]);
    return () => realize(a.matmul(b));
  },
});

export const matmuls = [256, 512, 1024, 2048].map(matmul);
