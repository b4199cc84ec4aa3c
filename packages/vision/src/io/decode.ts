/**
 * Image files to pixels and back: JPEG, PNG, WebP and what else the platform's decoder reads.
 */

import { ArgumentError, type Tensor } from "@kindling/core";
import { platform } from "#platform/images";
import { ImageError } from "./errors.js";
import { Image } from "./image.js";
import type { Pixels } from "./platform.js";

/** A file's path (in browsers a URL), its bytes, or a `Blob` or `File`. */
export type ImageSource = string | URL | Uint8Array | ArrayBuffer | Blob;

/**
 * `rgb`: three channels, transparency dropped (Pillow's `convert("RGB")`, but 16-bit levels are scaled to 8 bits);
 * `gray`: one channel, the luminance (`convert("L")`); `unchanged`: the channels of the file (browsers give grey files
 * as RGB).
 */
export type ImageMode = "rgb" | "gray" | "unchanged";

export interface DecodeOptions {
  /** `rgb` by default. */
  readonly mode?: ImageMode;
  /** How errors call the picture, when the source is bytes. */
  readonly name?: string;
}

/**
 * Decodes a picture and turns it upright as its EXIF orientation says.
 *
 * Raises an `ImageError` that names the file if it is missing, empty, truncated, damaged or no picture.
 */
export async function decodeImage(source: ImageSource, options: DecodeOptions = {}): Promise<Image> {
  const { mode = "rgb", name = nameOf(source) } = options;
  const convert = CONVERSIONS[mode];
  if (!convert) throw new ArgumentError(`mode is ${mode}; expected ${Object.keys(CONVERSIONS).join(", ")}`);
  const bytes = await bytesOf(source, name);
  if (bytes.length === 0) throw new ImageError(`${name} is empty (0 bytes); expected an image file`);
  if (isCutOffPng(bytes)) throw new ImageError(`${name} is truncated: the PNG file has no end`);
  try {
    return convert(await platform.decodePixels(bytes));
  } catch (cause) {
    throw new ImageError(`${name} cannot be decoded as a picture: ${reason(cause)}`, { cause });
  }
}

/** An image file as a uint8 tensor [channels, height, width] (torchvision.io.read_image); `unchanged` by default. */
export async function readImage(source: ImageSource, options: DecodeOptions = {}): Promise<Tensor> {
  return (await decodeImage(source, { mode: "unchanged", ...options })).toTensor();
}

/** The bytes of a PNG file with the pixels of `image`, without loss. */
export async function encodePng(image: Image): Promise<Uint8Array> {
  return platform.encodePng(image);
}

function nameOf(source: ImageSource): string {
  if (typeof source === "string") return source;
  if (source instanceof URL) return source.href;
  return typeof File !== "undefined" && source instanceof File ? source.name : "the picture";
}

async function bytesOf(source: ImageSource, name: string): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  try {
    if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
    return await platform.readBytes(source);
  } catch (cause) {
    throw new ImageError(`${name} cannot be read: ${reason(cause)}`, { cause });
  }
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Whether a PNG file ends before its IEND chunk, which decoders let pass. */
function isCutOffPng(bytes: Uint8Array): boolean {
  if (!PNG_SIGNATURE.every((byte, i) => bytes[i] === byte)) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const overhead = 12; // length, type and checksum around a chunk's data
  for (let at = PNG_SIGNATURE.length; at + overhead <= bytes.length; at += overhead + view.getUint32(at)) {
    if (view.getUint32(at + 4) === 0x49454e44) return false;
  }
  return true;
}

const CONVERSIONS: Record<ImageMode, (pixels: Pixels) => Image> = {
  rgb: (pixels) => select(pixels, 3, (data, at, c) => data[at + (pixels.channels < 3 ? 0 : c)]),
  gray: (pixels) =>
    select(pixels, 1, (data, at) =>
      pixels.channels < 3 ? data[at] : (19595 * data[at] + 38470 * data[at + 1] + 7471 * data[at + 2] + 0x8000) >> 16,
    ),
  unchanged: (pixels) => {
    const { grey, alpha, channels } = pixels;
    const colours = grey || channels < 3 ? 1 : 3;
    return select(pixels, colours + (alpha ? 1 : 0), (data, at, c) => data[at + (c < colours ? c : channels - 1)]);
  },
};

/** An image whose channel c at each pixel is `value(data, offset of the pixel, c)`. */
function select(
  { data, width, height, channels: from }: Pixels,
  channels: number,
  value: (data: Uint8Array, at: number, channel: number) => number,
): Image {
  const out = new Uint8Array(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < channels; c++) out[pixel * channels + c] = value(data, pixel * from, c);
  }
  return new Image(out, width, height, channels);
}
