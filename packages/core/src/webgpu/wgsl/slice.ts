/**
 * Kernels over a part of their output: what is done where a kernel's buffers lie in more pieces than a dispatch binds.
 * A slice addresses the same buffers from another origin.
 */

import { type Expr, expr, mapLeaves } from "../../expr.js";
import type { Access, ConvKernel, Epilogue, Kernel, LoopKernel, MatmulKernel, Stage } from "../../kernel.js";

/** A cut across one dimension: the positions from `from` on, `count` of them. */
interface Cut {
  readonly dimension: number;
  readonly from: number;
  readonly count: number;
}

/** A dimension along which a kernel can be cut: its size, and the stride of the output along it. */
export interface Divisible {
  readonly size: number;
  readonly target: Access;
  readonly stride: number;
  slice(from: number, count: number): Kernel;
}

/** The dimensions along which a kernel can be cut. */
export function divisions(kernel: Kernel): Divisible[] {
  switch (kernel.kind) {
    case "loop": {
      const { target } = kernel.stages.find((s): s is Stage & { kind: "store" } => s.kind === "store")!;
      return kernel.rows.map((size, dimension) => ({
        size,
        target,
        stride: target.strides[dimension],
        slice: (from, count) => sliceLoop(kernel, { dimension, from, count }),
      }));
    }
    case "matmul": {
      const { target } = kernel.epilogue;
      return [...kernel.batch, kernel.m, kernel.n].map((size, dimension) => ({
        size,
        target,
        stride: target.strides[dimension],
        slice: (from, count) => sliceMatmul(kernel, { dimension, from, count }),
      }));
    }
    case "scan":
    case "sort":
      return kernel.rows.map((size, dimension) => ({
        size,
        target: kernel.target,
        stride: kernel.target.strides[dimension],
        slice: (from, count) => {
          const cut = { dimension, from, count };
          const moved = { source: moveAccess(kernel.source, cut), target: moveAccess(kernel.target, cut) };
          return { ...kernel, ...moved, rows: resize(kernel.rows, cut) };
        },
      }));
    default:
      return convDivisions(kernel);
  }
}

/** Which dimension of a, of b and of the output a size of the convolution is; null where an operand does not have it. */
function convDivisions(kernel: ConvKernel): Divisible[] {
  const { shape, epilogue } = kernel;
  const division = (name: "n" | "ic" | "oc", a: number | null, b: number | null, out: number): Divisible => ({
    size: shape[name],
    target: epilogue.target,
    stride: epilogue.target.strides[out],
    slice: (from, count) => {
      const move = (access: Access, dimension: number | null): Access =>
        dimension === null ? access : moveAccess(access, { dimension, from, count });
      return {
        ...kernel,
        shape: { ...shape, [name]: count },
        a: move(kernel.a, a),
        b: move(kernel.b, b),
        epilogue: sliceEpilogue(epilogue, { dimension: out, from, count }),
      };
    },
  });
  const whole = shape.groups === 1;
  switch (kernel.kind) {
    case "conv2d":
      return [division("n", 0, null, 0), ...(whole ? [division("oc", null, 0, 1)] : [])];
    case "conv2dInputGrad":
      return [division("n", 0, null, 0), ...(whole ? [division("ic", null, 1, 1)] : [])];
    default:
      return whole ? [division("oc", null, 1, 0), division("ic", 1, null, 1)] : [];
  }
}

const resize = (sizes: readonly number[], { dimension, count }: Cut): number[] =>
  sizes.map((n, d) => (d === dimension ? count : n));

const moveAccess = (access: Access, { dimension, from }: Cut): Access => ({
  ...access,
  offset: access.offset + from * access.strides[dimension],
  bounds: access.bounds.map((b) => ({ ...b, offset: b.offset + from * b.strides[dimension] })),
});

/** Positions along the cut dimension are counted from the slice's first. */
function moveIndex(value: Expr, { dimension, from }: Cut): Expr {
  if (from === 0) return value;
  return mapLeaves(value, (e) =>
    e.op === "index" && e.value === dimension ? expr("add", "i32", [e, expr("const", "i32", [], from)]) : e,
  );
}

function sliceLoop(kernel: LoopKernel, cut: Cut): LoopKernel {
  const stages = kernel.stages.map((s): Stage => {
    const value = moveIndex(s.value, cut);
    return s.kind === "store" ? { ...s, value, target: moveAccess(s.target, cut) } : { ...s, value };
  });
  const sources = kernel.sources.map((s) => moveAccess(s, cut));
  return { ...kernel, rows: resize(kernel.rows, cut), sources, stages };
}

const sliceEpilogue = (end: Epilogue, cut: Cut): Epilogue => ({
  sources: end.sources.map((s) => moveAccess(s, cut)),
  value: moveIndex(end.value, cut),
  target: moveAccess(end.target, cut),
});

function sliceMatmul(kernel: MatmulKernel, cut: Cut): MatmulKernel {
  const rank = kernel.batch.length;
  const { dimension } = cut;
  const epilogue = sliceEpilogue(kernel.epilogue, cut);
  if (dimension === rank) return { ...kernel, m: cut.count, a: moveAccess(kernel.a, cut), epilogue };
  if (dimension > rank) return { ...kernel, n: cut.count, b: moveAccess(kernel.b, cut), epilogue };
  const [a, b] = [moveAccess(kernel.a, cut), moveAccess(kernel.b, cut)];
  return { ...kernel, batch: resize(kernel.batch, cut), a, b, epilogue };
}
