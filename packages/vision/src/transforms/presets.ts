/**
 * The transforms that published weights expect, and the recipes that networks are trained with
 * (torchvision.transforms._presets and its reference scripts).
 */

import type { Tensor } from "@kindling/core";
import { Image } from "../io/image.js";
import * as F from "./functional.js";
import type { Size } from "./numbers.js";
import { randomHorizontalFlip, randomResizedCrop } from "./random.js";
import type { Picture } from "./raster.js";
import type { Interpolation } from "./resize.js";
import { contextOr, type Transform } from "./transform.js";

/** Mean of ImageNet's channels (red, green, blue) on [0, 1]. */
export const IMAGENET_MEAN: readonly number[] = [0.485, 0.456, 0.406];
/** Standard deviation of ImageNet's channels on [0, 1]. */
export const IMAGENET_STD: readonly number[] = [0.229, 0.224, 0.225];

/** Common to the presets. */
export interface PresetOptions {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly interpolation?: Interpolation;
  readonly antialias?: boolean;
}

function normalized(picture: Picture, { mean = IMAGENET_MEAN, std = IMAGENET_STD }: PresetOptions): Tensor {
  return F.normalize(F.toTensor(threeChannels(picture)), mean, std);
}

/** Grey pictures repeat their channel, so that networks for colour take them. */
function threeChannels(picture: Picture): Picture {
  return picture instanceof Image && picture.channels < 3 ? F.rgbToGrayscale(picture, 3) : picture;
}

/** Evaluation: shorter side to `resizeSize`, the middle of `cropSize`, floats, normalised. Gives [3, crop, crop]. */
export function imageClassification(
  options: PresetOptions & { cropSize: Size; resizeSize?: Size },
): Transform<Picture, Tensor> {
  const { cropSize, resizeSize = 256, interpolation = "bilinear", antialias } = options;
  return (picture) => {
    const resized = F.resize(picture, resizeSize, { interpolation, antialias });
    return normalized(F.centerCrop(resized, cropSize), options);
  };
}

/** Training: a random part resized to `cropSize`, mirrored with probability `flip`, floats, normalised. */
export function imageClassificationTrain(
  options: PresetOptions & { cropSize: Size; flip?: number },
): Transform<Picture, Tensor> {
  const { cropSize, interpolation = "bilinear", antialias, flip = 0.5 } = options;
  const crop = randomResizedCrop(cropSize, { interpolation, antialias });
  const mirror = randomHorizontalFlip(flip);
  return (picture, context) => {
    const shared = contextOr(context);
    return normalized(mirror(crop(picture, shared), shared), options);
  };
}

/** Evaluation for segmentation: shorter side to `resizeSize` (or as it is), floats, normalised. */
export function semanticSegmentation(options: PresetOptions & { resizeSize?: Size } = {}): Transform<Picture, Tensor> {
  const { resizeSize, interpolation = "bilinear", antialias } = options;
  return (picture) => {
    const resized = resizeSize === undefined ? picture : F.resize(picture, resizeSize, { interpolation, antialias });
    return normalized(resized, options);
  };
}

/** Evaluation for detection: floats on [0, 1]; the network itself resizes and normalises. */
export function objectDetection(): Transform<Picture, Tensor> {
  return (picture) => F.toTensor(picture);
}
