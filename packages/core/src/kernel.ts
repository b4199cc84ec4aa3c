/**
 * The kernel language: what the scheduler hands to a device. A kernel is either a `LoopKernel` (elementwise,
 * reductions, and rows of both, as in softmax or layer norm) or a template (matmul, convolution, sort, scan) with a
 * fused epilogue. All addressing is affine in the kernel's loop positions, so no kernel needs a copy of a view.
 *
 * Written with WGSL's rules in mind: a kernel never reads and writes one buffer, except for `LoopKernel` stores that
 * update in place exactly the element which the same point loaded (`Access` equal to the store's target).
 */

import type { ComputeDType } from "./dtype.js";
import type { Expr, Scalar } from "./expr.js";

/** A condition 0 ≤ offset + Σ strides[d]·position[d] < size. */
export interface Bound {
  readonly offset: number;
  readonly strides: readonly number[];
  readonly size: number;
}

/** How a kernel addresses a buffer: element offset + Σ strides[d]·position[d]. */
export interface Access {
  /** Position in the kernel's `buffers`. */
  readonly buffer: number;
  readonly dtype: ComputeDType;
  /** In elements; so are the strides, which may be 0 (broadcast) or negative (flip). */
  readonly offset: number;
  /** One a loop dimension of the kernel. */
  readonly strides: readonly number[];
  /** All must hold, else a load gives 0 and touches no memory. Empty for most accesses, and for stores. */
  readonly bounds: readonly Bound[];
  /** Extra dimensions that are indexed by the operands of `loadAt`. */
  readonly indirect: readonly { readonly stride: number; readonly size: number }[];
}

export type ReduceOp = "sum" | "prod" | "max" | "min";

/** One sweep of a `LoopKernel` over the inner positions of a row, or one action a row. */
export type Stage =
  /** Sweeps the inner positions and combines `value`; the result is `acc` number (index of this stage). */
  | { readonly kind: "reduce"; readonly op: ReduceOp; readonly type: Scalar; readonly value: Expr }
  /** Writes `value` to `target`, once a row or once a point. */
  | { readonly kind: "store"; readonly per: "row" | "point"; readonly target: Access; readonly value: Expr };

/**
 * For every row (all rows may run at once), the stages in order. Dimensions are `rows` then `inner`; strides and
 * `index` positions follow that order. In a row store, and in what it loads, the strides of inner dimensions are 0.
 * Without a reduction `inner` is empty and every point is a row. Later stages may use `acc` of earlier ones. A stage
 * does not read what another stage of this kernel writes, except in place: consecutive stores of one kind (`per`)
 * compute the values of a point before the first of them writes it.
 */
export interface LoopKernel {
  readonly kind: "loop";
  readonly name: string;
  readonly rows: readonly number[];
  readonly inner: readonly number[];
  readonly sources: readonly Access[];
  readonly stages: readonly Stage[];
}

/** What follows a template: `value` of (`acc` 0 = the template's result) and `sources`, written to `target`. All
 *  accesses have strides over the template's output dimensions. */
export interface Epilogue {
  readonly sources: readonly Access[];
  readonly value: Expr;
  readonly target: Access;
}

/** C[…batch, m, n] = Σk A[…batch, m, k] · B[…batch, k, n]. Output dimensions: […batch, m, n]. */
export interface MatmulKernel {
  readonly kind: "matmul";
  readonly name: string;
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Strides over […batch, m, k]. */
  readonly a: Access;
  /** Strides over […batch, k, n]. */
  readonly b: Access;
  readonly epilogue: Epilogue;
}

/** Sizes of a 2-d convolution, as torch.nn.functional.conv2d. Channels are per group. */
export interface ConvShape {
  readonly n: number;
  readonly groups: number;
  readonly ic: number;
  readonly oc: number;
  readonly ih: number;
  readonly iw: number;
  readonly oh: number;
  readonly ow: number;
  readonly kh: number;
  readonly kw: number;
  readonly stride: readonly [number, number];
  /** Zeros before the first row and column; what is needed after the last follows from the sizes. */
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/**
 * A convolution or one of its two gradients. x: [n, groups·ic, ih, iw], w: [groups·oc, ic, kh, kw],
 * y: [n, groups·oc, oh, ow]; each operand is an access with strides over its four dimensions.
 * - conv2d: a = x, b = w, gives y
 * - conv2dInputGrad: a = y's gradient, b = w, gives x's gradient (also the forward of a transposed convolution)
 * - conv2dWeightGrad: a = x, b = y's gradient, gives w's gradient
 */
export interface ConvKernel {
  readonly kind: "conv2d" | "conv2dInputGrad" | "conv2dWeightGrad";
  readonly name: string;
  readonly shape: ConvShape;
  readonly a: Access;
  readonly b: Access;
  readonly epilogue: Epilogue;
}

/** Running sum along the last dimension. Dimensions: […rows, length]. */
export interface ScanKernel {
  readonly kind: "scan";
  readonly name: string;
  readonly rows: readonly number[];
  readonly length: number;
  readonly source: Access;
  readonly target: Access;
}

/**
 * Stable sort along the last dimension; NaN counts as the largest value, as in torch. The positions (int32) of the
 * first `take` values are written. Dimensions: […rows, length] for the source, […rows, take] for the target.
 */
export interface SortKernel {
  readonly kind: "sort";
  readonly name: string;
  readonly rows: readonly number[];
  readonly length: number;
  readonly take: number;
  readonly descending: boolean;
  readonly source: Access;
  readonly target: Access;
}

export type Kernel = LoopKernel | MatmulKernel | ConvKernel | ScanKernel | SortKernel;

/** Where a plan finds a buffer: memory that outlives the plan, or planned scratch. */
export type BufferRef =
  | { readonly kind: "external"; readonly index: number }
  | { readonly kind: "slot"; readonly index: number };

export interface PlannedKernel {
  readonly kernel: Kernel;
  /** `Access.buffer` indexes this list. */
  readonly buffers: readonly BufferRef[];
  /** FLOPs and the bytes of all accesses, for `stats()`. */
  readonly flops: number;
  readonly bytes: number;
}

/** Scratch for one intermediate: alive from kernel number `first` to kernel number `last`. Devices let slots share memory. */
export interface Slot {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** A cut and planned graph. Kernels run in order, as if each waited for the one before. */
export interface Plan {
  readonly key: string;
  readonly kernels: readonly PlannedKernel[];
  readonly slots: readonly Slot[];
  /** Bytes of each external buffer. */
  readonly externals: readonly number[];
  /** Number of 32-bit uniforms. */
  readonly uniforms: number;
}

/** How many kernels of each kind a plan has. */
export function kernelsByKind({ kernels }: Plan): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kernel } of kernels) counts[kernel.kind] = (counts[kernel.kind] ?? 0) + 1;
  return counts;
}
