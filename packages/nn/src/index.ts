/** @kindling/nn: modules, layers, losses and initialisers, as torch.nn. */

export { StateDictError } from "./errors.js";
export * as functional from "./functional/index.js";
export * as init from "./init.js";
export * from "./layers/index.js";
export { type ForwardHook, type ForwardPreHook, type HookHandle, type Layer, Module } from "./module.js";
export { nearestNames } from "./names.js";
export { Parameter } from "./parameter.js";
export { pyFloat } from "./python-repr.js";
export type { LoadResult, LoadStateDictOptions, StateDict } from "./state-dict.js";
export { ModuleState } from "./state-versions.js";
export * as utils from "./utils.js";
