/** All layers. */

export * from "./activation.js";
export * from "./attention.js";
export { BatchNorm1d, BatchNorm2d, InstanceNorm2d, type RunningNormOptions } from "./batchnorm.js";
export * from "./container.js";
export * from "./conv.js";
export * from "./dropout.js";
export { Embedding, Linear } from "./linear.js";
export * from "./loss.js";
export * from "./norm.js";
export * from "./pool.js";
export * from "./shape.js";
