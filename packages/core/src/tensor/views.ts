/** Other shapes of a tensor: views, which share its memory and into which may be written, and what repeats or pads. */

import { ArgumentError, ShapeError } from "../errors.js";
import type { Node } from "../node.js";
import * as M from "../ops/movement.js";
import * as N from "../ops/normal.js";
import type { Tensor } from "../tensor.js";
import { Reductions } from "./reductions.js";

export abstract class Views extends Reductions {
  // Views.

  /** The elements in another shape: a view, but a copy of what was permuted or expanded, as in torch. */
  reshape(shape: readonly number[]): Tensor {
    return this.reshaped((n) => M.reshape(n, shape));
  }
  private reshaped(of: (n: Node) => Node): Tensor {
    return isScattered(this.node) ? this.derived(of(this.node)) : this.viewed(of);
  }
  view(shape: readonly number[]): Tensor {
    return this.reshape(shape);
  }
  flatten(start = 0, end = -1): Tensor {
    if (this.ndim === 0) return this.reshape([1]);
    const [a, b] = [M.dimOf("flatten", start, this.ndim), M.dimOf("flatten", end, this.ndim)];
    if (a > b) throw new ArgumentError(`flatten: start ${start} comes after end ${end}`);
    return this.reshaped((n) =>
      M.reshape(n, [
        ...n.shape.slice(0, a),
        n.shape.slice(a, b + 1).reduce((p, q) => p * q, 1),
        ...n.shape.slice(b + 1),
      ]),
    );
  }
  unflatten(dim: number, sizes: readonly number[]): Tensor {
    const d = M.dimOf("unflatten", dim, this.ndim);
    return this.reshape([...this.shape.slice(0, d), ...sizes, ...this.shape.slice(d + 1)]);
  }
  permute(dims: readonly number[]): Tensor {
    return this.viewed((n) => M.permute(n, dims));
  }
  transpose(a: number, b: number): Tensor {
    const order = this.shape.map((_, i) => i);
    const [i, j] = [M.dimOf("transpose", a, this.ndim), M.dimOf("transpose", b, this.ndim)];
    [order[i], order[j]] = [order[j], order[i]];
    return this.permute(order);
  }
  t(): Tensor {
    if (this.ndim > 2)
      throw new ShapeError(`t(): expected at most two dimensions, got shape [${this.shape}]; use permute`);
    return this.ndim < 2 ? this.self : this.transpose(0, 1);
  }
  squeeze(dim?: number): Tensor {
    const d = dim === undefined ? -1 : M.dimOf("squeeze", dim, this.ndim);
    return this.viewed((n) =>
      M.reshape(
        n,
        n.shape.filter((s, i) => s !== 1 || (d >= 0 && i !== d)),
      ),
    );
  }
  unsqueeze(dim: number): Tensor {
    const d = M.dimOf("unsqueeze", dim, this.ndim + 1);
    return this.viewed((n) => M.reshape(n, [...n.shape.slice(0, d), 1, ...n.shape.slice(d)]));
  }
  expand(shape: readonly number[]): Tensor {
    return this.viewed((n) => M.expand(n, shape));
  }
  broadcastTo(shape: readonly number[]): Tensor {
    return this.expand(shape);
  }
  expandAs(other: Tensor): Tensor {
    return this.expand(other.shape);
  }
  repeat(times: readonly number[]): Tensor {
    return this.derived(N.repeat(this.node, times));
  }
  repeatInterleave(times: number, dim: number): Tensor {
    return this.derived(N.repeatInterleave(this.node, times, M.dimOf("repeatInterleave", dim, this.ndim)));
  }
  flip(dims: readonly number[]): Tensor {
    return this.derived(M.flip(this.node, dims));
  }
  roll(shifts: readonly number[], dims: readonly number[]): Tensor {
    return this.derived(N.roll(this.node, shifts, dims));
  }
  slice(dim: number, start = 0, end = Number.MAX_SAFE_INTEGER, step = 1): Tensor {
    return this.viewed((n) => M.sliceDim(n, dim, start, end, step));
  }
  narrow(dim: number, start: number, length: number): Tensor {
    const d = M.dimOf("narrow", dim, this.ndim);
    const from = start < 0 ? start + this.shape[d] : start;
    if (from < 0 || length < 0 || from + length > this.shape[d])
      throw new ArgumentError(
        `narrow: ${length} elements from ${start} do not lie within dimension ${d} of shape [${this.shape}]`,
      );
    return this.slice(d, from, from + length);
  }
  select(dim: number, index: number): Tensor {
    const d = M.dimOf("select", dim, this.ndim);
    const size = this.shape[d];
    if (this.ndim === 0 || !Number.isInteger(index) || index < -size || index >= size)
      throw new ArgumentError(`select: index ${index} is out of range for dimension ${d} of shape [${this.shape}]`);
    const i = index < 0 ? index + size : index;
    return this.viewed((n) => {
      const row = M.sliceDim(n, d, i, i + 1, 1);
      return M.reshape(
        row,
        row.shape.filter((_, j) => j !== d),
      );
    });
  }
  /** Element or row `i` of the first dimension. */
  at(i: number): Tensor {
    return this.select(0, i);
  }
  split(sizes: number | readonly number[], dim = 0): Tensor[] {
    const d = M.dimOf("split", dim, this.ndim);
    const total = this.shape[d];
    if (typeof sizes === "number" && !(sizes > 0))
      throw new ArgumentError(`split: the size must be positive, got ${sizes}`);
    const list =
      typeof sizes === "number"
        ? Array.from({ length: Math.max(1, Math.ceil(total / sizes)) }, (_, i) => Math.min(sizes, total - i * sizes))
        : sizes;
    if (list.reduce((a, b) => a + b, 0) !== total)
      throw new ArgumentError(
        `split: sizes [${list}] do not add up to ${total}, dimension ${d} of shape [${this.shape}]`,
      );
    let at = 0;
    return list.map((n) => {
      const part = this.narrow(d, at, n);
      at += n;
      return part;
    });
  }
  chunk(chunks: number, dim = 0): Tensor[] {
    return this.split(Math.max(1, Math.ceil(this.shape[M.dimOf("chunk", dim, this.ndim)] / chunks)), dim);
  }
  unbind(dim = 0): Tensor[] {
    return Array.from({ length: this.shape[M.dimOf("unbind", dim, this.ndim)] }, (_, i) => this.select(dim, i));
  }
  tril(diagonal = 0): Tensor {
    return this.derived(N.triangle(this.node, diagonal, true));
  }
  triu(diagonal = 0): Tensor {
    return this.derived(N.triangle(this.node, diagonal, false));
  }
  /** Padding as torch.nn.functional.pad: pairs (before, after) from the last dimension on; negative amounts crop. */
  pad(amounts: readonly number[], value = 0): Tensor {
    if (amounts.length % 2 !== 0 || amounts.length > 2 * this.ndim)
      throw new ArgumentError(`pad: expected pairs of amounts for at most ${this.ndim} dimensions, got [${amounts}]`);
    const of = (side: 0 | 1): number[] => this.shape.map((_, i) => amounts[2 * (this.ndim - 1 - i) + side] ?? 0);
    return this.derived(M.pad(this.node, of(0), of(1), value));
  }
  unfold(dim: number, size: number, step: number, dilation = 1): Tensor {
    return this.viewed((n) => M.unfold(n, dim, size, step, dilation));
  }
}

/** Whether elements of a view stand in another order than in memory, or more than once. */
function isScattered(node: Node): boolean {
  for (let n = node; n.op.kind === "move" && !n.realized && !n.sink; n = n.inputs[0])
    if (n.op.move.type !== "reshape" && n.op.move.type !== "slice") return true;
  return false;
}
