/** The torchvision of Kindling: models, transforms, data sets and image files. */

export * as datasets from "./datasets/index.js";
export {
  DownloadError,
  type DownloadErrorKind,
  type DownloadOptions,
  type DownloadProgress,
  loadStateDictFromUrl,
} from "./hub/index.js";
export * as io from "./io/index.js";
export * as models from "./models/index.js";
export * as ops from "./ops/index.js";
export * as transforms from "./transforms/index.js";
