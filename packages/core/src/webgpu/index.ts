/** The webgpu device. */

import type { Device } from "../device.js";
import { WebGpuDevice } from "./device.js";
import type { WebGpuDeviceOptions } from "./options.js";
import { printKernel } from "./wgsl/print.js";

export type { WebGpuDeviceOptions, WebGpuLimits } from "./options.js";
export { type AdapterReport, type AdapterReports, describeAdapters } from "./report.js";

export const startWebGpuDevice = (options: WebGpuDeviceOptions): Promise<Device> =>
  WebGpuDevice.start(options, printKernel);
