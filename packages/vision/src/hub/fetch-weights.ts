/** Gets a file of weights: from the folder of downloads if it is there, else from the first server that has it. */

import { DownloadError } from "./errors.js";
import type { DownloadOptions } from "./options.js";

/** What checkpoints are read from: a path in Node, a `Blob` in a browser. */
export type WeightsFile = string | Blob;

/**
 * The file of an address, or of a name that PyTorch's server knows (`resnet18-f37072fd.pth`).
 *
 * @throws DownloadError whose `kind` says what is wrong; the signal's reason where it was aborted
 */
export async function fetchWeights(source: string | URL, _options: DownloadOptions = {}): Promise<WeightsFile> {
  throw new DownloadError("network", `${source}: downloads are not there yet`);
}
