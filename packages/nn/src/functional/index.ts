/**
 * Layers and losses as functions, as torch.nn.functional in camelCase: tensors are positional, what has a default is in
 * an options object.
 */

export * from "./activation.js";
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  type OutputSize,
} from "./adaptive-pool.js";
export type { Sizes } from "./args.js";
export * from "./attention.js";
export * from "./class-loss.js";
export { type ConvOptions, type ConvTransposeOptions, conv1d, conv2d, convTranspose2d } from "./conv.js";
export * from "./dropout.js";
export * from "./interpolate.js";
export * from "./linear.js";
export * from "./norm.js";
export * from "./pad.js";
export {
  type AvgPoolOptions,
  avgPool1d,
  avgPool2d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool2dWithIndices,
} from "./pool.js";
export type { Reduction } from "./reduction.js";
export * from "./regression-loss.js";
export * from "./shuffle.js";
export * from "./squeeze-excitation.js";
