// Matrix products: square ones, and the shapes that networks have, of which each starves a kernel of something else.

import type { MatmulTask } from "../../peers/tasks.js";
import { input, realize, type Workload } from "../workload.js";

type Shape = Omit<MatmulTask, "op">;

function matmul(shape: Shape): Workload {
  const { batch, m, k, n } = shape;
  const sizes = m === k && k === n ? `${n}` : `${m}x${k}x${n}`;
  const batches = batch === undefined ? [] : [batch];
  return {
    task: { name: `matmul ${batch === undefined ? "" : `${batch} of `}${sizes}`, op: "matmul", ...shape },
    flops: 2 * (batch ?? 1) * m * k * n,
    prepare() {
      const a = input([...batches, m, k]);
      const b = input([...batches, k, n]);
      return () => realize(a.matmul(b));
    },
  };
}

const square = (n: number): Shape => ({ m: n, k: n, n });

const shapes: Shape[] = [
  ...[128, 256, 512, 1024, 2048].map(square),
  { m: 8192, k: 64, n: 64 },
  { m: 64, k: 64, n: 8192 },
  { m: 64, k: 8192, n: 64 },
  // ViT-B/16 on one picture: a layer's projection, its MLP, the scores and the values of its twelve heads.
  { m: 197, k: 768, n: 768 },
  { m: 197, k: 768, n: 3072 },
  { batch: 12, m: 197, k: 64, n: 197 },
  { batch: 12, m: 197, k: 197, n: 64 },
  // ResNet-50's head on one picture and on 64.
  { m: 1, k: 2048, n: 1000 },
  { m: 64, k: 2048, n: 1000 },
  { batch: 256, ...square(64) },
];

export const matmuls = shapes.map(matmul);
