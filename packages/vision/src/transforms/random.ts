/**
 * Random transforms: each draws its parameters from the sample's random numbers and calls the deterministic transform.
 * Distributions and defaults are torchvision's.
 */

import { ArgumentError, type Tensor } from "@kindling/core";
import type { Rng } from "@kindling/data";
import type { PictureTransform } from "./fixed.js";
import * as F from "./functional.js";
import type { Padding, PaddingMode } from "./geometry.js";
import { clamp, heightWidth, roundHalfEven, type Size } from "./numbers.js";
import { dimensions, type Picture } from "./raster.js";
import type { Interpolation, ResizeOptions } from "./resize.js";
import { contextOr, type Transform } from "./transform.js";
import type { WarpOptions } from "./warp.js";

/** [low, high]. */
export type Range = readonly [number, number];

function checkProbability(p: number): number {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`the probability is ${p}; expected a number from 0 to 1`);
  return p;
}

function checkRange([low, high]: Range, name: string, least = Number.NEGATIVE_INFINITY): void {
  if (!(low <= high) || low < least) {
    const bound = Number.isFinite(least) ? `, both ${least} or more` : "";
    throw new ArgumentError(`${name} is [${low}, ${high}]; expected [low, high] with low ≤ high${bound}`);
  }
}

/** Does `transform` with probability `p`. */
export function randomApply<T>(transform: Transform<T>, p = 0.5): Transform<T> {
  checkProbability(p);
  return (input, context) => {
    const { rng } = contextOr(context);
    return rng.uniform() < p ? transform(input, { rng }) : input;
  };
}

/** Does one of the transforms, each equally likely. */
export function randomChoice<T>(transforms: readonly Transform<T>[]): Transform<T> {
  if (transforms.length === 0) throw new ArgumentError("randomChoice got no transform; expected one or more");
  return (input, context) => {
    const { rng } = contextOr(context);
    return transforms[rng.int(transforms.length)](input, { rng });
  };
}

/** Mirrors left and right with probability `p`. */
export function randomHorizontalFlip(p = 0.5): PictureTransform {
  checkProbability(p);
  return (picture, context) => (contextOr(context).rng.uniform() < p ? F.hflip(picture) : picture);
}

/** Mirrors top and bottom with probability `p`. */
export function randomVerticalFlip(p = 0.5): PictureTransform {
  checkProbability(p);
  return (picture, context) => (contextOr(context).rng.uniform() < p ? F.vflip(picture) : picture);
}

/** Grey in as many channels as the picture has, with probability `p`. */
export function randomGrayscale(p = 0.1): PictureTransform {
  checkProbability(p);
  return (picture, context) => {
    const channels = dimensions(picture).channels === 1 ? 1 : 3;
    return contextOr(context).rng.uniform() < p ? F.rgbToGrayscale(picture, channels) : picture;
  };
}

export interface RandomResizedCropOptions extends Pick<ResizeOptions, "antialias"> {
  /** Share of the picture's area; [0.08, 1] by default. */
  readonly scale?: Range;
  /** Width divided by height, drawn evenly on a logarithmic scale; [3/4, 4/3] by default. */
  readonly ratio?: Range;
  readonly interpolation?: Interpolation;
}

/**
 * Cuts out a random part and resizes it: the augmentation that ImageNet networks are trained with
 * (Szegedy et al., "Going Deeper with Convolutions", 2014). If ten draws do not fit, the largest middle part is taken.
 */
export function randomResizedCrop(size: Size, options: RandomResizedCropOptions = {}): PictureTransform {
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], interpolation = "bilinear", antialias } = options;
  checkRange(scale, "scale", 0);
  checkRange(ratio, "ratio", Number.MIN_VALUE);
  const target = heightWidth(size);
  return (picture, context) => {
    const { height, width } = dimensions(picture);
    const [top, left, h, w] = cropWindow(contextOr(context).rng, height, width, scale, ratio);
    return F.resizedCrop(picture, top, left, h, w, target, interpolation, { antialias });
  };
}

/** A rectangle [top, left, height, width] of a share of the area and an aspect ratio within the ranges. */
function cropWindow(
  rng: Rng,
  height: number,
  width: number,
  scale: Range,
  ratio: Range,
): readonly [number, number, number, number] {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * rng.uniform(...scale);
    const aspect = Math.exp(rng.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) return [rng.int(height - h + 1), rng.int(width - w + 1), h, w];
  }
  const aspect = clamp(width / height, ...ratio);
  const w = clamp(roundHalfEven(height * aspect), 1, width);
  const h = clamp(roundHalfEven(width / aspect), 1, height);
  return [Math.floor((height - h) / 2), Math.floor((width - w) / 2), h, w];
}

export interface RandomCropOptions {
  /** Borders added first. */
  readonly padding?: Padding;
  /** Add borders where the picture is smaller than the crop, instead of raising an error. */
  readonly padIfNeeded?: boolean;
  readonly fill?: number | readonly number[];
  readonly paddingMode?: PaddingMode;
}

/** Cuts out [height, width] at a random place. */
export function randomCrop(size: Size, options: RandomCropOptions = {}): PictureTransform {
  const [h, w] = heightWidth(size);
  return <P extends Picture>(picture: P, context?: Parameters<Transform<P>>[1]): P => {
    const { rng } = contextOr(context);
    let padded = options.padding === undefined ? picture : F.pad(picture, options.padding, options);
    const missing = dimensions(padded);
    if (options.padIfNeeded && (missing.height < h || missing.width < w)) {
      padded = F.pad(padded, [Math.max(0, w - missing.width), Math.max(0, h - missing.height)], options);
    }
    const { height, width } = dimensions(padded);
    if (height < h || width < w) {
      throw new ArgumentError(
        `randomCrop takes ${h} × ${w} from a picture of ${height} × ${width} pixels; resize it first, or set padIfNeeded`,
      );
    }
    return F.crop(padded, rng.int(height - h + 1), rng.int(width - w + 1), h, w);
  };
}

export interface ColorJitterOptions {
  /** x stands for a factor drawn from [max(0, 1 - x), 1 + x]. */
  readonly brightness?: number | Range;
  readonly contrast?: number | Range;
  readonly saturation?: number | Range;
  /** x stands for a turn drawn from [-x, x], at most 0.5. */
  readonly hue?: number | Range;
}

/** Changes brightness, contrast, saturation and hue at random, in random order. */
export function colorJitter(options: ColorJitterOptions): PictureTransform {
  const around = (value: number | Range, name: string): Range => {
    const range: Range = typeof value === "number" ? [Math.max(0, 1 - value), 1 + value] : value;
    checkRange(range, name, 0);
    return range;
  };
  const steps: ((picture: Picture, rng: Rng) => Picture)[] = [];
  const add = (
    value: number | Range | undefined,
    name: string,
    adjust: (picture: Picture, factor: number) => Picture,
  ) => {
    if (value === undefined) return;
    const range = around(value, name);
    steps.push((picture, rng) => adjust(picture, rng.uniform(...range)));
  };
  add(options.brightness, "brightness", F.adjustBrightness);
  add(options.contrast, "contrast", F.adjustContrast);
  add(options.saturation, "saturation", F.adjustSaturation);
  if (options.hue !== undefined) {
    const range: Range = typeof options.hue === "number" ? [-options.hue, options.hue] : options.hue;
    checkRange(range, "hue", -0.5);
    if (range[1] > 0.5) throw new ArgumentError(`hue reaches ${range[1]}; expected at most 0.5`);
    steps.push((picture, rng) => F.adjustHue(picture, rng.uniform(...range)));
  }
  return <P extends Picture>(picture: P, context?: Parameters<Transform<P>>[1]): P => {
    const { rng } = contextOr(context);
    const order = rng.permutation(steps.length);
    return order.reduce<Picture>((current, step) => steps[step](current, rng), picture) as P;
  };
}

/** Rotates by an angle drawn from [-degrees, degrees], or from a range. */
export function randomRotation(
  degrees: number | Range,
  options: WarpOptions & { expand?: boolean; center?: readonly [number, number] } = {},
): PictureTransform {
  const range: Range = typeof degrees === "number" ? [-degrees, degrees] : degrees;
  checkRange(range, "degrees");
  return (picture, context) => F.rotate(picture, contextOr(context).rng.uniform(...range), options);
}

export interface RandomAffineOptions extends WarpOptions {
  /** Largest shift as a share of [width, height]. */
  readonly translate?: readonly [number, number];
  readonly scale?: Range;
  /** Degrees along x, from [-shear, shear] or a range. */
  readonly shear?: number | Range;
}

/** Rotates, shifts, scales and shears at random about the middle. */
export function randomAffine(degrees: number | Range, options: RandomAffineOptions = {}): PictureTransform {
  const { translate = [0, 0], scale = [1, 1], shear = 0 } = options;
  const angles: Range = typeof degrees === "number" ? [-degrees, degrees] : degrees;
  const shears: Range = typeof shear === "number" ? [-shear, shear] : shear;
  checkRange(angles, "degrees");
  checkRange(scale, "scale", Number.MIN_VALUE);
  checkRange(shears, "shear");
  if (!translate.every((share) => share >= 0 && share <= 1)) {
    throw new ArgumentError(`translate is [${translate.join(", ")}]; expected shares of the size, from 0 to 1`);
  }
  return (picture, context) => {
    const { rng } = contextOr(context);
    const { height, width } = dimensions(picture);
    const angle = rng.uniform(...angles);
    const shift = (most: number) => Math.round(rng.uniform(-most, most));
    const offset = [shift(translate[0] * width), shift(translate[1] * height)] as const;
    return F.affine(picture, angle, offset, rng.uniform(...scale), [rng.uniform(...shears), 0], options);
  };
}

/** Blurs with a Gaussian whose sigma is drawn from a range. */
export function gaussianBlur(
  kernelSize: number | readonly [number, number],
  sigma: Range = [0.1, 2],
): PictureTransform {
  checkRange(sigma, "sigma", Number.MIN_VALUE);
  return (picture, context) => F.gaussianBlur(picture, kernelSize, contextOr(context).rng.uniform(...sigma));
}

export interface RandomErasingOptions {
  readonly p?: number;
  /** Share of the picture's area; [0.02, 0.33] by default. */
  readonly scale?: Range;
  /** Height divided by width; [0.3, 3.3] by default. */
  readonly ratio?: Range;
  /** What is written: a value, one a channel, or "random" normal numbers. */
  readonly value?: number | readonly number[] | "random";
}

/** Overwrites a random rectangle of a float tensor (Zhong et al., "Random Erasing Data Augmentation", 2017). */
export function randomErasing(options: RandomErasingOptions = {}): Transform<Tensor> {
  const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
  checkProbability(p);
  checkRange(scale, "scale", 0);
  checkRange(ratio, "ratio", Number.MIN_VALUE);
  return (tensor, context) => {
    const { rng } = contextOr(context);
    if (rng.uniform() >= p) return tensor;
    const { height, width } = dimensions(tensor);
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * rng.uniform(...scale);
      const aspect = Math.exp(rng.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
      const h = roundHalfEven(Math.sqrt(area * aspect));
      const w = roundHalfEven(Math.sqrt(area / aspect));
      if (h >= height || w >= width) continue;
      const [top, left] = [rng.int(height - h + 1), rng.int(width - w + 1)];
      return F.erase(tensor, top, left, h, w, value === "random" ? () => rng.normal() : value);
    }
    return tensor;
  };
}
