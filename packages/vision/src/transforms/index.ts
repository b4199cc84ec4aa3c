/** Transforms of pictures (torchvision.transforms), on the host. */

export {
  centerCrop,
  convertImageDtype,
  fiveCrop,
  grayscale,
  normalize,
  type PictureTransform,
  pad,
  pilToTensor,
  resize,
  tenCrop,
  toTensor,
} from "./fixed.js";
export * as functional from "./functional.js";
export type { Padding, PaddingMode } from "./geometry.js";
export type { Size } from "./numbers.js";
export {
  IMAGENET_MEAN,
  IMAGENET_STD,
  imageClassification,
  imageClassificationTrain,
  objectDetection,
  type PresetOptions,
  semanticSegmentation,
} from "./presets.js";
export {
  type ColorJitterOptions,
  colorJitter,
  gaussianBlur,
  type RandomAffineOptions,
  type RandomCropOptions,
  type RandomErasingOptions,
  type RandomResizedCropOptions,
  type Range,
  randomAffine,
  randomApply,
  randomChoice,
  randomCrop,
  randomErasing,
  randomGrayscale,
  randomHorizontalFlip,
  randomResizedCrop,
  randomRotation,
  randomVerticalFlip,
} from "./random.js";
export type { Picture } from "./raster.js";
export type { Interpolation, ResizeOptions } from "./resize.js";
export { compose, type Transform, type TransformContext } from "./transform.js";
export type { Point, WarpOptions } from "./warp.js";
