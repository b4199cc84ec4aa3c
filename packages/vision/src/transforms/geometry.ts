/**
 * Crops, flips, padding and erasing: transforms that move pixels and never mix them.
 */

import { ArgumentError } from "@kindling/core";
import { clamp, heightWidth, roundHalfEven, type Size } from "./numbers.js";
import { apply, dimensions, gather, type Picture, type Raster, strides, withData } from "./raster.js";
import { type Interpolation, type ResizeOptions, resize } from "./resize.js";

/** Padding of all sides, of [left and right, top and bottom], or of [left, top, right, bottom]. */
export type Padding = number | readonly number[];

export type PaddingMode = "constant" | "edge" | "reflect" | "symmetric";

const range = (length: number, at: (i: number) => number): Int32Array => Int32Array.from({ length }, (_, i) => at(i));
const within = (position: number, size: number): number => (position >= 0 && position < size ? position : -1);

/** The rectangle at (top, left); parts outside the picture are black. */
export function crop<P extends Picture>(picture: P, top: number, left: number, height: number, width: number): P {
  heightWidth([height, width]);
  return apply("crop", picture, (raster) =>
    gather(
      raster,
      range(height, (y) => within(top + y, raster.height)),
      range(width, (x) => within(left + x, raster.width)),
    ),
  );
}

/** The middle of the picture; a picture smaller than that gets black borders. */
export function centerCrop<P extends Picture>(picture: P, size: Size): P {
  const [height, width] = heightWidth(size);
  const given = dimensions(picture);
  return crop(picture, centred(given.height, height), centred(given.width, width), height, width);
}

/** Where a crop starts; halves round to even as Python's `round`, and borders are thinner before than after. */
function centred(given: number, wanted: number): number {
  if (wanted > given) return -Math.floor((wanted - given) / 2);
  return roundHalfEven((given - wanted) / 2);
}

/** Mirrors left and right. */
export function hflip<P extends Picture>(picture: P): P {
  return apply("hflip", picture, (raster) =>
    gather(
      raster,
      range(raster.height, (y) => y),
      range(raster.width, (x) => raster.width - 1 - x),
    ),
  );
}

/** Mirrors top and bottom. */
export function vflip<P extends Picture>(picture: P): P {
  return apply("vflip", picture, (raster) =>
    gather(
      raster,
      range(raster.height, (y) => raster.height - 1 - y),
      range(raster.width, (x) => x),
    ),
  );
}

/**
 * Adds borders; negative padding cuts them off.
 *
 * Modes: `constant` (the fill colour), `edge` (the last pixel), `reflect` (mirrored, the edge pixel once),
 * `symmetric` (mirrored, the edge pixel twice).
 */
export function pad<P extends Picture>(
  picture: P,
  padding: Padding,
  options: { fill?: number | readonly number[]; paddingMode?: PaddingMode } = {},
): P {
  const { fill = 0, paddingMode = "constant" } = options;
  const [left, top, right, bottom] = sides(padding);
  const source = SOURCES[paddingMode];
  if (!source) throw new ArgumentError(`paddingMode is ${paddingMode}; expected ${Object.keys(SOURCES).join(", ")}`);
  return apply("pad", picture, (raster) => {
    const [height, width] = heightWidth([raster.height + top + bottom, raster.width + left + right]);
    return gather(
      raster,
      range(height, (y) => source(y - top, raster.height)),
      range(width, (x) => source(x - left, raster.width)),
      fill,
    );
  });
}

function sides(padding: Padding): readonly [number, number, number, number] {
  const list = typeof padding === "number" ? [padding] : padding;
  if (![1, 2, 4].includes(list.length) || !list.every(Number.isInteger)) {
    throw new ArgumentError(`padding is [${list.join(", ")}]; expected 1, 2 or 4 whole numbers`);
  }
  const [left, top = left, right = left, bottom = top] = list;
  return [left, top, right, bottom];
}

const modulo = (a: number, n: number): number => ((a % n) + n) % n;

/** For each padding mode: which pixel of `size` stands at `position`, or -1 for the fill colour. */
const SOURCES: Record<PaddingMode, (position: number, size: number) => number> = {
  constant: within,
  edge: (position, size) => clamp(position, 0, size - 1),
  reflect: (position, size) => {
    if (size === 1) return 0;
    const place = modulo(position, 2 * size - 2);
    return place < size ? place : 2 * size - 2 - place;
  },
  symmetric: (position, size) => {
    const place = modulo(position, 2 * size);
    return place < size ? place : 2 * size - 1 - place;
  },
};

/** The four corners and the centre: [top left, top right, bottom left, bottom right, centre]. */
export function fiveCrop<P extends Picture>(picture: P, size: Size): [P, P, P, P, P] {
  const [height, width] = heightWidth(size);
  const given = dimensions(picture);
  if (height > given.height || width > given.width) {
    throw new ArgumentError(
      `cannot crop ${height} × ${width} from a picture of ${given.height} × ${given.width} pixels`,
    );
  }
  const bottom = given.height - height;
  const right = given.width - width;
  return [
    crop(picture, 0, 0, height, width),
    crop(picture, 0, right, height, width),
    crop(picture, bottom, 0, height, width),
    crop(picture, bottom, right, height, width),
    centerCrop(picture, [height, width]),
  ];
}

/** The five crops, and the five crops of the mirrored picture (mirrored top and bottom if `vertical`). */
export function tenCrop<P extends Picture>(picture: P, size: Size, vertical = false): P[] {
  return [...fiveCrop(picture, size), ...fiveCrop(vertical ? vflip(picture) : hflip(picture), size)];
}

/** A crop, resized. */
export function resizedCrop<P extends Picture>(
  picture: P,
  top: number,
  left: number,
  height: number,
  width: number,
  size: Size,
  interpolation: Interpolation = "bilinear",
  options: Pick<ResizeOptions, "antialias"> = {},
): P {
  return resize(crop(picture, top, left, height, width), size, { interpolation, ...options });
}

/** Overwrites the rectangle at row `top`, column `left` with a value, or one value a channel. */
export function erase<P extends Picture>(
  picture: P,
  top: number,
  left: number,
  height: number,
  width: number,
  value: number | readonly number[] | ((channel: number, y: number, x: number) => number) = 0,
): P {
  return apply("erase", picture, (raster) => eraseRaster(raster, top, left, height, width, value));
}

function eraseRaster(
  raster: Raster,
  top: number,
  left: number,
  height: number,
  width: number,
  value: number | readonly number[] | ((channel: number, y: number, x: number) => number),
): Raster {
  const data = raster.data.slice();
  const step = strides(raster);
  const at = typeof value === "function" ? value : (c: number) => (typeof value === "number" ? value : value[c]);
  for (let c = 0; c < raster.channels; c++) {
    for (let y = Math.max(top, 0); y < Math.min(top + height, raster.height); y++) {
      for (let x = Math.max(left, 0); x < Math.min(left + width, raster.width); x++) {
        data[c * step.channel + y * step.row + x * step.column] = at(c, y, x);
      }
    }
  }
  return withData(raster, data);
}
