/** @kindling/optim: optimizers and learning-rate schedulers, as torch.optim. */

export {
  Adam,
  Adamax,
  type AdamOptions,
  AdamW,
  type MomentOptions,
  NAdam,
  type NAdamOptions,
  RAdam,
  type RAdamOptions,
} from "./adam.js";
export {
  Adadelta,
  type AdadeltaOptions,
  Adagrad,
  type AdagradOptions,
  ASGD,
  type ASGDOptions,
  RMSprop,
  type RMSpropOptions,
} from "./adaptive.js";
export * as lrScheduler from "./lr-scheduler/index.js";
export { type BaseOptions, Optimizer, type ParamGroup, type Params, type RuleState } from "./optimizer.js";
export { SGD, type SGDOptions } from "./sgd.js";
export type { GroupRecord, OptimizerStateDict, StateRecord } from "./state-dict.js";
