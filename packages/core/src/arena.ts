/**
 * Arenas: the parameters of an optimizer's group one after the other in flat memory, and their gradients likewise, so
 * that a step over a whole model is one or a few kernels. Parameters become views of the arena; producers write
 * gradients straight into it.
 */

import { noGrad } from "./context.js";
import { engine } from "./engine.js";
import type { Node } from "./node.js";
import { constant, fill } from "./ops/create.js";
import { cat } from "./ops/index.js";
import { reshape, slice } from "./ops/movement.js";
import { Tensor } from "./tensor.js";

const CHUNK_BYTES = 128 * 2 ** 20;

/** The part of a flat node that parameter `i` is, in its shape. */
type Part = (flat: Node, i: number) => Node;

export class Arena {
  /** All elements, 1-d; assign it with `copy_` under `noGrad`. */
  readonly value: Tensor;
  readonly numel: number;
  private readonly gradients: Tensor;
  /** What the parameters' `grad` were bound to: handles, and their nodes, which an in-place write replaces. */
  private bound: readonly { readonly handle: Tensor; readonly node: Node }[] = [];
  private readonly part: Part;

  constructor(readonly params: readonly Tensor[]) {
    const shapes = params.map((p) => [...p.shape]);
    const sizes = params.map((p) => p.numel);
    const starts: number[] = [];
    let at = 0;
    for (const size of sizes) {
      starts.push(at);
      at += size;
    }
    this.numel = at;
    this.part = (flat, i) => reshape(slice(flat, [starts[i]], [sizes[i]], [1]), shapes[i]);
    this.value = noGrad(() => {
      const flat = new Tensor(
        cat(
          params.map((p) => reshape(p.detach().node, [-1])),
          0,
        ),
      ).asState();
      params.forEach((p, i) => {
        p.becomeViewOf(flat, (n) => this.part(n, i));
        p.collector = this;
      });
      return flat;
    });
    this.gradients = this.like();
  }

  /** All gradients in order as one flat tensor, or null if any is missing. The parameters' `grad` are parts of it. */
  gradient(): Tensor | null {
    this.collect();
    return this.params.every((_, i) => this.isBound(i)) ? new Tensor(this.gradients.node) : null;
  }

  /** Gathers the gradients in flat memory, if all are there and any is not in it yet. */
  collect(): void {
    const grads = this.params.map((p) => p.grad);
    if (grads.some((g) => !g) || grads.every((_, i) => this.isBound(i))) return;
    noGrad(() => {
      const flat = cat(
        grads.map((g) => reshape(g!.node, [-1])),
        0,
      );
      engine.assign(this.gradients.asCell(), flat);
      this.bound = this.params.map((p, i) => {
        const handle = p.bindGrad(this.part(flat, i));
        return { handle, node: handle.node };
      });
    });
  }

  /** Whether the gradient of parameter `i` is the part of the flat one, and was not written since. */
  private isBound(i: number): boolean {
    const { grad } = this.params[i];
    const bound = this.bound[i];
    return grad !== null && bound !== undefined && grad === bound.handle && grad.node === bound.node;
  }

  /** A flat state of zeros, as for moments. */
  like(): Tensor {
    return new Tensor(fill([this.numel], constant(0, "float32"))).asState();
  }

  /** The part of parameter `i` in a flat tensor of this arena: a view, in the parameter's shape. */
  viewOf(flat: Tensor, i: number): Tensor {
    const view = new Tensor(flat);
    view.becomeViewOf(flat, (n) => this.part(n, i));
    return view;
  }
}

/** Puts parameters into arenas of at most `chunkBytes`, in order. */
export function flattenParameters(params: readonly Tensor[], chunkBytes = CHUNK_BYTES): Arena[] {
  const arenas: Arena[] = [];
  let chunk: Tensor[] = [];
  let bytes = 0;
  const close = (): void => {
    if (chunk.length) arenas.push(new Arena(chunk));
    chunk = [];
    bytes = 0;
  };
  for (const p of params) {
    if (chunk.length && bytes + 4 * p.numel > chunkBytes) close();
    chunk.push(p);
    bytes += 4 * p.numel;
  }
  close();
  return arenas;
}
