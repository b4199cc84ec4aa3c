/** Data sets of pictures (torchvision.datasets). */

export { ImageCache } from "./cache.js";
export { type BadSample, ImageFolder, type ImageFolderOptions } from "./folder.js";
export { type FolderListing, type FolderSample, IMAGE_EXTENSIONS, type ListingOptions } from "./listing.js";
export { openTrainVal, splitByClass, type TrainVal, type TrainValOptions } from "./split.js";
