/**
 * Between pictures and numbers: images to tensors, bytes to floats, colour to grey, normalisation.
 */

import { ArgumentError, DTypeError, type Tensor } from "@kindling/core";
import { Image } from "../io/image.js";
import { clamp } from "./numbers.js";
import { apply, blank, isFloat, type Picture, type Raster, strides, withData } from "./raster.js";

/** An image as a uint8 tensor [C, H, W], values 0 … 255. */
export function pilToTensor(image: Image): Tensor {
  if (!(image instanceof Image)) throw new DTypeError("pilToTensor takes an Image; a tensor needs no conversion");
  return image.toTensor();
}

/** An image, or a uint8 tensor, as a float32 tensor [C, H, W] with values 0 … 1. A float32 tensor stays as it is. */
export function toTensor(picture: Picture): Tensor {
  return convertImageDtype(picture instanceof Image ? picture.toTensor() : picture, "float32");
}

/** Between uint8 (0 … 255) and float32 (0 … 1) tensors. Floats outside 0 … 1 are clipped before they become bytes. */
export function convertImageDtype(tensor: Tensor, dtype: "float32" | "uint8"): Tensor {
  if (tensor instanceof Image) {
    throw new DTypeError(
      "convertImageDtype takes a tensor, got an Image; use toTensor() for floats, pilToTensor() for bytes",
    );
  }
  if (dtype !== "float32" && dtype !== "uint8") {
    throw new DTypeError(`convertImageDtype converts to float32 or uint8, not to ${dtype}`);
  }
  if (tensor.dtype === dtype) return tensor;
  return apply("convertImageDtype", tensor, dtype === "float32" ? bytesToFloats : floatsToBytes);
}

function bytesToFloats(raster: Raster): Raster {
  const floats = new Float32Array(raster.data.length);
  for (let i = 0; i < floats.length; i++) floats[i] = raster.data[i] / 255;
  return withData(raster, floats);
}

/** Each byte stands for an equal part of the range: 256 steps, the last one closed. */
function floatsToBytes(raster: Raster): Raster {
  const bytes = new Uint8Array(raster.data.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = clamp(raster.data[i] * 255.999, 0, 255);
  return withData(raster, bytes);
}

/** (value - mean[c]) / std[c] for each channel of a float32 tensor [..., C, H, W]. */
export function normalize(tensor: Tensor, mean: readonly number[], std: readonly number[]): Tensor {
  if (tensor instanceof Image || tensor.dtype !== "float32") {
    const given = tensor instanceof Image ? "an Image" : `a ${tensor.dtype} tensor`;
    throw new DTypeError(`normalize takes a float32 tensor, got ${given}; put toTensor() before it`);
  }
  const zero = std.findIndex((value) => !(Math.fround(value) !== 0));
  if (zero >= 0) throw new ArgumentError(`std[${zero}] is ${std[zero]}; expected a number other than 0`);
  return apply("normalize", tensor, (raster) => {
    const { channels, height, width } = raster;
    for (const [name, list] of Object.entries({ mean, std })) {
      if (list.length !== 1 && list.length !== channels) {
        throw new ArgumentError(
          `${name} has ${list.length} values for ${channels} channels; give one, or one a channel`,
        );
      }
    }
    const area = height * width;
    const out = new Float32Array(raster.data.length);
    for (let c = 0; c < channels; c++) {
      const centre = Math.fround(mean[mean.length === 1 ? 0 : c]);
      const spread = Math.fround(std[std.length === 1 ? 0 : c]);
      for (let i = c * area; i < (c + 1) * area; i++) out[i] = Math.fround(raster.data[i] - centre) / spread;
    }
    return withData(raster, out);
  });
}

/**
 * Luminance by ITU-R 601, in one channel or repeated in three. A picture of one channel stays, or is repeated.
 * Images of two or four channels lose their alpha.
 */
export function rgbToGrayscale<P extends Picture>(picture: P, numOutputChannels: 1 | 3 = 1): P {
  if (numOutputChannels !== 1 && numOutputChannels !== 3) {
    throw new ArgumentError(`numOutputChannels is ${numOutputChannels}; expected 1 or 3`);
  }
  return apply("rgbToGrayscale", picture, (raster) => {
    const out = blank(raster, raster.height, raster.width, numOutputChannels);
    const step = strides(out);
    luminance(raster).forEach((value, pixel) => {
      for (let c = 0; c < numOutputChannels; c++) out.data[c * step.channel + pixel * step.column] = value;
    });
    return out;
  });
}

/** The luminance of each pixel, row by row, in the raster's own number type. */
export function luminance(raster: Raster): Raster["data"] {
  const { data, channels, height, width } = raster;
  const { channel, column } = strides(raster);
  const out = isFloat(raster) ? new Float32Array(height * width) : new Uint8Array(height * width);
  // Pillow computes with 16 bits of fraction and rounds; torchvision uses four digits and cuts off.
  const mix =
    raster.kind === "image"
      ? (r: number, g: number, b: number) => (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16
      : (r: number, g: number, b: number) => 0.2989 * r + 0.587 * g + 0.114 * b;
  for (let pixel = 0; pixel < out.length; pixel++) {
    const at = pixel * column;
    out[pixel] = channels < 3 ? data[at] : mix(data[at], data[at + channel], data[at + 2 * channel]);
  }
  return out;
}
