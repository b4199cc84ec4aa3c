/**
 * Image files in Node: sharp (libvips) decodes and encodes, on its own threads.
 */

import { readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import type { Image } from "./image.js";
import type { DirectoryEntry, ImagePlatform, Pixels } from "./platform.js";

/** Damaged files are refused, and colour profiles ignored, as Pillow and torchvision do. */
const READING = { failOn: "error", ignoreIcc: true } as const;

async function decodePixels(bytes: Uint8Array): Promise<Pixels> {
  const { space } = await sharp(bytes, READING).metadata();
  if (space === "cmyk") return decodeCmyk(bytes);
  const { data, info } = await sharp(bytes, READING)
    .autoOrient()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return { data, width, height, channels, grey: space === "b-w" || space === "grey16", alpha: channels % 2 === 0 };
}

/** Printing inks to RGB as Pillow converts them, without a profile. */
async function decodeCmyk(bytes: Uint8Array): Promise<Pixels> {
  const { data, info } = await sharp(bytes, READING)
    .autoOrient()
    .pipelineColourspace("cmyk")
    .toColourspace("cmyk")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < rgb.length; i++) {
    const inks = Math.floor(i / 3) * 4;
    rgb[i] = Math.round(((255 - data[inks + (i % 3)]) * (255 - data[inks + 3])) / 255);
  }
  return { data: rgb, width, height, channels: 3, grey: false, alpha: false };
}

async function encodePng({ data, width, height, channels }: Image): Promise<Uint8Array> {
  const raw = { width, height, channels: channels as 1 | 2 | 3 | 4 };
  const picture = sharp(data, { raw });
  return new Uint8Array(await (channels < 3 ? picture.toColourspace("b-w") : picture).png().toBuffer());
}

async function readBytes(path: string | URL): Promise<Uint8Array> {
  return readFile(path);
}

function listDirectory(path: string): DirectoryEntry[] {
  return readdirSync(path).map((name) => ({
    name,
    isDirectory: statSync(join(path, name), { throwIfNoEntry: false })?.isDirectory() ?? false,
  }));
}

export const platform: ImagePlatform = { decodePixels, encodePng, readBytes, listDirectory };
