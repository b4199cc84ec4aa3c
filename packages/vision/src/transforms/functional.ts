/** The deterministic transforms as plain functions (torchvision.transforms.functional). */

export {
  adjustBrightness,
  adjustContrast,
  adjustGamma,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
} from "./color.js";
export { convertImageDtype, normalize, pilToTensor, rgbToGrayscale, toTensor } from "./convert.js";
export { gaussianBlur } from "./filter.js";
export {
  centerCrop,
  crop,
  erase,
  fiveCrop,
  hflip,
  pad,
  resizedCrop,
  tenCrop,
  vflip,
} from "./geometry.js";
export { dimensions } from "./raster.js";
export { resize } from "./resize.js";
export { autocontrast, equalize, invert, posterize, solarize } from "./tone.js";
export { affine, perspective, rotate } from "./warp.js";
