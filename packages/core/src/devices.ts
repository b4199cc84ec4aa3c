/**
 * The devices that can be had, by name or by function, and which of them `auto` is. WebGPU is a third of all modules, so
 * it is loaded when it is first asked for: 25 ms that a start on the cpu device does not take.
 */

import { createCpuDevice } from "./cpu/index.js";
import type { Device } from "./device.js";
import { DeviceError, NoAdapterError } from "./errors.js";
import type { AdapterReports, WebGpuDeviceOptions } from "./webgpu/index.js";

export interface StartOptions {
  /** Worker threads of the cpu device; by default the number of cores. */
  threads?: number;
  /**
   * Has V8 join vector operations on the cpu device, by a flag that holds for the whole process: see `CpuDeviceOptions`.
   */
  revectorize?: boolean;
  /** Most bytes that tensors and workspaces may take on the device. */
  memoryLimit?: number;
  /** Whether the cpu device may compute 3×3 convolutions by Winograd's algorithm; by default it may. */
  winograd?: boolean;
}

/** Starts the webgpu device. Rejects with an `ArgumentError` for options out of range, and with a `DeviceError` where there
 *  is no adapter; it says what to do. */
export const createWebGpuDevice = async (options: WebGpuDeviceOptions = {}): Promise<Device> =>
  (await import("./webgpu/index.js")).startWebGpuDevice(options);

/** What adapters there are for the webgpu device. Does not reject. */
export const describeAdapters = async (): Promise<AdapterReports> =>
  (await import("./webgpu/index.js")).describeAdapters();

export const DEVICE_NAMES = ["auto", "cpu", "webgpu"] as const;
export type DeviceName = (typeof DEVICE_NAMES)[number];

/**
 * Starts a device. "auto" is a hardware WebGPU adapter where there is one, else "cpu"; "webgpu" also takes a software
 * adapter where there is no other.
 * @throws DeviceError where the name is unknown or the device cannot be had
 */
export async function startDevice(name: DeviceName, options: StartOptions = {}): Promise<Device> {
  const { threads, revectorize, memoryLimit, winograd } = options;
  switch (name) {
    case "cpu":
      return createCpuDevice({ threads, revectorize, memoryLimit, winograd });
    case "webgpu":
      return createWebGpuDevice({ memoryLimit });
    case "auto":
      try {
        return await createWebGpuDevice({ memoryLimit, adapter: "hardware" });
      } catch (error) {
        if (!(error instanceof NoAdapterError)) throw error;
        return createCpuDevice({ threads, revectorize, memoryLimit, winograd });
      }
    default: {
      const known = DEVICE_NAMES.map((n) => `"${n}"`).join(", ");
      throw new DeviceError(`there is no device "${String(name)}"; known: ${known}, or a Device object`);
    }
  }
}
