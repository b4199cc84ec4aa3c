/** Weights from the web: looked for where PyTorch keeps them, else downloaded, checked and kept there. */

export { DownloadError, type DownloadErrorKind } from "./errors.js";
export { fetchWeights, type WeightsFile } from "./fetch-weights.js";
export type { DownloadOptions, DownloadProgress } from "./options.js";
export { loadStateDictFromUrl } from "./state-dict.js";
