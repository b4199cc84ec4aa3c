/** The device that a command computes on. */

import { type Device, init } from "@kindling/core";
import type { DeviceOptions } from "../options.js";

/** Starts the device for the time of `use`. */
export async function withDevice<T>(
  { device, threads, revectorize }: DeviceOptions,
  use: (device: Device) => Promise<T>,
): Promise<T> {
  // Names are checked by init, which knows them.
  const started = await init({ device: device as "auto", threads, revectorize });
  try {
    return await use(started);
  } finally {
    started.close();
  }
}
