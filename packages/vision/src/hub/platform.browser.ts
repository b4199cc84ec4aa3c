/** Weights in a browser: files in the page's own storage, one download for all its tabs. */

import { sha256 as sha256Hasher } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { openCache, openMemory } from "./browser/blobs.js";
import { openOriginFiles } from "./browser/origin-files.js";
import { DownloadError } from "./errors.js";
import type { HubPlatform, WeightsFile } from "./store.js";

/** By parts: the platform's own digest wants the whole file in memory. */
async function sha256(file: WeightsFile): Promise<string> {
  if (typeof file === "string") throw new DownloadError("storage", `${file}: a browser has no paths`);
  const hasher = sha256Hasher.create();
  const reader = file.stream().getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) hasher.update(step.value);
  return bytesToHex(hasher.digest());
}

export const platform: HubPlatform = {
  openStore: async (modelDir = "") =>
    (await openOriginFiles(modelDir)) ?? (await openCache(modelDir)) ?? openMemory(modelDir),
  fetch: async () => globalThis.fetch,
  ifRange: false,
  environment: () => undefined,
  sha256,
  progress: async () => ({ update() {}, say() {}, end() {} }),
};
