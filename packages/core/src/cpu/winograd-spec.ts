/** What Winograd's convolution computes: one problem for the forward pass and for the gradient of the input. */

import type { Access, ConvKernel } from "../kernel.js";
import type { AffineStrides } from "./gemm-epilogue.js";
import { spread } from "./gemm-epilogue.js";
import type { Affine } from "./gemm-record.js";
import { isPlain } from "./gemm-spec.js";

/** Y[image, row] = Σk (the 3×3 filter of row and k) correlated with X[image, k], without a stride. */
export interface WinogradSpec {
  /** Channels of the result, and of what is read. */
  readonly m: number;
  readonly k: number;
  readonly images: number;
  /** Of the result's planes. */
  readonly height: number;
  readonly width: number;
  /** What is read, its planes' size, and the zeros before their first row and column (fewer than none leave some out). */
  readonly tensor: Access;
  readonly tensorHeight: number;
  readonly tensorWidth: number;
  readonly padding: readonly [number, number];
  readonly weight: Access;
  /** Elements of the weight between channels of the result, channels that are read, and to each of the nine taps. */
  readonly rowStride: number;
  readonly kStride: number;
  readonly taps: readonly number[];
  readonly affine: readonly Affine[];
}

/** The problem that a convolution is, if Winograd's algorithm knows it. */
export function winogradSpec(
  { kind, shape: s, a, b }: ConvKernel,
  affine: readonly AffineStrides[],
): WinogradSpec | undefined {
  const fits =
    kind !== "conv2dWeightGrad" &&
    [s.kh, s.kw].every((taps) => taps === 3) &&
    [...s.stride, ...s.dilation, s.groups].every((x) => x === 1) &&
    isPlain(a) &&
    isPlain(b);
  if (!fits) return undefined;
  const [out, channel, row, column] = b.strides;
  const tap = (t: number): number => Math.floor(t / 3) * row + (t % 3) * column;
  const taps = Array.from({ length: 9 }, (_, t) => tap(t));
  const forward = kind === "conv2d";
  const [m, k, height, width] = forward ? [s.oc, s.ic, s.oh, s.ow] : [s.ic, s.oc, s.ih, s.iw];
  return {
    m,
    k,
    images: s.n,
    height,
    width,
    tensor: a,
    tensorHeight: forward ? s.ih : s.oh,
    tensorWidth: forward ? s.iw : s.ow,
    padding: forward ? s.padding : [2 - s.padding[0], 2 - s.padding[1]],
    weight: b,
    rowStride: forward ? out : channel,
    kStride: forward ? channel : out,
    taps: forward ? taps : taps.toReversed(),
    affine: spread(affine, ([image, channel, row, column]) => ({
      offset: 0,
      batch: [],
      m: [{ size: m, stride: channel }],
      n: [
        { size: s.n, stride: image },
        { size: height, stride: row },
        { size: width, stride: column },
      ],
    })),
  };
}
