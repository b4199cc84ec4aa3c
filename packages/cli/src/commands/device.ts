/** The device that a command computes on. */

import { init } from "@kindling/core";
import type { DeviceOptions } from "../options.js";

/** Starts the device for the time of `use`. */
export async function withDevice<T>({ device, threads }: DeviceOptions, use: () => Promise<T>): Promise<T> {
  // Names are checked by init, which knows them.
  const started = await init({ device: device as "auto", threads });
  try {
    return await use();
  } finally {
    started.close();
  }
}
