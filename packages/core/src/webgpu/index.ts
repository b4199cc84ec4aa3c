/** The webgpu device, from the outside. */

import type { Device } from "../device.js";
import { NoAdapterError } from "../errors.js";

export interface WebGpuDeviceOptions {
  readonly memoryLimit?: number;
  readonly adapter?: "hardware" | "any";
}

export async function createWebGpuDevice(_options: WebGpuDeviceOptions = {}): Promise<Device> {
  throw new NoAdapterError("no WebGPU adapter");
}
