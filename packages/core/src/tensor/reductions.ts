/** Reductions of a tensor, what is normalised by them, and matrix products. */

import { ShapeError } from "../errors.js";
import type { Node } from "../node.js";
import * as C from "../ops/contract.js";
import { constant, fill } from "../ops/create.js";
import * as I from "../ops/index.js";
import { convert, elementwise } from "../ops/map.js";
import * as M from "../ops/movement.js";
import * as N from "../ops/normal.js";
import * as R from "../ops/reduce.js";
import type { Tensor } from "../tensor.js";
import { Arithmetic } from "./arithmetic.js";

export interface ReduceOptions {
  /** Keep reduced dimensions with size 1. */
  keepdim?: boolean;
}

export abstract class Reductions extends Arithmetic {
  // Reductions.

  protected reduced(op: string, dim: R.Dims, options: ReduceOptions, of: (x: Node, axes: number[]) => Node): Tensor {
    const x = this.node;
    const axes = R.axesOf(op, dim, x.shape.length);
    return this.derived(R.finish(of(x, axes), axes, x.shape, options.keepdim ?? false));
  }
  sum(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("sum", dim, options, (x, axes) => R.reduce(x, "sum", axes));
  }
  mean(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("mean", dim, options, R.mean);
  }
  prod(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("prod", dim, options, (x, axes) => R.reduce(x, "prod", axes));
  }
  amax(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("amax", dim, options, (x, axes) => R.reduce(x, "max", axes));
  }
  amin(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("amin", dim, options, (x, axes) => R.reduce(x, "min", axes));
  }
  any(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.bool().reduced("any", dim, options, (x, axes) => convert(R.reduce(x, "sum", axes), "bool"));
  }
  all(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.bool().reduced("all", dim, options, (x, axes) => convert(R.reduce(x, "prod", axes), "bool"));
  }
  var(dim?: R.Dims, options: ReduceOptions & { correction?: number; unbiased?: boolean } = {}): Tensor {
    const correction = options.correction ?? (options.unbiased === false ? 0 : 1);
    return this.reduced("var", dim, options, (x, axes) => R.variance(x, axes, correction));
  }
  std(dim?: R.Dims, options: ReduceOptions & { correction?: number; unbiased?: boolean } = {}): Tensor {
    const correction = options.correction ?? (options.unbiased === false ? 0 : 1);
    return this.reduced("std", dim, options, (x, axes) => elementwise("sqrt", R.variance(x, axes, correction)));
  }
  logsumexp(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("logsumexp", dim, options, R.logSumExp);
  }
  /** (Σ |x|^p)^(1/p). As torch.linalg.vector_norm. */
  norm(p = 2, dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("norm", dim, options, (x, axes) => N.norm(x, p, axes));
  }
  /** Position (int32) of the first largest element: along `dim`, or in the flattened tensor. */
  argmax(dim?: number, options: ReduceOptions = {}): Tensor {
    return this.extreme("max", dim, options);
  }
  argmin(dim?: number, options: ReduceOptions = {}): Tensor {
    return this.extreme("min", dim, options);
  }
  protected extreme(op: "max" | "min", dim: number | undefined, options: ReduceOptions): Tensor {
    const x = dim === undefined ? M.reshape(this.node, [-1]) : this.node;
    const axis = M.dimOf(`arg${op}`, dim ?? 0, x.shape.length);
    if (x.shape.length === 0) return this.derived(fill([], constant(0, "int32")));
    return this.derived(R.finish(R.argExtreme(x, op, axis), [axis], x.shape, options.keepdim ?? false));
  }
  /** The largest elements along `dim` and the positions of the first of them. */
  max(dim: number, options: ReduceOptions = {}): { values: Tensor; indices: Tensor } {
    return this.picked("max", dim, options);
  }
  min(dim: number, options: ReduceOptions = {}): { values: Tensor; indices: Tensor } {
    return this.picked("min", dim, options);
  }
  protected picked(op: "max" | "min", dim: number, options: ReduceOptions): { values: Tensor; indices: Tensor } {
    const axis = M.dimOf(op, dim, this.ndim);
    const at = R.keep(R.argExtreme(this.node, op, axis), [axis], this.shape);
    const values = I.gather(this.node, axis, at);
    const end = (n: Node): Tensor =>
      this.derived(
        options.keepdim
          ? n
          : M.reshape(
              n,
              this.shape.filter((_, i) => i !== axis),
            ),
      );
    return { values: end(values), indices: end(at) };
  }
  softmax(dim: number): Tensor {
    return this.derived(N.softmax(this.node, M.dimOf("softmax", dim, this.ndim)));
  }
  logSoftmax(dim: number): Tensor {
    return this.derived(N.logSoftmax(this.node, M.dimOf("logSoftmax", dim, this.ndim)));
  }
  cumsum(dim: number): Tensor {
    return this.derived(I.cumsum(this.node, dim));
  }

  // Products.

  matmul(other: Tensor): Tensor {
    return this.derived(C.matmul(this.node, other.node));
  }
  /** Product of two matrices. */
  mm(other: Tensor): Tensor {
    if (this.ndim !== 2 || other.ndim !== 2)
      throw new ShapeError(`mm: expected two matrices, got shapes [${this.shape}] and [${other.shape}]`);
    return this.matmul(other);
  }
  /** Product of two batches of matrices. */
  bmm(other: Tensor): Tensor {
    if (this.ndim !== 3 || other.ndim !== 3 || this.shape[0] !== other.shape[0])
      throw new ShapeError(`bmm: expected shapes [b, m, k] and [b, k, n], got [${this.shape}] and [${other.shape}]`);
    return this.matmul(other);
  }
}
