/** Weights in Node: files in PyTorch's folder, shared with other processes; proxies; a bar on the terminal. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { WeightsFolder } from "./node/folder.js";
import { proxiedFetch } from "./node/proxy.js";
import type { HubPlatform, WeightsFile } from "./store.js";

async function sha256(file: WeightsFile): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(typeof file === "string" ? createReadStream(file, { highWaterMark: 2 ** 20 }) : file.stream(), hash);
  return hash.digest("hex");
}

export const platform: HubPlatform = {
  openStore: async (modelDir) => new WeightsFolder(modelDir),
  fetch: proxiedFetch,
  ifRange: true,
  environment: (name) => process.env[name],
  sha256,
  // The library is loaded when there is something to show.
  progress: async (name) => (await import("./node/progress-bar.js")).progressView(name, process.stderr),
};
