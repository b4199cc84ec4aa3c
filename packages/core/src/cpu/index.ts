/** The cpu device. */

import type { Device } from "../device.js";
import { CpuDevice, type CpuDeviceOptions } from "./device.js";
import { printKernel } from "./print.js";

export type { CpuDeviceOptions } from "./device.js";

/** Starts the cpu device. Rejects with an `ArgumentError` for options out of range, with a `DeviceError` if it cannot. */
export const createCpuDevice = (options: CpuDeviceOptions = {}): Promise<Device> =>
  CpuDevice.start(options, printKernel);
