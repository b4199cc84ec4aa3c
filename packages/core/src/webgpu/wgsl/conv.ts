/**
 * Convolutions as contractions whose operands are gathered while they are read (implicit GEMM; Chetlur et al. 2014,
 * "cuDNN: Efficient Primitives for Deep Learning").
 *
 * - conv2d: rows are output channels, columns the pixels of all images, k the taps of the input channels.
 * - conv2dWeightGrad: rows are output channels, columns the taps of the input channels, k the pixels of all images.
 * - conv2dInputGrad: rows are input channels, k the taps of the output channels. With a stride, pixels of the input fall
 *   into phases that meet different taps; each phase is a contraction without a stride.
 */

import { type Phase, phasesOf } from "../../conv-axes.js";
import type { ConvKernel } from "../../kernel.js";
import type { KernelProgram, Target } from "../program.js";
import { type AxisName, type Contraction, contract, formsOver, type Position } from "./contraction.js";
import { printContractions } from "./gemm.js";

export function printConv(kernel: ConvKernel, elements: readonly number[], target: Target): KernelProgram {
  // The forward pass stays one dispatch: small ones wait for dispatches more than for products.
  return printContractions(contractionsOf(kernel), elements, target, kernel.kind !== "conv2d");
}

function contractionsOf(kernel: ConvKernel): Contraction[] {
  const { kind, shape: s } = kernel;
  if (kind !== "conv2dInputGrad") return [windows(kernel)];
  const columns = phasesOf(s.iw, s.ow, s.kw, s, 1);
  return phasesOf(s.ih, s.oh, s.kh, s, 0).flatMap((y) => columns.map((x) => inputGradient(kernel, y, x)));
}

const form = formsOver(8);

/** Digits by axis, each axis the outermost first, from their sizes in the order in which forms number them. */
function digitsOf(sizes: readonly number[], axes: Readonly<Record<AxisName, readonly number[]>>) {
  const names = ["batch", "m", "n", "k"] as const;
  const order = names.flatMap((axis) => axes[axis]);
  const digits = names.flatMap((axis) => axes[axis].map((d) => ({ axis, size: sizes[d] })));
  const ordered = (position: Position): Position => ({ ...position, strides: order.map((d) => position.strides[d]) });
  return { digits, ordered: (positions: readonly Position[]) => positions.map(ordered) };
}

/** The forward pass and the weight's gradient: every product of an input pixel and a weight (an output's gradient). */
function windows({ kind, name, shape: s, a, b, epilogue }: ConvKernel): Contraction {
  const [group, out, image, y, x, channel, ky, kx] = [0, 1, 2, 3, 4, 5, 6, 7];
  const sizes = [s.groups, s.oc, s.n, s.oh, s.ow, s.ic, s.kh, s.kw];
  const [pixels, taps] = [
    [image, y, x],
    [channel, ky, kx],
  ];
  const forward = kind === "conv2d";
  const { digits, ordered } = digitsOf(sizes, {
    batch: [group],
    m: [out],
    n: forward ? pixels : taps,
    k: forward ? taps : pixels,
  });
  const input = ordered([
    form(0, [image, 1]),
    form(0, [group, s.ic], [channel, 1]),
    { ...form(-s.padding[0], [y, s.stride[0]], [ky, s.dilation[0]]), size: s.ih },
    { ...form(-s.padding[1], [x, s.stride[1]], [kx, s.dilation[1]]), size: s.iw },
  ]);
  const weight = ordered([form(0, [group, s.oc], [out, 1]), form(0, [channel, 1]), form(0, [ky, 1]), form(0, [kx, 1])]);
  const output = ordered([form(0, [image, 1]), form(0, [group, s.oc], [out, 1]), form(0, [y, 1]), form(0, [x, 1])]);
  const operands = forward
    ? { a: b, aAt: weight, b: a, bAt: input, outputAt: output }
    : { a: b, aAt: output, b: a, bAt: input, outputAt: weight };
  return contract({ name, digits, epilogue, ...operands });
}

/** One phase of the input's gradient: its pixels, and the taps of the output's gradient that they meet. */
function inputGradient(
  { name, shape: s, a: output, b: weight, epilogue }: ConvKernel,
  { phase: phaseY, firstTap: firstY, tapStep: stepY, axis: rows }: Phase,
  { phase: phaseX, firstTap: firstX, tapStep: stepX, axis: columns }: Phase,
): Contraction {
  const [group, channel, image, y, x, out, ky, kx] = [0, 1, 2, 3, 4, 5, 6, 7];
  const sizes = [s.groups, s.ic, s.n, rows.points, columns.points, s.oc, rows.taps, columns.taps];
  const { digits, ordered } = digitsOf(sizes, {
    batch: [group],
    m: [channel],
    n: [image, y, x],
    k: [out, ky, kx],
  });
  return contract({
    name,
    digits,
    a: weight,
    aAt: ordered([
      form(0, [group, s.oc], [out, 1]),
      form(0, [channel, 1]),
      form(firstY, [ky, stepY]),
      form(firstX, [kx, stepX]),
    ]),
    b: output,
    bAt: ordered([
      form(0, [image, 1]),
      form(0, [group, s.oc], [out, 1]),
      { ...form(rows.origin, [y, 1], [ky, rows.tapStep]), size: s.oh },
      { ...form(columns.origin, [x, 1], [kx, columns.tapStep]), size: s.ow },
    ]),
    epilogue,
    outputAt: ordered([
      form(0, [image, 1]),
      form(0, [group, s.ic], [channel, 1]),
      form(phaseY, [y, s.stride[0]]),
      form(phaseX, [x, s.stride[1]]),
    ]),
  });
}
