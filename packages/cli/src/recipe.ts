/**
 * What happens to a picture before the network sees it. Each recipe has a part that gives the same in every epoch, whose
 * results are worth keeping, and a part that is drawn anew.
 */

import type { Tensor } from "@kindling/core";
import { type io, transforms } from "@kindling/vision";
import type { Augmentation } from "./options.js";

type Image = io.Image;

/** How pictures are prepared for evaluation; `predict` reads it from the run's folder. */
export interface Preprocessing {
  /** Height and width of what the network sees. */
  readonly size: number;
  /** `stretch`: resized to size × size; `crop`: the middle of the picture, its shorter side resized to 8/7 of size. */
  readonly fit: "stretch" | "crop";
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** ImageNet's networks are evaluated on the middle 224 pixels of 256. */
const CROP_MARGIN = 256 / 224;

export function preprocessingFor(augmentation: Augmentation, size: number): Preprocessing {
  return {
    size,
    fit: augmentation === "imagenet" ? "crop" : "stretch",
    mean: transforms.IMAGENET_MEAN,
    std: transforms.IMAGENET_STD,
  };
}

/** RGB image → float32 [3, size, size], normalised. Stretching is bilinear on floats, without antialiasing. */
export function evaluation({ size, fit, mean, std }: Preprocessing): transforms.Transform<Image, Tensor> {
  if (fit === "crop")
    return transforms.imageClassification({ cropSize: size, resizeSize: Math.round(size * CROP_MARGIN), mean, std });
  return transforms.compose([transforms.toTensor(), transforms.resize([size, size]), transforms.normalize(mean, std)]);
}

/** A recipe in two parts; `Kept` is what stands between them. */
export interface Recipe<Kept> {
  readonly steady: transforms.Transform<Image, Kept>;
  readonly varied: transforms.Transform<Kept, Tensor>;
}

export const evaluationRecipe = (preprocessing: Preprocessing): Recipe<Tensor> => ({
  steady: evaluation(preprocessing),
  varied: (picture) => picture,
});

/** The whole picture, mirrored with probability ½. */
export function flipRecipe(preprocessing: Preprocessing): Recipe<Tensor> {
  const flip = transforms.randomHorizontalFlip();
  return { steady: evaluation(preprocessing), varied: (picture, context) => flip(picture, context) };
}

/** A random part of the picture, mirrored with probability ½: torchvision's recipe for ImageNet. */
export function cropRecipe({ size: cropSize, mean, std }: Preprocessing): Recipe<Image> {
  return { steady: (image) => image, varied: transforms.imageClassificationTrain({ cropSize, mean, std }) };
}
