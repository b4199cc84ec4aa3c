/** Addresses, checksums and inflation in a browser; there are no paths to write to. */

import { CheckpointError } from "../errors.js";
import { urlSource } from "../url-source.js";
import { crc32 } from "./crc32.js";
import type { Platform } from "./platform.js";

async function inflateRaw(compressed: Uint8Array<ArrayBuffer>, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const inflated = new Uint8Array(size);
  let filled = 0;
  const reader = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    if (filled + step.value.length > size) {
      await reader.cancel();
      throw new RangeError(`inflates to more than ${size} bytes`);
    }
    inflated.set(step.value, filled);
    filled += step.value.length;
  }
  if (filled !== size) throw new RangeError(`inflated to ${filled} bytes instead of ${size}`);
  return inflated;
}

async function noFiles(path: string): Promise<never> {
  throw new CheckpointError(
    "io",
    `${path}: a browser has no files to write; offer the bytes of toBytes(value) or toSafetensorsBytes(tensors)`,
  );
}

export const platform: Platform = {
  openPath: (path, options) => urlSource(path, options),
  // What follows a question mark, such as ?download=true, is meant for every file.
  sibling: (address, name) =>
    address.replace(
      /^([^?#]*\/)?[^?#]*(\?[^#]*)?.*$/s,
      (_, folder = "", query = "") => `${folder}${encodeURIComponent(name)}${query}`,
    ),
  writeAtomically: noFiles,
  siblings: noFiles,
  remove: noFiles,
  inflateRaw,
  crc32,
};
