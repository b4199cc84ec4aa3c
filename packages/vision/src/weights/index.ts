/** Published weights, as torchvision's enums (`ResNet50_Weights`), and how to find them by name. */

export * from "./classification.js";
export type { Categories, ClassificationPreset, WeightsEntry, WeightsEnum, WeightsMeta } from "./entry.js";
export { getModelWeights, getWeight } from "./lookup.js";
