/** The cpu device. */

import type { Device } from "../device.js";
import { CpuDevice, type CpuDeviceOptions } from "./device.js";

export type { CpuDeviceOptions } from "./device.js";

/** Starts the cpu device. Rejects with an `ArgumentError` for options out of range, with a `DeviceError` if it cannot. */
export const createCpuDevice = (options: CpuDeviceOptions = {}): Promise<Device> =>
  // The printers are loaded while the threads start: either takes 20 to 30 ms.
  CpuDevice.start(
    options,
    import("./print.js").then(
      ({ printKernel }) =>
        (kernel) =>
          printKernel(kernel, options),
    ),
  );
