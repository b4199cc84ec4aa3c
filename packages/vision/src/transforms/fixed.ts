/**
 * The deterministic transforms as factories, for `compose`: `resize(256)` is a function from a picture to a picture.
 */

import type { Tensor } from "@kindling/core";
import type { Image } from "../io/image.js";
import * as F from "./functional.js";
import type { Padding, PaddingMode } from "./geometry.js";
import type { Size } from "./numbers.js";
import type { Picture } from "./raster.js";
import type { ResizeOptions } from "./resize.js";
import type { Transform } from "./transform.js";

/** A transform that gives back the kind of picture it was given. */
export type PictureTransform = <P extends Picture>(picture: P, context?: Parameters<Transform<P>>[1]) => P;

/** Resizes to [height, width], or so that the shorter side becomes `size`. */
export const resize =
  (size: Size, options: ResizeOptions = {}): PictureTransform =>
  (picture) =>
    F.resize(picture, size, options);

/** Cuts out the middle; black borders where the picture is smaller. */
export const centerCrop =
  (size: Size): PictureTransform =>
  (picture) =>
    F.centerCrop(picture, size);

/** Adds borders. */
export const pad =
  (
    padding: Padding,
    options: { fill?: number | readonly number[]; paddingMode?: PaddingMode } = {},
  ): PictureTransform =>
  (picture) =>
    F.pad(picture, padding, options);

/** Luminance, in one channel or repeated in three. */
export const grayscale =
  (numOutputChannels: 1 | 3 = 1): PictureTransform =>
  (picture) =>
    F.rgbToGrayscale(picture, numOutputChannels);

/** An image, or a uint8 tensor, to a float32 tensor [C, H, W] with values 0 … 1. */
export const toTensor = (): Transform<Picture, Tensor> => (picture) => F.toTensor(picture);

/** An image to a uint8 tensor [C, H, W]. */
export const pilToTensor = (): Transform<Image, Tensor> => (image) => F.pilToTensor(image);

/** Between uint8 (0 … 255) and float32 (0 … 1) tensors. */
export const convertImageDtype =
  (dtype: "float32" | "uint8"): Transform<Tensor> =>
  (tensor) =>
    F.convertImageDtype(tensor, dtype);

/** (value - mean[c]) / std[c] for each channel of a float32 tensor. */
export const normalize =
  (mean: readonly number[], std: readonly number[]): Transform<Tensor> =>
  (tensor) =>
    F.normalize(tensor, mean, std);

/** The four corners and the centre. */
export const fiveCrop =
  (size: Size) =>
  <P extends Picture>(picture: P): [P, P, P, P, P] =>
    F.fiveCrop(picture, size);

/** The five crops, and those of the mirrored picture. */
export const tenCrop =
  (size: Size, options: { vertical?: boolean } = {}) =>
  <P extends Picture>(picture: P): P[] =>
    F.tenCrop(picture, size, options.vertical);
