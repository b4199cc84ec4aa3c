/**
 * The inside of the transforms: one picture as an array with a memory layout, whatever it is to the caller.
 *
 * Two kinds exist, as in torchvision. An `image` is a PIL picture: uint8, channels interleaved, Pillow's integer
 * arithmetic. A `tensor` has planes [C, H, W] of uint8 or float32, and torch's arithmetic. Floats lie in [0, 1].
 */

import { ArgumentError, DTypeError, fromHost, ShapeError, type Tensor } from "@kindling/core";
import { Image } from "../io/image.js";

/** What transforms take and give: a decoded picture, or a tensor [..., C, H, W] of uint8 or float32 on the host. */
export type Picture = Image | Tensor;

export type Pixels = Uint8Array | Float32Array;

export interface Raster {
  readonly kind: "image" | "tensor";
  readonly data: Pixels;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Distances in `data` between neighbours along each axis. */
export interface Strides {
  readonly channel: number;
  readonly row: number;
  readonly column: number;
}

export function strides(raster: Pick<Raster, "kind" | "channels" | "height" | "width">): Strides {
  return raster.kind === "image"
    ? { channel: 1, row: raster.width * raster.channels, column: raster.channels }
    : { channel: raster.height * raster.width, row: raster.width, column: 1 };
}

export const isFloat = (raster: Raster): boolean => raster.data instanceof Float32Array;

/** The value of full brightness: 1 for floats, 255 for bytes. */
export const brightest = (raster: Raster): number => (isFloat(raster) ? 1 : 255);

/** A zero-filled raster like `raster`, perhaps of another size. */
export function blank(
  raster: Raster,
  height = raster.height,
  width = raster.width,
  channels = raster.channels,
): Raster {
  const length = height * width * channels;
  const data = isFloat(raster) ? new Float32Array(length) : new Uint8Array(length);
  return { kind: raster.kind, data, channels, height, width };
}

/** The same picture with other pixels. */
export const withData = (raster: Raster, data: Pixels): Raster => ({ ...raster, data });

/** A new raster whose pixels are `fn` of the old ones; fractions of bytes are cut off and must be within 0 … 255. */
export function mapPixels(raster: Raster, fn: (value: number, index: number) => number): Raster {
  const out = blank(raster);
  const { data } = raster;
  for (let i = 0; i < data.length; i++) out.data[i] = fn(data[i], i);
  return out;
}

/** Applies `fn` to a picture: to an image, to a tensor [C, H, W], or to each one of a tensor [..., C, H, W]. */
export function apply<P extends Picture>(op: string, picture: P, fn: (raster: Raster) => Raster): P {
  if (picture instanceof Image) {
    const { data, width, height, channels } = picture;
    return toPicture(fn({ kind: "image", data, width, height, channels })) as P;
  }
  const rasters = tensorRasters(op, picture);
  const results = rasters.map(fn);
  const [{ channels, height, width }] = results;
  const leading = picture.shape.slice(0, -3);
  if (leading.length === 0) return toPicture(results[0]) as P;
  const size = channels * height * width;
  const data = isFloat(results[0]) ? new Float32Array(size * results.length) : new Uint8Array(size * results.length);
  results.forEach((result, i) => {
    data.set(result.data, i * size);
  });
  return fromHost(data, [...leading, channels, height, width], isFloat(results[0]) ? "float32" : "uint8") as P;
}

/** Height, width and channels of a picture. */
export function dimensions(picture: Picture): { channels: number; height: number; width: number } {
  if (picture instanceof Image) return picture;
  const { shape } = picture;
  if (shape.length < 3) {
    throw new ShapeError(
      `a picture tensor has the shape [..., C, H, W], got [${shape.join(", ")}]; reshape it to [1, H, W]`,
    );
  }
  const [channels, height, width] = shape.slice(-3);
  return { channels, height, width };
}

/** The raster as the caller's value: an `Image` or a tensor. */
export function toPicture(raster: Raster): Picture {
  const { kind, data, width, height, channels } = raster;
  if (kind === "image") return new Image(data as Uint8Array, width, height, channels);
  return fromHost(data, [channels, height, width], isFloat(raster) ? "float32" : "uint8");
}

function tensorRasters(op: string, tensor: Tensor): Raster[] {
  const { channels, height, width } = dimensions(tensor);
  const data = tensor.hostData();
  if (tensor.dtype !== "uint8" && tensor.dtype !== "float32") {
    throw new DTypeError(`${op} takes uint8 or float32 pictures, got ${tensor.dtype}; convert with .to("float32")`);
  }
  if (!data) {
    throw new ArgumentError(
      `${op} runs on the host, but this tensor was computed on a device; read it first: fromHost(await t.data(), t.shape, t.dtype)`,
    );
  }
  const size = channels * height * width;
  const count = size === 0 ? 0 : data.length / size;
  if (count === 0) throw new ShapeError(`${op} got an empty picture of shape [${tensor.shape.join(", ")}]`);
  return Array.from({ length: count }, (_, i) => ({
    kind: "tensor",
    data: data.subarray(i * size, (i + 1) * size) as Pixels,
    channels,
    height,
    width,
  }));
}

/**
 * A picture whose row y is row `rows[y]` and whose column x is column `columns[x]` of the given one; a negative entry
 * gives pixels of the fill colour (one value, or one a channel). Crops, flips, padding and nearest-neighbour resizing
 * are all gathers.
 */
export function gather(
  raster: Raster,
  rows: Int32Array,
  columns: Int32Array,
  fill: number | readonly number[] = 0,
): Raster {
  const out = blank(raster, rows.length, columns.length);
  const from = strides(raster);
  const to = strides(out);
  const colours = fillColours(fill, raster.channels);
  for (let c = 0; c < raster.channels; c++) {
    for (let y = 0; y < rows.length; y++) {
      const source = c * from.channel + rows[y] * from.row;
      let target = c * to.channel + y * to.row;
      for (let x = 0; x < columns.length; x++, target += to.column) {
        const inside = rows[y] >= 0 && columns[x] >= 0;
        out.data[target] = inside ? raster.data[source + columns[x] * from.column] : colours[c];
      }
    }
  }
  return out;
}

/** One fill value for each channel. */
export function fillColours(fill: number | readonly number[], channels: number): readonly number[] {
  if (typeof fill === "number") return new Array(channels).fill(fill);
  if (fill.length === 1) return new Array(channels).fill(fill[0]);
  if (fill.length !== channels) {
    throw new ArgumentError(
      `fill has ${fill.length} values for a picture of ${channels} channels; give one, or one a channel`,
    );
  }
  return fill;
}
