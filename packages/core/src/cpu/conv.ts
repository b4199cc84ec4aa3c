/**
 * Convolutions on the cpu device, each as a contraction whose operands are gathered while they are packed (implicit
 * GEMM; Chetlur et al. 2014, "cuDNN: Efficient Primitives for Deep Learning").
 *
 * - conv2d: rows are output channels, columns the pixels of all images, k the taps of the input channels.
 * - conv2dInputGrad: rows are input channels, k the taps of the output channels. With a stride, pixels of the input fall
 *   into phases that meet different taps; each phase is a contraction without a stride.
 * - conv2dWeightGrad: rows are output channels, columns the taps of the input channels, k the pixels of all images.
 */

import { type Axis, inBounds, inputAxis, phasesOf, reach, slabSize } from "../conv-axes.js";
import type { Access, ConvKernel } from "../kernel.js";
import { absorbBounds } from "./conv-bounds.js";
import { isDepthwise, printDepthwise } from "./conv-depthwise.js";
import { type AffineStrides, type EpilogueParts, spread, takeApart } from "./gemm-epilogue.js";
import { checkOperand, contractionKernel } from "./gemm-kernel.js";
import { partedKernel } from "./gemm-parts.js";
import {
  type Contraction,
  isIrregular,
  isPlain,
  type Operand,
  operandOf,
  type Placement,
  type Slab,
  type Walk,
} from "./gemm-spec.js";
import { type TileShape, tileShapes } from "./gemm-tile.js";
import type { CpuKernel } from "./kernel.js";
import { printWinograd } from "./winograd.js";
import { printWinogradWeight } from "./winograd-weight.js";

export interface ConvOptions {
  /** Whether convolutions may be computed by Winograd's algorithm, where that is faster; they may by default. */
  readonly winograd?: boolean;
  /** The micro-kernel's, the first for products in general; by default those for this engine. */
  readonly tiles?: readonly TileShape[];
}

export function printConv(given: ConvKernel, { winograd = true, tiles = tileShapes() }: ConvOptions = {}): CpuKernel {
  const kernel = absorbBounds(given);
  checkOperand(kernel.name, kernel.kind === "conv2dInputGrad" ? "the output gradient" : "the input", kernel.a);
  checkOperand(kernel.name, kernel.kind === "conv2dWeightGrad" ? "the output gradient" : "the weight", kernel.b);
  const epilogue = takeApart(kernel.epilogue, 4);
  if (isDepthwise(kernel)) return printDepthwise(kernel, epilogue);
  const printFast = kernel.kind === "conv2dWeightGrad" ? printWinogradWeight : printWinograd;
  const fast = winograd ? printFast(kernel, epilogue, tiles[0]) : undefined;
  if (fast) return fast;
  const parts = kernel.kind === "conv2dWeightGrad" ? imageParts(kernel) : 1;
  if (parts > 1) return printParts(kernel, parts, epilogue, tiles);
  const contractions = {
    conv2d: forward,
    conv2dInputGrad: inputGradient,
    conv2dWeightGrad: weightGradient,
  }[kernel.kind](kernel, epilogue.affine);
  return contractionKernel(contractions, epilogue, tiles);
}

/** Results of so few elements are cut along the images, into so many parts. */
const SMALL_RESULT = 1 << 15;
const PARTS = 8;
/** Products that are worth it. */
const LONG = 1 << 22;

/** Parts of the images, of as many each, that a weight gradient is cut into. */
function imageParts({ shape: s, a, b }: ConvKernel): number {
  const result = s.groups * s.oc * s.ic * s.kh * s.kw;
  if (!isPlain(a) || !isPlain(b) || result > SMALL_RESULT || result * s.n * s.oh * s.ow < LONG) return 1;
  let parts = Math.min(PARTS, s.n);
  while (s.n % parts > 0) parts--;
  return parts;
}

function printParts(
  kernel: ConvKernel,
  parts: number,
  epilogue: EpilogueParts,
  tiles: readonly TileShape[],
): CpuKernel {
  const { shape, a: input, b: output } = kernel;
  const n = shape.n / parts;
  const [part] = weightGradient({ ...kernel, shape: { ...shape, n } }, epilogue.affine);
  return partedKernel(part, { parts, a: n * output.strides[0], b: n * input.strides[0] }, epilogue, tiles);
}

interface Gather {
  readonly operand: Operand;
  readonly slab?: Slab;
}

/**
 * The operand B that reads `channels` channels of an image tensor at the taps of each point, directly if no tap of any
 * point is out of bounds. Channels and taps are counted by `channelAxis`, images and points by the other axis.
 */
function gather(
  access: Access,
  { groups, images, channels }: { groups: number; images: number; channels: number },
  y: Axis,
  x: Axis,
  channelAxis: "k" | "n",
): Gather {
  const empty = y.taps * x.taps === 0;
  const padded = !empty && !(inBounds(y) && inBounds(x));
  /** How a function of the tensor's position that has these strides varies over groups, taps and points. */
  const place = ([image, channel, row, column]: readonly number[], offset: number): Placement => {
    const taps: Walk = [
      { size: channels, stride: channel },
      { size: y.taps, stride: y.tapStep * row },
      { size: x.taps, stride: x.tapStep * column },
    ];
    const points: Walk = [
      { size: images, stride: image },
      { size: y.points, stride: y.step * row },
      { size: x.points, stride: x.step * column },
    ];
    const [lane, k] = channelAxis === "n" ? [taps, points] : [points, taps];
    const start = offset + (empty ? 0 : y.origin * row + x.origin * column);
    return { offset: start, batch: [{ size: groups, stride: channels * channel }], lane, k };
  };
  const operand = operandOf(access, place);
  if (isIrregular(operand)) {
    const rowInside = { ...place([0, 0, 1, 0], 0), size: y.size };
    const columnInside = { ...place([0, 0, 0, 1], 0), size: x.size };
    return { operand: { ...operand, bounds: [...operand.bounds, rowInside, columnInside] } };
  }
  if (!padded) return { operand };
  const [height, width] = [slabSize(y), slabSize(x)];
  const [top, left] = [-reach(y).first, -reach(x).first];
  return {
    operand: { ...operand, ...place([width * height, 0, width, 1], 0), offset: 0, batch: operand.batch },
    slab: {
      channelAxis,
      taps: y.taps * x.taps,
      strides: access.strides as [number, number, number, number],
      tensorHeight: y.size,
      tensorWidth: x.size,
      height,
      width,
      top,
      left,
      origin: (y.origin + top) * width + x.origin + left,
      gridHeight: y.points,
      gridWidth: x.points,
      step: y.step,
      extent: (y.taps - 1) * Math.abs(y.tapStep) + 1,
    },
  };
}

function forward({ shape: s, a: input, b: weight }: ConvKernel, affine: readonly AffineStrides[]): Contraction[] {
  const { operand, slab } = gather(
    input,
    { groups: s.groups, images: s.n, channels: s.ic },
    inputAxis(s.ih, s.oh, s.kh, s, 0),
    inputAxis(s.iw, s.ow, s.kw, s, 1),
    "k",
  );
  return [
    {
      batch: s.groups,
      m: s.oc,
      n: s.n * s.oh * s.ow,
      k: s.ic * s.kh * s.kw,
      a: operandOf(weight, ([out, channel, row, column], offset) => ({
        offset,
        batch: [{ size: s.groups, stride: s.oc * out }],
        lane: [{ size: s.oc, stride: out }],
        k: [
          { size: s.ic, stride: channel },
          { size: s.kh, stride: row },
          { size: s.kw, stride: column },
        ],
      })),
      b: operand,
      slab,
      affine: spread(affine, ([image, channel, row, column]) => ({
        offset: 0,
        batch: [{ size: s.groups, stride: s.oc * channel }],
        m: [{ size: s.oc, stride: channel }],
        n: [
          { size: s.n, stride: image },
          { size: s.oh, stride: row },
          { size: s.ow, stride: column },
        ],
      })),
    },
  ];
}

function inputGradient(
  { shape: s, a: output, b: weight }: ConvKernel,
  affine: readonly AffineStrides[],
): Contraction[] {
  const columnPhases = phasesOf(s.iw, s.ow, s.kw, s, 1);
  return phasesOf(s.ih, s.oh, s.kh, s, 0).flatMap((y) =>
    columnPhases.map((x): Contraction => {
      const { operand, slab } = gather(output, { groups: s.groups, images: s.n, channels: s.oc }, y.axis, x.axis, "k");
      return {
        batch: s.groups,
        m: s.ic,
        n: s.n * y.axis.points * x.axis.points,
        k: s.oc * y.axis.taps * x.axis.taps,
        a: operandOf(weight, ([out, channel, row, column], offset) => ({
          offset: offset + y.firstTap * row + x.firstTap * column,
          batch: [{ size: s.groups, stride: s.oc * out }],
          lane: [{ size: s.ic, stride: channel }],
          k: [
            { size: s.oc, stride: out },
            { size: y.axis.taps, stride: y.tapStep * row },
            { size: x.axis.taps, stride: x.tapStep * column },
          ],
        })),
        b: operand,
        slab,
        affine: spread(affine, ([image, channel, row, column]) => ({
          offset: y.phase * row + x.phase * column,
          batch: [{ size: s.groups, stride: s.ic * channel }],
          m: [{ size: s.ic, stride: channel }],
          n: [
            { size: s.n, stride: image },
            { size: y.axis.points, stride: s.stride[0] * row },
            { size: x.axis.points, stride: s.stride[1] * column },
          ],
        })),
      };
    }),
  );
}

function weightGradient(
  { shape: s, a: input, b: output }: ConvKernel,
  affine: readonly AffineStrides[],
): Contraction[] {
  const { operand, slab } = gather(
    input,
    { groups: s.groups, images: s.n, channels: s.ic },
    inputAxis(s.ih, s.oh, s.kh, s, 0),
    inputAxis(s.iw, s.ow, s.kw, s, 1),
    "n",
  );
  return [
    {
      batch: s.groups,
      m: s.oc,
      n: s.ic * s.kh * s.kw,
      k: s.n * s.oh * s.ow,
      a: operandOf(output, ([image, channel, row, column], offset) => ({
        offset,
        batch: [{ size: s.groups, stride: s.oc * channel }],
        lane: [{ size: s.oc, stride: channel }],
        k: [
          { size: s.n, stride: image },
          { size: s.oh, stride: row },
          { size: s.ow, stride: column },
        ],
      })),
      b: operand,
      slab,
      affine: spread(affine, ([channel, tapChannel, row, column]) => ({
        offset: 0,
        batch: [{ size: s.groups, stride: s.oc * channel }],
        m: [{ size: s.oc, stride: channel }],
        n: [
          { size: s.ic, stride: tapChannel },
          { size: s.kh, stride: row },
          { size: s.kw, stride: column },
        ],
      })),
    },
  ];
}
