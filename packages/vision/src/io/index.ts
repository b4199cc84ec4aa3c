/** Image files (torchvision.io). */

export { type DecodeOptions, decodeImage, encodePng, type ImageMode, type ImageSource, readImage } from "./decode.js";
export { ImageError } from "./errors.js";
export { Image } from "./image.js";
