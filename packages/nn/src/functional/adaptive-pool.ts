/**
 * Adaptive pooling, as torch.nn.functional: window i of n on a dimension of size s reaches from ⌊i·s/n⌋ to ⌈(i+1)·s/n⌉.
 * Averages over windows are a product with a small constant matrix for each dimension; a global average is a mean.
 */

import { customVjp, ShapeError, scoped, type Tensor, tensor } from "@kindling/core";
import { type Sizes, shapeText, withBatch } from "./args.js";
import { avgPool2d, maxPool2d, windowMax } from "./pool.js";
import { mapDimension } from "./resample.js";

/** An output size of torch's adaptive pools: null keeps the input's size. */
export type OutputSize = Sizes | readonly (number | null)[];

/** x: [N, C, H, W] or [C, H, W]; gives […, oh, ow]. */
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  const op = "adaptiveAvgPool2d";
  return scoped(() =>
    withBatch(op, x, 4, (images) => {
      const [oh, ow] = outputSizes(op, images, outputSize, 2);
      const [h, w] = images.shape.slice(2);
      if (oh === 1 && ow === 1) return images.mean([2, 3], { keepdim: true });
      if (h === oh && w === ow) return images;
      if (h % oh === 0 && w % ow === 0) return avgPool2d(images, [h / oh, w / ow]);
      return mapDimension(mapDimension(images, 2, averages(h, oh)), 3, averages(w, ow));
    }),
  );
}

/** x: [N, C, L] or [C, L]; gives […, out]. */
export function adaptiveAvgPool1d(x: Tensor, outputSize: OutputSize): Tensor {
  const op = "adaptiveAvgPool1d";
  return scoped(() =>
    withBatch(op, x, 3, (rows) =>
      adaptiveAvgPool2d(rows.unsqueeze(2), [1, outputSizes(op, rows, outputSize, 1)[0]]).squeeze(2),
    ),
  );
}

/** x: [N, C, H, W] or [C, H, W]; the gradient goes to the first maximum of each window. */
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  const op = "adaptiveMaxPool2d";
  return scoped(() =>
    withBatch(op, x, 4, (images) => {
      const [oh, ow] = outputSizes(op, images, outputSize, 2);
      const [h, w] = images.shape.slice(2);
      if (h % oh === 0 && w % ow === 0) return maxPool2d(images, [h / oh, w / ow]);
      const rows = members(h, oh);
      const columns = members(w, ow);
      const windows = images
        .indexSelect(2, tensor(rows.flat(), { dtype: "int32" }))
        .indexSelect(3, tensor(columns.flat(), { dtype: "int32" }))
        .reshape([images.shape[0], images.shape[1], oh, rows[0].length, ow, columns[0].length])
        .permute([0, 1, 2, 4, 3, 5]);
      const { values, gradient } = windowMax(windows);
      return customVjp(values, [windows], (g) => [gradient(g)]);
    }),
  );
}

/** x: [N, C, L] or [C, L]; gives […, out]. */
export function adaptiveMaxPool1d(x: Tensor, outputSize: OutputSize): Tensor {
  const op = "adaptiveMaxPool1d";
  return scoped(() =>
    withBatch(op, x, 3, (rows) =>
      adaptiveMaxPool2d(rows.unsqueeze(2), [1, outputSizes(op, rows, outputSize, 1)[0]]).squeeze(2),
    ),
  );
}

function outputSizes(op: string, x: Tensor, outputSize: OutputSize, dims: number): number[] {
  const wanted = typeof outputSize === "number" ? new Array<number>(dims).fill(outputSize) : outputSize;
  if (wanted.length !== dims || wanted.some((n) => n !== null && !(n > 0)))
    throw new ShapeError(
      `${op}: outputSize [${wanted.join(", ")}] for an input ${shapeText(x)}; give ${dims} positive sizes`,
    );
  return wanted.map((n, d) => n ?? x.shape[x.ndim - dims + d]);
}

const start = (i: number, size: number, out: number): number => Math.floor((i * size) / out);
const end = (i: number, size: number, out: number): number => Math.ceil(((i + 1) * size) / out);

/** The [out, size] matrix that averages. */
function averages(size: number, out: number): Float32Array {
  const matrix = new Float32Array(out * size);
  for (let i = 0; i < out; i++) {
    const [from, to] = [start(i, size, out), end(i, size, out)];
    matrix.fill(1 / (to - from), i * size + from, i * size + to);
  }
  return matrix;
}

/** Positions in each window; shorter windows repeat their last one, which changes no maximum. */
function members(size: number, out: number): number[][] {
  const longest = Math.max(...Array.from({ length: out }, (_, i) => end(i, size, out) - start(i, size, out)));
  return Array.from({ length: out }, (_, i) =>
    Array.from({ length: longest }, (_, j) => Math.min(start(i, size, out) + j, end(i, size, out) - 1)),
  );
}
