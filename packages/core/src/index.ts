/** The public face of @kindling/core. */

export { Arena, flattenParameters } from "./arena.js";
export type { BackwardOptions } from "./autograd/run.js";
export { isGradEnabled, noGrad } from "./context.js";
export { type CpuDeviceOptions, createCpuDevice } from "./cpu/index.js";
export * from "./create.js";
export type { CompiledPlan, Device, DeviceBuffer, DeviceMemory } from "./device.js";
export { createWebGpuDevice, type DeviceName, describeAdapters } from "./devices.js";
export * from "./dtype.js";
export type { Stats } from "./engine.js";
export * from "./errors.js";
export { float16ToNumber, numberToFloat16 } from "./float16.js";
export * from "./functions.js";
export { convertHost, type NestedArray } from "./host.js";
export type { Kernel, Plan } from "./kernel.js";
export { manualSeed, nextDraw } from "./ops/random.js";
export * from "./scope.js";
export * from "./session.js";
export { type Operand, type ReduceOptions, Tensor } from "./tensor.js";
export type { AdapterReport, AdapterReports, WebGpuDeviceOptions, WebGpuLimits } from "./webgpu/index.js";

import type { Tensor } from "./tensor.js";

/** Makes a tensor a variable of the program: its assigned values keep one memory. For buffers and moments. */
export const state = (t: Tensor): Tensor => t.asState();
