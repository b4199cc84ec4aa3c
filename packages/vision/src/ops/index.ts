/** Building blocks of vision models, as torchvision.ops. */

export {
  type ActivationLayer,
  batchNorm2d,
  Conv2dNormActivation,
  type ConvNormActivationOptions,
  type NormLayer,
} from "./conv-norm-activation.js";
export { FrozenBatchNorm2d } from "./frozen-batchnorm.js";
export { MLP, type MLPOptions } from "./mlp.js";
export { Permute } from "./permute.js";
export { SqueezeExcitation, type SqueezeExcitationOptions } from "./squeeze-excitation.js";
export { StochasticDepth, type StochasticDepthMode, stochasticDepth } from "./stochastic-depth.js";
