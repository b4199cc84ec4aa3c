/** `torch.hub.load_state_dict_from_url`. */

import { findStateDict, load } from "@kindling/checkpoint";
import type { Tensor } from "@kindling/core";
import type { DownloadOptions } from "./options.js";
import { useWeights } from "./use-weights.js";

/**
 * The state dict of a `.pth` file on the web, also one inside a training checkpoint (under `model`, `state_dict`, …):
 * downloaded once, then read from the folder of downloads, which is PyTorch's own. Tensors are on the host; nothing in
 * the file is run.
 *
 * @throws DownloadError if the file cannot be got; CheckpointError, which names the file, if it cannot be read
 */
export async function loadStateDictFromUrl(
  url: string | URL,
  options: DownloadOptions = {},
): Promise<Map<string, Tensor>> {
  return useWeights(url, options, async (file) => findStateDict(await load(file)));
}
