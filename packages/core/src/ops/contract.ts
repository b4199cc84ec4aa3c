/** Contractions: matrix products and convolutions. */

import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import type { ConvShape } from "../kernel.js";
import { type Node, numelOf } from "../node.js";
import { constant, fill } from "./create.js";
import { unmoved } from "./custom.js";
import { computing, make } from "./make.js";
import { broadcastShapes, convert, resultDType } from "./map.js";
import { expand, permute, reshape } from "./movement.js";

/** Swaps the last two dimensions. */
export const transposeLast = (x: Node): Node => {
  const r = x.shape.length;
  return permute(x, [...Array.from({ length: r - 2 }, (_, i) => i), r - 1, r - 2]);
};

/** Both operands in one float dtype. */
function floats(op: string, a: Node, b: Node): [Node, Node] {
  computing(op, a, b);
  const dtype = resultDType([a, b]);
  if (dtype !== "float32" && dtype !== "float16")
    throw new DTypeError(
      `${op} takes floating-point tensors, got ${a.dtype} and ${b.dtype}; convert with to("float32")`,
    );
  return [convert(a, dtype), convert(b, dtype)];
}

/** Product of matrices, vectors and batches of matrices with broadcasting, as torch.matmul. */
export function matmul(x: Node, y: Node): Node {
  const [a, b] = floats("matmul", x, y);
  const [ra, rb] = [a.shape.length, b.shape.length];
  const wrong = (): ShapeError =>
    new ShapeError(
      `matmul: shapes [${x.shape}] and [${y.shape}] do not multiply: the last dimension of the first must be the second-last of the second (or its only one)`,
    );
  if (ra === 0 || rb === 0) throw wrong();
  const k = a.shape[ra - 1];
  if (k !== b.shape[Math.max(0, rb - 2)]) throw wrong();
  if (ra === 1) {
    const row = matmul(reshape(a, [1, k]), b);
    return reshape(row, rb === 1 ? [] : [...row.shape.slice(0, -2), row.shape[row.shape.length - 1]]);
  }
  if (rb === 1) {
    const column = matmul(a, reshape(b, [k, 1]));
    return reshape(column, column.shape.slice(0, -1));
  }
  // One matrix on the right serves all rows of the left at once.
  if (rb === 2 && ra > 2) {
    const flat = matmul(
      reshape(
        a,
        [-1, k].map((d, i) => (i === 0 && k === 0 ? a.shape.slice(0, -1).reduce((p, q) => p * q, 1) : d)),
      ),
      b,
    );
    return reshape(flat, [...a.shape.slice(0, -1), b.shape[1]]);
  }
  const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const left = expand(a, [...batch, a.shape[ra - 2], k]);
  const right = expand(b, [...batch, k, b.shape[rb - 1]]);
  const shape = [...batch, a.shape[ra - 2], b.shape[rb - 1]];
  if (k === 0 || numelOf(shape) === 0) return unmoved(fill(shape, constant(0, a.dtype)), [left, right]);
  return make({ kind: "matmul" }, "matmul", [left, right], shape, a.dtype);
}

export interface ConvOptions {
  readonly stride?: readonly [number, number];
  /** Zeros at the top, left, bottom and right. */
  readonly padding?: readonly [number, number, number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

const key = (s: ConvShape): string =>
  `${s.n},${s.groups},${s.ic},${s.oc},${s.ih},${s.iw},${s.oh},${s.ow},${s.kh},${s.kw},${s.stride},${s.padding},${s.dilation}`;

export const convNode = (
  kind: "conv2d" | "conv2dInputGrad" | "conv2dWeightGrad",
  a: Node,
  b: Node,
  s: ConvShape,
): Node => {
  const shape =
    kind === "conv2d"
      ? [s.n, s.groups * s.oc, s.oh, s.ow]
      : kind === "conv2dInputGrad"
        ? [s.n, s.groups * s.ic, s.ih, s.iw]
        : [s.groups * s.oc, s.ic, s.kh, s.kw];
  if (numelOf(shape) === 0 || a.numel === 0 || b.numel === 0) return unmoved(fill(shape, constant(0, a.dtype)), [a, b]);
  return make({ kind, shape: s }, `${kind}:${key(s)}`, [a, b], shape, a.dtype);
};

/** Windows of a convolution along one dimension. */
const windows = (size: number, kernel: number, stride: number, padding: number, dilation: number): number =>
  Math.floor((size + padding - dilation * (kernel - 1) - 1) / stride) + 1;

function checkGroups(op: string, groups: number, channels: number, what: string): void {
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0)
    throw new ArgumentError(`${op}: groups = ${groups} does not divide the ${channels} ${what}`);
}

/** Cross-correlation of x [n, c, h, w] with w [oc, c/groups, kh, kw], as torch.nn.functional.conv2d without bias. */
export function conv2d(x: Node, w: Node, options: ConvOptions = {}): Node {
  const { stride = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1 } = options;
  const [a, b] = floats("conv2d", x, w);
  if (a.shape.length !== 4 || b.shape.length !== 4)
    throw new ShapeError(
      `conv2d: expected an input [n, c, h, w] and a weight [oc, c/groups, kh, kw], got [${x.shape}] and [${w.shape}]`,
    );
  const [n, channels, ih, iw] = a.shape;
  const [outs, ic, kh, kw] = b.shape;
  checkGroups("conv2d", groups, outs, "output channels");
  if (channels !== ic * groups)
    throw new ShapeError(
      `conv2d: weight [${w.shape}] with groups = ${groups} takes ${ic * groups} channels, but the input [${x.shape}] has ${channels}`,
    );
  const oh = windows(ih, kh, stride[0], padding[0] + padding[2], dilation[0]);
  const ow = windows(iw, kw, stride[1], padding[1] + padding[3], dilation[1]);
  if (oh < 1 || ow < 1)
    throw new ShapeError(
      `conv2d: the kernel ${kh}×${kw} (dilation ${dilation}) is larger than the padded input of [${x.shape}] with padding [${padding}]`,
    );
  const shape: ConvShape = {
    n,
    groups,
    ic,
    oc: outs / groups,
    ih,
    iw,
    oh,
    ow,
    kh,
    kw,
    stride,
    padding: [padding[0], padding[1]],
    dilation,
  };
  return convNode("conv2d", a, b, shape);
}

export interface ConvTransposeOptions {
  readonly stride?: readonly [number, number];
  readonly padding?: readonly [number, number];
  readonly outputPadding?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

/** Adjoint of conv2d in its input: x [n, c, h, w], w [c, oc/groups, kh, kw], as torch.nn.functional.conv_transpose2d. */
export function convTranspose2d(x: Node, w: Node, options: ConvTransposeOptions = {}): Node {
  const { stride = [1, 1], padding = [0, 0], outputPadding = [0, 0], dilation = [1, 1], groups = 1 } = options;
  const [a, b] = floats("convTranspose2d", x, w);
  if (a.shape.length !== 4 || b.shape.length !== 4 || a.shape[1] !== b.shape[0])
    throw new ShapeError(
      `convTranspose2d: expected an input [n, c, h, w] and a weight [c, oc/groups, kh, kw], got [${x.shape}] and [${w.shape}]`,
    );
  const [n, channels, oh, ow] = a.shape;
  const [, ic, kh, kw] = b.shape;
  checkGroups("convTranspose2d", groups, channels, "input channels");
  if (outputPadding.some((p, i) => p >= Math.max(stride[i], dilation[i])))
    throw new ArgumentError(
      `convTranspose2d: output padding [${outputPadding}] must be smaller than stride [${stride}] or dilation [${dilation}]`,
    );
  const size = (o: number, k: number, i: 0 | 1): number =>
    (o - 1) * stride[i] - 2 * padding[i] + dilation[i] * (k - 1) + outputPadding[i] + 1;
  const ih = size(oh, kh, 0);
  const iw = size(ow, kw, 1);
  if (ih < 1 || iw < 1)
    throw new ShapeError(`convTranspose2d: padding [${padding}] leaves nothing of the output of [${x.shape}]`);
  const shape: ConvShape = {
    n,
    groups,
    ic,
    oc: channels / groups,
    ih,
    iw,
    oh,
    ow,
    kh,
    kw,
    stride,
    padding: [padding[0], padding[1]],
    dilation,
  };
  return convNode("conv2dInputGrad", a, b, shape);
}
