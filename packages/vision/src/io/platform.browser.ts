/**
 * Image files in browsers: the browser decodes, off the main thread, and a canvas gives the pixels.
 *
 * A canvas keeps colours multiplied by their opacity, so colours of transparent pixels come back rounded, those of
 * invisible pixels as black; and it does not say that a file was grey, which then counts as colour.
 */

import { ImageError } from "./errors.js";
import type { Image } from "./image.js";
import type { DirectoryEntry, ImagePlatform, Pixels } from "./platform.js";

async function decodePixels(bytes: Uint8Array): Promise<Pixels> {
  const bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
    imageOrientation: "from-image",
    premultiplyAlpha: "none",
    colorSpaceConversion: "none",
  });
  try {
    const { width, height } = bitmap;
    const context = drawing(width, height);
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const alpha = data.some((level, i) => i % 4 === 3 && level !== 255);
    return { data: new Uint8Array(data.buffer), width, height, channels: 4, grey: false, alpha };
  } finally {
    bitmap.close();
  }
}

function drawing(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new ImageError("this browser gives no 2d context of an OffscreenCanvas, which decoding needs");
  return context;
}

async function encodePng({ data, width, height, channels }: Image): Promise<Uint8Array> {
  const context = drawing(width, height);
  const pixels = context.createImageData(width, height);
  const colours = channels < 3 ? 1 : 3;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[i * 4 + c] = data[i * channels + (c % colours)];
    pixels.data[i * 4 + 3] = channels > colours ? data[i * channels + colours] : 255;
  }
  context.putImageData(pixels, 0, 0);
  const blob = await context.canvas.convertToBlob({ type: "image/png" });
  return new Uint8Array(await blob.arrayBuffer());
}

async function readBytes(path: string | URL): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new ImageError(`the server answered ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

function listDirectory(path: string): DirectoryEntry[] {
  throw new ImageError(`a browser cannot list the folder ${path}; give the files that the user chose instead`);
}

export const platform: ImagePlatform = { decodePixels, encodePng, readBytes, listDirectory };
