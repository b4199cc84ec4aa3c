/**
 * Rotation, affine and perspective transforms: each output pixel is fetched from a computed place of the input.
 *
 * Torch and Pillow share the geometry (pixel centres at halves, an inverse map from output to input) and differ in
 * rounding and at the borders, so there is a sampler for each.
 */

import { ArgumentError } from "@kindling/core";
import { clamp, roundHalfEven } from "./numbers.js";
import { apply, blank, fillColours, isFloat, type Picture, type Raster, strides } from "./raster.js";

export interface WarpOptions {
  /** `nearest` by default. */
  readonly interpolation?: "nearest" | "bilinear";
  /** The colour outside the picture: one value, or one a channel; black by default. */
  readonly fill?: number | readonly number[];
}

/** x' = a·x + b·y + c and y' = d·x + e·y + f, both divided by g·x + h·y + 1. */
type Projection = readonly [number, number, number, number, number, number, number, number];

/** The affine map [a b c; d e f], in pixels with the origin at the picture's corner. */
type Affine = readonly [number, number, number, number, number, number];

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Cleans the noise of cos and sin at quarter turns, as Pillow does. */
const snap = (value: number): number => Math.round(value * 1e15) / 1e15;

/** The inverse of: shear, scale and rotate (degrees, clockwise) about `centre`, then translate. */
function inverseAffine(
  [cx, cy]: readonly [number, number],
  angle: number,
  [tx, ty]: readonly [number, number],
  scale: number,
  shear: readonly [number, number],
): Affine {
  const rotation = radians(angle);
  const sx = radians(shear[0]);
  const sy = radians(shear[1]);
  const a = Math.cos(rotation - sy) / Math.cos(sy);
  const b = -a * Math.tan(sx) - Math.sin(rotation);
  const c = Math.sin(rotation - sy) / Math.cos(sy);
  const d = -c * Math.tan(sx) + Math.cos(rotation);
  // Rotation and shears have determinant 1, so the inverse of [a b; c d] is [d -b; -c a].
  const [ia, ib, ic, id] = [d / scale, -b / scale, -c / scale, a / scale].map(snap);
  return [ia, ib, cx - ia * (cx + tx) - ib * (cy + ty), ic, id, cy - ic * (cx + tx) - id * (cy + ty)];
}

/** Rotates by `angle` degrees, counter-clockwise, about `center` ([x, y] in pixels; the middle by default). */
export function rotate<P extends Picture>(
  picture: P,
  angle: number,
  options: WarpOptions & { expand?: boolean; center?: readonly [number, number] } = {},
): P {
  return apply("rotate", picture, (raster) => {
    const middle = [raster.width / 2, raster.height / 2] as const;
    const map = inverseAffine(options.center ?? middle, -angle, [0, 0], 1, [0, 0]);
    if (!options.expand) return warp(raster, map, raster.height, raster.width, options);
    // Pillow turns by exactly 90 or 270 degrees without resampling.
    const quarterTurn = raster.kind === "image" && !options.center && Math.abs(map[1]) === 1;
    const [height, width] = quarterTurn ? [raster.width, raster.height] : expandedSize(raster, map);
    const shiftX = (raster.width - width) / 2;
    const shiftY = (raster.height - height) / 2;
    const [a, b, c, d, e, f] = map;
    const moved: Affine = [a, b, c + a * shiftX + b * shiftY, d, e, f + d * shiftX + e * shiftY];
    return warp(raster, moved, height, width, options);
  });
}

/** The size that holds the whole turned picture. */
function expandedSize(raster: Raster, [a, b, c, d, e, f]: Affine): readonly [number, number] {
  const corners = [
    [0, 0],
    [raster.width, 0],
    [raster.width, raster.height],
    [0, raster.height],
  ];
  // Torch computes corners in f32 and drops what is below 1e-4 of a pixel.
  const cut = (value: number) => (raster.kind === "tensor" ? Math.trunc(value / 1e-4) * 1e-4 : value);
  const extent = (values: number[]) => Math.ceil(cut(Math.max(...values))) - Math.floor(cut(Math.min(...values)));
  return [extent(corners.map(([x, y]) => d * x + e * y + f)), extent(corners.map(([x, y]) => a * x + b * y + c))];
}

/**
 * Shears, scales and rotates (degrees, clockwise) about `center` (the middle by default), then translates by
 * `translate` ([x, y] in pixels). The size stays.
 */
export function affine<P extends Picture>(
  picture: P,
  angle: number,
  translate: readonly [number, number],
  scale: number,
  shear: readonly [number, number],
  options: WarpOptions & { center?: readonly [number, number] } = {},
): P {
  if (!(scale > 0)) throw new ArgumentError(`scale is ${scale}; expected a number above 0`);
  return apply("affine", picture, (raster) => {
    const center = options.center ?? [raster.width / 2, raster.height / 2];
    return warp(raster, inverseAffine(center, angle, translate, scale, shear), raster.height, raster.width, options);
  });
}

/** A point [x, y] in pixels. */
export type Point = readonly [number, number];

/**
 * Moves four points of the picture to four others, and the rest with them. Points are corners in the order
 * top left, top right, bottom right, bottom left. `bilinear` by default.
 */
export function perspective<P extends Picture>(
  picture: P,
  startPoints: readonly Point[],
  endPoints: readonly Point[],
  options: WarpOptions = {},
): P {
  const projection = perspectiveCoefficients(startPoints, endPoints);
  return apply("perspective", picture, (raster) =>
    warp(raster, projection, raster.height, raster.width, { interpolation: "bilinear", ...options }),
  );
}

/** The projection that takes each end point to its start point: eight linear equations. */
function perspectiveCoefficients(startPoints: readonly Point[], endPoints: readonly Point[]): Projection {
  if (startPoints.length !== 4 || endPoints.length !== 4) {
    throw new ArgumentError(`perspective got ${startPoints.length} and ${endPoints.length} points; expected 4 and 4`);
  }
  const equations = endPoints.flatMap(([x, y], i) => {
    const [u, v] = startPoints[i];
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y, u],
      [0, 0, 0, x, y, 1, -v * x, -v * y, v],
    ];
  });
  return solve(equations) as unknown as Projection;
}

/** Solves a square system given as rows with the right-hand side last (Gauss and Jordan, with pivoting). */
function solve(rows: number[][]): number[] {
  for (let column = 0; column < rows.length; column++) {
    let pivot = column;
    for (let i = column + 1; i < rows.length; i++) {
      if (Math.abs(rows[i][column]) > Math.abs(rows[pivot][column])) pivot = i;
    }
    if (Math.abs(rows[pivot][column]) < 1e-12) {
      throw new ArgumentError("perspective got end points of which three lie on a line; no such map exists");
    }
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    const divisor = rows[column][column];
    rows[column] = rows[column].map((value) => value / divisor);
    for (let i = 0; i < rows.length; i++) {
      if (i === column) continue;
      const factor = rows[i][column];
      rows[i] = rows[i].map((value, k) => value - factor * rows[column][k]);
    }
  }
  return rows.map((row) => row[rows.length]);
}

/** Fetches every output pixel; the map takes output coordinates to input coordinates. */
function warp(raster: Raster, map: Affine | Projection, height: number, width: number, options: WarpOptions): Raster {
  const { interpolation = "nearest", fill } = options;
  if (interpolation !== "nearest" && interpolation !== "bilinear") {
    throw new ArgumentError(`interpolation is ${interpolation}; expected nearest or bilinear`);
  }
  const out = blank(raster, height, width);
  const position = locate(map, raster, out, interpolation);
  const step = strides(out);
  const colours = fill === undefined ? undefined : fillColours(fill, raster.channels);
  const sample = SAMPLERS[raster.kind][interpolation](raster, colours);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = position(x, y);
      for (let channel = 0; channel < raster.channels; channel++) {
        out.data[channel * step.channel + y * step.row + x * step.column] = sample(channel, u, v);
      }
    }
  }
  return out;
}

/** From the pixel (x, y) of the output to a point (u, v) of the input, pixel centres at halves. */
type Locate = (x: number, y: number) => readonly [number, number];

function locate(map: Affine | Projection, input: Raster, output: Raster, interpolation: string): Locate {
  if (map.length !== 6) return project(map);
  if (input.kind === "tensor") return torchAffine(map, input, output);
  return interpolation === "nearest" ? pillowAffine(map) : project(map);
}

function project([a, b, c, d, e, f, g = 0, h = 0]: Affine | Projection): Locate {
  return (x, y) => {
    const [px, py] = [x + 0.5, y + 0.5];
    const w = g * px + h * py + 1;
    return [(a * px + b * py + c) / w, (d * px + e * py + f) / w];
  };
}

/** Pillow's affine map for nearest neighbours: fixed point with 16 bits of fraction. */
function pillowAffine([a, b, c, d, e, f]: Affine): Locate {
  const fixed = (value: number) => Math.floor(value * 65536 + 0.5);
  const [alongX, alongY, u0] = [fixed(a), fixed(b), fixed(c + a * 0.5 + b * 0.5)];
  const [downX, downY, v0] = [fixed(d), fixed(e), fixed(f + d * 0.5 + e * 0.5)];
  return (x, y) => [(u0 + x * alongX + y * alongY) / 65536, (v0 + x * downX + y * downY) / 65536];
}

/** The affine map step by step as torch's grid sampling computes it in f32, whose rounding decides ties. */
function torchAffine([a, b, c, d, e, f]: Affine, input: Raster, output: Raster): Locate {
  const f32 = Math.fround;
  const [middleX, middleY] = [output.width / 2, output.height / 2];
  const axis = (p: number, q: number, shift: number, size: number) => {
    const half = size / 2;
    const [alongX, alongY] = [f32(f32(p) / half), f32(f32(q) / half)];
    const origin = f32(f32(shift + p * middleX + q * middleY - half) / half);
    return (x: number, y: number) => {
      const grid = f32(f32(f32((x + 0.5 - middleX) * alongX) + (y + 0.5 - middleY) * alongY) + origin);
      return f32(f32(f32(grid + 1) * size) - 1) / 2 + 0.5;
    };
  };
  const [u, v] = [axis(a, b, c, input.width), axis(d, e, f, input.height)];
  return (x, y) => [u(x, y), v(x, y)];
}

/** The value of a channel at (u, v), pixel centres at halves. */
type Sampler = (channel: number, u: number, v: number) => number;

const SAMPLERS: Record<
  Raster["kind"],
  Record<"nearest" | "bilinear", (raster: Raster, fill?: readonly number[]) => Sampler>
> = {
  tensor: { nearest: torchNearest, bilinear: torchBilinear },
  image: { nearest: pillowNearest, bilinear: pillowBilinear },
};

/** A reader of single pixels, or the given value outside. */
function reader(raster: Raster): (channel: number, x: number, y: number, outside: number) => number {
  const { data, width, height } = raster;
  const step = strides(raster);
  return (channel, x, y, outside) =>
    x >= 0 && y >= 0 && x < width && y < height
      ? data[channel * step.channel + y * step.row + x * step.column]
      : outside;
}

function torchNearest(raster: Raster, fill?: readonly number[]): Sampler {
  const read = reader(raster);
  const nearest = (position: number) => roundHalfEven(position - 0.5);
  return (channel, u, v) => read(channel, nearest(u), nearest(v), fill?.[channel] ?? 0);
}

/**
 * Pixels outside are black. With a fill colour, the result is multiplied by the share of the four neighbours that are
 * inside and the colour takes the rest, as torchvision does.
 */
function torchBilinear(raster: Raster, fill?: readonly number[]): Sampler {
  const read = reader(raster);
  const finish = isFloat(raster) ? (value: number) => value : roundHalfEven;
  const { width, height } = raster;
  return (channel, u, v) => {
    const [x, y] = [Math.floor(u - 0.5), Math.floor(v - 0.5)];
    const [dx, dy] = [u - 0.5 - x, v - 0.5 - y];
    const at = (i: number, j: number) => read(channel, x + i, y + j, 0);
    const top = at(0, 0) * (1 - dx) + at(1, 0) * dx;
    const bottom = at(0, 1) * (1 - dx) + at(1, 1) * dx;
    const value = top * (1 - dy) + bottom * dy;
    if (!fill) return finish(value);
    const inside = share(x, dx, width) * share(y, dy, height);
    return finish(value * inside + fill[channel] * (1 - inside));
  };
}

/** Of two neighbours at `position` and `position + 1`, weighted 1 - d and d, the weight that lies inside. */
const share = (position: number, d: number, size: number): number =>
  (position >= 0 && position < size ? 1 - d : 0) + (position + 1 >= 0 && position + 1 < size ? d : 0);

function pillowNearest(raster: Raster, fill?: readonly number[]): Sampler {
  const read = reader(raster);
  return (channel, u, v) => read(channel, Math.floor(u), Math.floor(v), fill?.[channel] ?? 0);
}

/** Only positions inside are interpolated, with the border pixel repeated; fractions are cut off. */
function pillowBilinear(raster: Raster, fill?: readonly number[]): Sampler {
  const read = reader(raster);
  return (channel, u, v) => {
    if (u < 0 || v < 0 || u >= raster.width || v >= raster.height) return fill?.[channel] ?? 0;
    const [x, y] = [Math.floor(u - 0.5), Math.floor(v - 0.5)];
    const [dx, dy] = [u - 0.5 - x, v - 0.5 - y];
    const at = (i: number, j: number) =>
      read(channel, clamp(x + i, 0, raster.width - 1), clamp(y + j, 0, raster.height - 1), 0);
    const top = at(0, 0) + (at(1, 0) - at(0, 0)) * dx;
    const bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * dx;
    return Math.trunc(top + (bottom - top) * dy);
  };
}
