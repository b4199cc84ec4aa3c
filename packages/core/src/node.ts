/**
 * A node of the lazy graph: an operator applied to nodes. Nothing runs when a node is made. A node is realized when a
 * flush gave it memory of its own; until then it is only a recipe. Nodes never refer to tensor handles, except that the
 * node of a leaf knows the handle whose `.grad` it feeds.
 */

import type { ComputeDType, DType } from "./dtype.js";
import type { Expr } from "./expr.js";
import type { ConvShape, ReduceOp } from "./kernel.js";
import type { Storage } from "./storage.js";

/** How a movement operator finds its input's position from its output's. */
export type Movement =
  | { readonly type: "reshape" }
  /** Output dimension j is input dimension dims[j]. */
  | { readonly type: "permute"; readonly dims: readonly number[] }
  /** Input dimensions of size 1 are repeated. Ranks are equal. */
  | { readonly type: "expand" }
  /** Input position = start + step·output position, for each dimension; step may be negative. */
  | { readonly type: "slice"; readonly start: readonly number[]; readonly step: readonly number[] }
  /** `before[j]` elements of `value` before the input in dimension j; the output's size says how many follow. */
  | { readonly type: "pad"; readonly before: readonly number[]; readonly value: number }
  /** Windows of dimension `dim`: input position = step·(position in dim) + dilation·(position in the new last dim). */
  | { readonly type: "unfold"; readonly dim: number; readonly step: number; readonly dilation: number };

export type Op =
  /** Memory that exists: a realized value, or an array on the host. */
  | { readonly kind: "leaf" }
  /** A run-time scalar of shape []; its value is in `Node.scalar` and not part of the structure. */
  | { readonly kind: "uniform" }
  /** A compile-time scalar of shape []. */
  | { readonly kind: "const"; readonly value: number }
  /** 0, 1, … along its one dimension, int32. */
  | { readonly kind: "iota" }
  /** `expr` over the elements of the inputs (`arg` i is input i), which have the node's shape. `partials`, where given,
   *  replace the derivatives of `expr`; in them the `arg` after the last input is the output. */
  | { readonly kind: "map"; readonly name: string; readonly expr: Expr; readonly partials?: readonly (Expr | null)[] }
  | { readonly kind: "move"; readonly move: Movement }
  /** Reduces the (sorted) axes of the input; they are dropped from the shape. */
  | { readonly kind: "reduce"; readonly op: ReduceOp; readonly axes: readonly number[] }
  /** out[…i…] = input 0 [… input 1 […i…] …] along `dim`; other dimensions are equal. */
  | { readonly kind: "gather"; readonly dim: number }
  | { readonly kind: "cat"; readonly dim: number }
  /** [...batch, m, k] · [...batch, k, n]; batch dimensions are equal. */
  | { readonly kind: "matmul" }
  | { readonly kind: "conv2d" | "conv2dInputGrad" | "conv2dWeightGrad"; readonly shape: ConvShape }
  /** Running sum along the last dimension. */
  | { readonly kind: "scan" }
  /** Positions that sort the last dimension, the first `take` of them. */
  | { readonly kind: "sort"; readonly take: number; readonly descending: boolean };

/** Builds the gradients of a node's inputs out of nodes, given the gradient of the node; null where there is none. */
export type Vjp = (g: Node, node: Node) => readonly (Node | null)[];

/** The leaf's side of autograd: whoever owns the leaf collects gradients through this. */
export interface GradSink {
  accumulate(gradient: Node): void;
  /** Puts the gradients of several leaves together once a backward() has reached them all. */
  collector: { collect(): void } | null;
}

export class Node {
  private static created = 0;
  /** Creation order. */
  readonly id = Node.created++;
  /** Inputs, let go once the node is realized and autograd does not need them. */
  inputs: readonly Node[];
  /** Where the value is, once realized. Valid while `storage.version === version`. */
  storage: Storage | null = null;
  version = 0;
  /** Value of a uniform: the 32 bits that the device gets. */
  scalar = 0;
  requiresGrad = false;
  /** A gradient rule of this node alone, in place of its operator's, for the nodes of `tape`. */
  vjp: Vjp | null = null;
  /** What gradients flow to, where that is not `inputs`. */
  tape: readonly Node[] | null = null;
  /** Set on a leaf that requires a gradient. */
  sink: GradSink | null = null;
  /** Whether backward() went through this node and consumed its history. */
  tapeConsumed = false;
  /** Whether a user's operation (not backward) read it. */
  consumed = false;
  /** Realized only because a coming backward() needs it. */
  savedForBackward = false;
  /** Name of the tensor for error messages. */
  label: string | undefined;

  constructor(
    readonly op: Op,
    inputs: readonly Node[],
    readonly shape: readonly number[],
    readonly dtype: DType,
    /** Structure: equal for nodes that do the same to their inputs. */
    readonly key: string,
  ) {
    this.inputs = inputs;
  }

  get numel(): number {
    return numelOf(this.shape);
  }

  /** The dtype, for nodes on a device. */
  get computeDType(): ComputeDType {
    return this.dtype as ComputeDType;
  }

  /** Whether the value is in memory and still that of this node. */
  get realized(): boolean {
    return this.storage !== null && this.storage.version === this.version;
  }

  /** Whether the memory that held the value was given to a newer one, and it cannot be computed again. */
  get overwritten(): boolean {
    return (
      this.storage !== null &&
      this.storage.version !== this.version &&
      (this.op.kind === "leaf" || this.inputs.length === 0)
    );
  }
}

export const numelOf = (shape: readonly number[]): number => {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
};

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** Row-major strides, in elements. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let s = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = s;
    s *= shape[i];
  }
  return strides;
}
