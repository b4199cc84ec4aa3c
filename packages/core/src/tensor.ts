/**
 * The tensor that users hold: a handle on a node of the lazy graph. Methods are torch's, in camelCase; they build nodes
 * and run nothing. Values arrive with `await t.data()`, `item()` and `toArray()`. What it can do stands in layers:
 * `tensor/handle.ts`, `arithmetic.ts`, `reductions.ts`, `views.ts`, and here what is addressed by index.
 */

import { engine } from "./engine.js";
import { ArgumentError } from "./errors.js";
import type { Node } from "./node.js";
import { hostLeaf } from "./ops/create.js";
import * as I from "./ops/index.js";
import * as N from "./ops/normal.js";
import { Views } from "./tensor/views.js";

export type { Operand } from "./tensor/arithmetic.js";
export type { ReduceOptions } from "./tensor/reductions.js";

export class Tensor extends Views {
  /** A tensor that user code made: it may be a result. */
  static made(node: Node): Tensor {
    engine.track(node);
    return new Tensor(node);
  }

  protected override wrap(node: Node): Tensor {
    return new Tensor(node);
  }

  // By index.

  gather(dim: number, index: Tensor): Tensor {
    return this.derived(I.gather(this.node, dim, index.node));
  }
  scatter(dim: number, index: Tensor, source: Tensor): Tensor {
    return this.derived(I.scatter(this.node, dim, index.node, source.node));
  }
  scatterAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    return this.derived(I.scatterAdd(this.node, dim, index.node, source.node));
  }
  indexSelect(dim: number, index: Tensor): Tensor {
    return this.derived(I.indexSelect(this.node, dim, index.node));
  }
  indexAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    return this.derived(N.indexAdd(this.node, dim, index.node, source.node));
  }
  topk(k: number, dim = -1, options: { largest?: boolean } = {}): { values: Tensor; indices: Tensor } {
    return this.ordered(dim, options.largest ?? true, k);
  }
  sort(dim = -1, options: { descending?: boolean } = {}): { values: Tensor; indices: Tensor } {
    return this.ordered(dim, options.descending ?? false);
  }
  argsort(dim = -1, options: { descending?: boolean } = {}): Tensor {
    return this.ordered(dim, options.descending ?? false).indices;
  }
  protected ordered(dim: number, descending: boolean, take?: number): { values: Tensor; indices: Tensor } {
    const order = I.argsort(this.node, dim, descending, take);
    const values = this.ndim === 0 ? this.node : I.gather(this.node, dim, order);
    return { values: this.derived(values), indices: this.derived(order) };
  }

  /** Indexing by a list, one entry a dimension: a number selects, null keeps all, [start, end, step?] slices, an integer
   *  tensor picks rows. */
  index(entries: readonly (number | null | readonly [number?, number?, number?] | Tensor)[]): Tensor {
    if (entries.length > this.ndim)
      throw new ArgumentError(`index: ${entries.length} entries for a tensor of shape [${this.shape}]`);
    let result: Tensor = this;
    let dim = 0;
    for (const e of entries) {
      if (typeof e === "number") result = result.select(dim, e);
      else if (e === null) dim++;
      else if (e instanceof Tensor) result = result.indexSelect(dim, fromEnd(e, result.shape[dim++]));
      else result = result.slice(dim++, e[0] ?? 0, e[1] ?? Number.MAX_SAFE_INTEGER, e[2] ?? 1);
    }
    return result;
  }
}

/** Positions with those below 0 counted from the end of a dimension of `size`. */
function fromEnd(index: Tensor, size: number): Tensor {
  const host = index.hostData();
  if (!host) return index.where(index.ge(0), index.add(size));
  const values = Int32Array.from(host as ArrayLike<number | bigint>, (v) =>
    Number(v) < 0 ? Number(v) + size : Number(v),
  );
  return Tensor.made(hostLeaf(values, index.shape, "int32"));
}
