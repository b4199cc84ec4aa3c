/** Rearrangements of channels and pixels, as torch.nn.functional; all but `fold` are views. */

import { convTranspose2d, eye, ShapeError, scoped, type Tensor } from "@kindling/core";
import { pair, type Sizes, shapeText, withBatch } from "./args.js";

/** [N, C·r², H, W] → [N, C, H·r, W·r]: channels become pixels (Shi et al. 2016). */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  const r = upscaleFactor;
  const [c, h, w] = x.shape.slice(-3);
  if (x.ndim < 3 || c % (r * r) !== 0)
    throw new ShapeError(`pixelShuffle: ${shapeText(x)} by ${r}; the channels must be a multiple of ${r * r}`);
  const lead = x.shape.slice(0, -3);
  const n = lead.length;
  return scoped(() =>
    x
      .reshape([...lead, c / (r * r), r, r, h, w])
      .permute([...lead.keys(), n, n + 3, n + 1, n + 4, n + 2])
      .reshape([...lead, c / (r * r), h * r, w * r]),
  );
}

/** [N, C, H·r, W·r] → [N, C·r², H, W]: the inverse of `pixelShuffle`. */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  const r = downscaleFactor;
  const [c, h, w] = x.shape.slice(-3);
  if (x.ndim < 3 || h % r !== 0 || w % r !== 0)
    throw new ShapeError(`pixelUnshuffle: ${shapeText(x)} by ${r}; height and width must be multiples of ${r}`);
  const lead = x.shape.slice(0, -3);
  const n = lead.length;
  return scoped(() =>
    x
      .reshape([...lead, c, h / r, r, w / r, r])
      .permute([...lead.keys(), n, n + 2, n + 4, n + 1, n + 3])
      .reshape([...lead, c * r * r, h / r, w / r]),
  );
}

/** Interleaves `groups` groups of channels, so that grouped convolutions mix (Zhang et al. 2018). x: [N, C, …]. */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  const [n, c, ...spatial] = x.shape;
  if (x.ndim < 3 || c % groups !== 0)
    throw new ShapeError(
      `channelShuffle: ${shapeText(x)} in ${groups} groups; the channels must be a multiple of them`,
    );
  return scoped(() =>
    x
      .reshape([n, groups, c / groups, ...spatial])
      .transpose(1, 2)
      .reshape([n, c, ...spatial]),
  );
}

export interface FoldOptions {
  readonly dilation?: Sizes;
  readonly padding?: Sizes;
  readonly stride?: Sizes;
}

/** Columns of the windows that a convolution would see. x: [N, C, H, W] gives [N, C·kh·kw, windows]. */
export function unfold(x: Tensor, kernelSize: Sizes, options: FoldOptions = {}): Tensor {
  const [kh, kw] = pair("unfold", "kernelSize", kernelSize);
  const [sh, sw] = pair("unfold", "stride", options.stride ?? 1);
  const [ph, pw] = pair("unfold", "padding", options.padding ?? 0);
  const [dh, dw] = pair("unfold", "dilation", options.dilation ?? 1);
  return scoped(() => {
    const [images, single] = x.ndim === 3 ? [x.unsqueeze(0), true] : [x, false];
    if (images.ndim !== 4)
      throw new ShapeError(`unfold: the input is ${shapeText(x)}; it takes [N, C, H, W] or [C, H, W]`);
    const windows = images.pad([pw, pw, ph, ph]).unfold(2, kh, sh, dh).unfold(3, kw, sw, dw);
    const [n, c, oh, ow] = windows.shape;
    const columns = windows.permute([0, 1, 4, 5, 2, 3]).reshape([n, c * kh * kw, oh * ow]);
    return single ? columns.squeeze(0) : columns;
  });
}

/** The adjoint of `unfold`: adds windows up where they overlap. x: [N, C·kh·kw, windows] gives [N, C, …outputSize]. */
export function fold(x: Tensor, outputSize: Sizes, kernelSize: Sizes, options: FoldOptions = {}): Tensor {
  const [h, w] = pair("fold", "outputSize", outputSize);
  const [kh, kw] = pair("fold", "kernelSize", kernelSize);
  const stride = pair("fold", "stride", options.stride ?? 1);
  const padding = pair("fold", "padding", options.padding ?? 0);
  const dilation = pair("fold", "dilation", options.dilation ?? 1);
  const windows = (size: number, k: number, d: number): number =>
    Math.floor((size + 2 * padding[d] - dilation[d] * (k - 1) - 1) / stride[d]) + 1;
  const [oh, ow] = [windows(h, kh, 0), windows(w, kw, 1)];
  const taps = kh * kw;
  return scoped(() =>
    withBatch("fold", x, 3, (columns) => {
      const [n, rows, count] = columns.shape;
      if (rows % taps !== 0 || count !== oh * ow)
        throw new ShapeError(`fold: the input is ${shapeText(x)}; a ${h}×${w} image takes [N, C·${taps}, ${oh * ow}]`);
      const channels = rows / taps;
      const oneHot = eye(taps).reshape([taps, 1, kh, kw]).repeat([channels, 1, 1, 1]);
      const rest = (size: number, k: number, d: number, out: number): number =>
        size - ((out - 1) * stride[d] - 2 * padding[d] + dilation[d] * (k - 1) + 1);
      const outputPadding: [number, number] = [rest(h, kh, 0, oh), rest(w, kw, 1, ow)];
      const image = columns.reshape([n, rows, oh, ow]);
      return convTranspose2d(image, oneHot, { stride, padding, outputPadding, dilation, groups: channels });
    }),
  );
}
