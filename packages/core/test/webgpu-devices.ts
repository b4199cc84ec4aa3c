/** Devices for tests, closed after each. */

import { afterEach, expect } from "vitest";
import { WebGpuDevice } from "../dist/webgpu/device.js";
import type { WebGpuDeviceOptions } from "../dist/webgpu/options.js";
import { filled, floats } from "./device-programs.js";
import { shiftOnHost, uniform } from "./plans.js";
import { chain, print } from "./webgpu-plans.js";

const started: WebGpuDevice[] = [];

export async function start(options: WebGpuDeviceOptions = {}): Promise<WebGpuDevice> {
  const device = await WebGpuDevice.start(options, print);
  started.push(device);
  return device;
}

afterEach(() => {
  for (const device of started.splice(0)) device.close();
});

export const ramp = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => (i % 977) / 8);
export const noUniforms = new Uint32Array(0);

/** A device works if a chain of kernels comes out right. */
export async function expectWorks(device: WebGpuDevice): Promise<void> {
  const n = 300;
  const y = device.allocate(4 * n);
  device.run(device.compile(chain(n, [1, 2])), [filled(device, ramp(n)), y], uniform(2));
  expect(await floats(device, y)).toEqual(shiftOnHost(shiftOnHost(ramp(n), 1, 2), 2, 2));
}
