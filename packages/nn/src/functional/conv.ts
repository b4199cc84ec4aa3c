/** Convolutions, as torch.nn.functional. One-dimensional ones run as images of height 1. */

import {
  ArgumentError,
  conv2d as coreConv2d,
  convTranspose2d as coreConvTranspose2d,
  ShapeError,
  scoped,
  type Tensor,
} from "@kindling/core";
import { pair, perChannel, type Sizes, shapeText, sizes, withBatch } from "./args.js";

export interface ConvOptions {
  /** Default 1. */
  readonly stride?: Sizes;
  /** Zeros on both sides; "same" keeps the size (stride 1 only), "valid" is 0. Default 0. */
  readonly padding?: Sizes | "same" | "valid";
  /** Distance between kernel elements. Default 1. */
  readonly dilation?: Sizes;
  /** Channels are cut into this many groups that do not see each other. Default 1. */
  readonly groups?: number;
}

export interface ConvTransposeOptions {
  readonly stride?: Sizes;
  /** Rows and columns cut off on both sides. Default 0. */
  readonly padding?: Sizes;
  /** Added to one side of the output's size, to choose among the sizes that a stride leaves open. Default 0. */
  readonly outputPadding?: Sizes;
  readonly dilation?: Sizes;
  readonly groups?: number;
}

/** x: [N, in, H, W] or [in, H, W], weight: [out, in / groups, kh, kw], bias: [out]. */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor {
  const { groups = 1 } = options;
  checkChannels("conv2d", x, weight, bias, groups, 2);
  const stride = pair("conv2d", "stride", options.stride ?? 1);
  const dilation = pair("conv2d", "dilation", options.dilation ?? 1);
  const [[top, bottom], [left, right]] = convPadding("conv2d", options, weight.shape.slice(2), stride, dilation);
  return scoped(() =>
    withBatch("conv2d", x, 4, (images) =>
      addBias(coreConv2d(images, weight, { stride, padding: [top, left, bottom, right], dilation, groups }), bias),
    ),
  );
}

/** x: [N, in, L] or [in, L], weight: [out, in / groups, k], bias: [out]. */
export function conv1d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor {
  const { groups = 1 } = options;
  checkChannels("conv1d", x, weight, bias, groups, 1);
  const [stride] = sizes("conv1d", "stride", options.stride ?? 1, 1);
  const [dilation] = sizes("conv1d", "dilation", options.dilation ?? 1, 1);
  const [[left, right]] = convPadding("conv1d", options, weight.shape.slice(2), [stride], [dilation]);
  return scoped(() =>
    withBatch("conv1d", x, 3, (rows) =>
      addBias(
        coreConv2d(rows.unsqueeze(2), weight.unsqueeze(2), {
          stride: [1, stride],
          padding: [0, left, 0, right],
          dilation: [1, dilation],
          groups,
        }).squeeze(2),
        bias,
      ),
    ),
  );
}

/** The adjoint of `conv2d`. x: [N, in, H, W] or [in, H, W], weight: [in, out / groups, kh, kw], bias: [out]. */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTransposeOptions = {},
): Tensor {
  const op = "convTranspose2d";
  const { groups = 1 } = options;
  const channels = x.shape[x.ndim - 3];
  if (weight.ndim !== 4 || channels !== weight.shape[0] || channels % groups !== 0)
    throw new ShapeError(
      `${op}: the input is ${shapeText(x)}, the weight ${shapeText(weight)}, groups ${groups}; ` +
        "the weight takes [in, out / groups, kh, kw] with the input's channels, which groups must divide",
    );
  const stride = pair(op, "stride", options.stride ?? 1);
  const dilation = pair(op, "dilation", options.dilation ?? 1);
  const outputPadding = pair(op, "outputPadding", options.outputPadding ?? 0);
  if (outputPadding.some((n, d) => n >= Math.max(stride[d], dilation[d])))
    throw new ArgumentError(
      `${op}: outputPadding [${outputPadding.join(", ")}] must be smaller than stride or dilation`,
    );
  const padding = pair(op, "padding", options.padding ?? 0);
  return scoped(() =>
    withBatch(op, x, 4, (images) =>
      addBias(coreConvTranspose2d(images, weight, { stride, padding, outputPadding, dilation, groups }), bias),
    ),
  );
}

function addBias(y: Tensor, bias?: Tensor | null): Tensor {
  return bias ? y.add(bias.reshape(perChannel(y))) : y;
}

/** Zeros before and after each spatial dimension. */
export function convPadding(
  op: string,
  { padding = 0 }: ConvOptions,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): [number, number][] {
  if (padding === "valid") return kernel.map(() => [0, 0]);
  if (padding !== "same") return sizes(op, "padding", padding, kernel.length).map((p) => [p, p]);
  if (stride.some((s) => s !== 1))
    throw new ArgumentError(`${op}: padding "same" with stride [${stride.join(", ")}]; it needs stride 1`);
  return kernel.map((k, d) => {
    const total = dilation[d] * (k - 1);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
}

function checkChannels(
  op: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  groups: number,
  spatial: number,
): void {
  if (weight.ndim !== spatial + 2)
    throw new ShapeError(`${op}: the weight is ${shapeText(weight)}; it takes ${spatial + 2} dimensions`);
  if (x.ndim !== spatial + 2 && x.ndim !== spatial + 1)
    throw new ShapeError(
      `${op}: the input is ${shapeText(x)}; it takes ${spatial + 2} dimensions, or ${spatial + 1} for one example`,
    );
  const channels = x.shape[x.ndim - spatial - 1];
  if (channels !== weight.shape[1] * groups)
    throw new ShapeError(
      `${op}: the input ${shapeText(x)} has ${channels} channels; a weight of ${shapeText(weight)} with groups ${groups} ` +
        `takes ${weight.shape[1] * groups}`,
    );
  if (weight.shape[0] % groups !== 0)
    throw new ShapeError(`${op}: ${weight.shape[0]} output channels do not divide into ${groups} groups`);
  if (bias && (bias.ndim !== 1 || bias.shape[0] !== weight.shape[0]))
    throw new ShapeError(
      `${op}: bias is ${shapeText(bias)}; a weight of ${shapeText(weight)} takes [${weight.shape[0]}]`,
    );
}
