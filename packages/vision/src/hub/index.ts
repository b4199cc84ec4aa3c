/** Weights from the web: looked for where PyTorch keeps them, else downloaded, checked and kept there. */

export { DownloadError, type DownloadErrorKind } from "./errors.js";
export { fetchWeights } from "./fetch-weights.js";
export type { DownloadOptions, DownloadProgress, WeightsOptions } from "./options.js";
export { loadStateDictFromUrl } from "./state-dict.js";
export { nameOf, type WeightsFile } from "./store.js";
export { useWeights } from "./use-weights.js";
