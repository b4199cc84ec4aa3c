/**
 * Resizing: a separable filter, applied along rows and then along columns.
 *
 * For each output position, `taps` lists which input positions it reads and with what weights. With antialiasing the
 * filter is stretched by the scale when shrinking (Pillow's Resample.c, torch's `antialias=True`); without it, the
 * weights are those of torch's plain bilinear and bicubic interpolation.
 */

import { ArgumentError } from "@kindling/core";
import { clamp, heightWidth, roundHalfEven, type Size } from "./numbers.js";
import { apply, blank, gather, isFloat, type Picture, type Pixels, type Raster, strides } from "./raster.js";

export type Interpolation = "nearest" | "nearest-exact" | "bilinear" | "bicubic" | "box" | "hamming" | "lanczos";

export interface ResizeOptions {
  /** `bilinear` by default. `box`, `hamming` and `lanczos` are for images and antialiased tensors. */
  readonly interpolation?: Interpolation;
  /** With a single `size`: the longer side becomes at most this, and the shorter one shrinks with it. */
  readonly maxSize?: number;
  /** Smooth when shrinking; true by default, and always for an `Image` (as in Pillow). */
  readonly antialias?: boolean;
}

/** A filter's weight at distance x, in units of input pixels, and where it ends. */
interface Filter {
  readonly support: number;
  weight(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** The cubic convolution kernel of Keys (1981) with slope `a` at distance 1. */
function cubic(a: number): (x: number) => number {
  return (signed) => {
    const x = Math.abs(signed);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
  };
}

const FILTERS: Record<Exclude<Interpolation, "nearest" | "nearest-exact">, Filter> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0) },
  bicubic: { support: 2, weight: cubic(-0.5) },
  lanczos: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Torch's plain bicubic interpolation has another slope than the antialiased one. */
const plainCubic = cubic(-0.75);

/** For output i: inputs `start[i]` … `start[i] + count[i] - 1` with weights from `weights[i * stride]`; they sum to 1. */
interface Taps {
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly weights: Float64Array;
  readonly stride: number;
}

function antialiasedTaps(input: number, output: number, filter: Filter): Taps {
  const scale = input / output;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const stride = Math.ceil(support) * 2 + 1;
  const taps = emptyTaps(output, stride);
  for (let i = 0; i < output; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), input);
    let sum = 0;
    for (let j = start; j < end; j++) sum += filter.weight((j - centre + 0.5) / stretch);
    for (let j = start; j < end; j++) {
      taps.weights[i * stride + j - start] = filter.weight((j - centre + 0.5) / stretch) / sum;
    }
    taps.start[i] = start;
    taps.count[i] = end - start;
  }
  return taps;
}

/** Two or four neighbours of the exact position; those beyond the border repeat the border pixel. */
function plainTaps(input: number, output: number, interpolation: Interpolation): Taps {
  const scale = input / output;
  const reach = interpolation === "bicubic" ? 2 : 1;
  const weight = interpolation === "bicubic" ? plainCubic : FILTERS.bilinear.weight;
  const taps = emptyTaps(output, 2 * reach);
  for (let i = 0; i < output; i++) {
    const exact = (i + 0.5) * scale - 0.5;
    const first = Math.floor(exact) - reach + 1;
    const end = first + 2 * reach;
    const start = clamp(first, 0, input - 1);
    for (let j = first; j < end; j++) {
      taps.weights[i * taps.stride + clamp(j, 0, input - 1) - start] += weight(exact - j);
    }
    taps.start[i] = start;
    taps.count[i] = clamp(end - 1, 0, input - 1) - start + 1;
  }
  return taps;
}

function emptyTaps(output: number, stride: number): Taps {
  return {
    start: new Int32Array(output),
    count: new Int32Array(output),
    weights: new Float64Array(output * stride),
    stride,
  };
}

/** Pillow keeps weights of 8-bit pictures as whole numbers with 22 bits of fraction, and rounds after each pass. */
const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

function fixedPoint(weights: Float64Array): Int32Array {
  return Int32Array.from(weights, (w) => Math.trunc(w * (1 << PRECISION) + (w < 0 ? -0.5 : 0.5)));
}

/** One pass: `lines` lines, each with `lanes` interleaved values a position, resampled from `input` to `output` positions. */
interface Pass {
  readonly from: Pixels;
  readonly to: Pixels;
  readonly lines: number;
  readonly lanes: number;
  readonly input: number;
  readonly output: number;
  readonly taps: Taps;
}

function passFixed({ from, to, lines, lanes, input, output, taps }: Pass): void {
  const weights = fixedPoint(taps.weights);
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < output; i++) {
      const source = (line * input + taps.start[i]) * lanes;
      const target = (line * output + i) * lanes;
      const count = taps.count[i];
      for (let lane = 0; lane < lanes; lane++) {
        let sum = HALF;
        for (let j = 0, at = source + lane; j < count; j++, at += lanes) {
          sum = (sum + Math.imul(from[at], weights[i * taps.stride + j])) | 0;
        }
        to[target + lane] = clamp(sum >> PRECISION, 0, 255);
      }
    }
  }
}

function passFloat({ from, to, lines, lanes, input, output, taps }: Pass): void {
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < output; i++) {
      const source = (line * input + taps.start[i]) * lanes;
      const target = (line * output + i) * lanes;
      const count = taps.count[i];
      for (let lane = 0; lane < lanes; lane++) {
        let sum = 0;
        for (let j = 0, at = source + lane; j < count; j++, at += lanes)
          sum += from[at] * taps.weights[i * taps.stride + j];
        to[target + lane] = sum;
      }
    }
  }
}

/** [height, width] after `resize`, as torchvision computes them. */
export function resizedSize(
  height: number,
  width: number,
  size: Size,
  maxSize: number | undefined,
): readonly [number, number] {
  if (typeof size !== "number" && size.length === 2) {
    if (maxSize !== undefined) {
      throw new ArgumentError("maxSize goes with a single size (that of the shorter side), not with [height, width]");
    }
    return heightWidth(size);
  }
  const [requested] = heightWidth(size);
  if (maxSize !== undefined && maxSize <= requested) {
    throw new ArgumentError(`maxSize is ${maxSize}; expected more than the size of the shorter side, ${requested}`);
  }
  let short = requested;
  let long = Math.trunc((requested * Math.max(height, width)) / Math.min(height, width));
  if (maxSize !== undefined && long > maxSize) {
    short = Math.max(1, Math.trunc((maxSize * short) / long));
    long = maxSize;
  }
  return width <= height ? [long, short] : [short, long];
}

/**
 * Resizes to [height, width], or so that the shorter side becomes `size`.
 * An `Image` is resized by Pillow's rules (8-bit, fixed point), a tensor by torch's.
 */
export function resize<P extends Picture>(picture: P, size: Size, options: ResizeOptions = {}): P {
  return apply("resize", picture, (raster) => {
    const [height, width] = resizedSize(raster.height, raster.width, size, options.maxSize);
    return resizeRaster(raster, height, width, options);
  });
}

function resizeRaster(raster: Raster, height: number, width: number, options: ResizeOptions): Raster {
  const { interpolation = "bilinear", antialias = true } = options;
  if (height === raster.height && width === raster.width) return raster;
  if (interpolation === "nearest" || interpolation === "nearest-exact") {
    const pick =
      raster.kind === "image" ? pillowNearest : interpolation === "nearest" ? torchNearest : torchNearestExact;
    return gather(raster, pick(raster.height, height), pick(raster.width, width));
  }
  const filter = FILTERS[interpolation];
  if (!filter) {
    const known = ["nearest", "nearest-exact", ...Object.keys(FILTERS)].join(", ");
    throw new ArgumentError(`interpolation is ${interpolation}; expected one of ${known}`);
  }
  const smooth = antialias || raster.kind === "image";
  if (!smooth && interpolation !== "bilinear" && interpolation !== "bicubic") {
    throw new ArgumentError(`interpolation ${interpolation} needs antialias: true; without it use bilinear or bicubic`);
  }
  const tapsFor = (input: number, output: number) =>
    smooth ? antialiasedTaps(input, output, filter) : plainTaps(input, output, interpolation);
  return filtered(raster, tapsFor(raster.width, width), tapsFor(raster.height, height), height, width);
}

/** The input position under the corner of each output position. */
function torchNearest(input: number, output: number): Int32Array {
  const scale = Math.fround(input / output);
  return Int32Array.from({ length: output }, (_, i) => Math.min(Math.floor(Math.fround(i * scale)), input - 1));
}

/** The input position under the middle of each output position. */
function torchNearestExact(input: number, output: number): Int32Array {
  const scale = Math.fround(input / output);
  return Int32Array.from({ length: output }, (_, i) => Math.min(Math.floor(Math.fround((i + 0.5) * scale)), input - 1));
}

/** The same, found as Pillow does by adding up steps, whose rounding decides ties. */
function pillowNearest(input: number, output: number): Int32Array {
  const scale = input / output;
  let position = scale / 2;
  return Int32Array.from({ length: output }, () => {
    const nearest = Math.min(Math.floor(position), input - 1);
    position += scale;
    return nearest;
  });
}

function filtered(raster: Raster, columns: Taps, rows: Taps, height: number, width: number): Raster {
  const exact = raster.kind === "image";
  const pass = exact ? passFixed : passFloat;
  const out = blank(raster, height, width);
  const between = exact
    ? blank(raster, raster.height, width).data
    : new Float32Array(raster.channels * raster.height * width);
  const last = exact || isFloat(raster) ? out.data : new Float32Array(out.data.length);
  const { row, column } = strides({ ...raster, width });
  const planes = exact ? 1 : raster.channels;
  pass({
    from: raster.data,
    to: between,
    lines: planes * raster.height,
    lanes: column,
    input: raster.width,
    output: width,
    taps: columns,
  });
  pass({ from: between, to: last, lines: planes, lanes: row, input: raster.height, output: height, taps: rows });
  if (last !== out.data) {
    for (let i = 0; i < last.length; i++) out.data[i] = clamp(roundHalfEven(last[i]), 0, 255);
  }
  return out;
}
