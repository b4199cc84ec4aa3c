import { afterEach, describe, expect, it } from "vitest";
import { WebGpuDevice } from "../dist/webgpu/device.js";
import type { WebGpuDeviceOptions } from "../dist/webgpu/options.js";
import { chain, print, shiftOnHost, uniform } from "./webgpu-plans.js";

const started: WebGpuDevice[] = [];
async function start(options: WebGpuDeviceOptions = {}): Promise<WebGpuDevice> {
  const device = await WebGpuDevice.start(options, print);
  started.push(device);
  return device;
}
afterEach(() => {
  for (const device of started.splice(0)) device.close();
});

const ramp = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => (i % 977) / 8);

describe("runs", () => {
  it("executes kernels in order, with the uniforms of the run", async () => {
    const device = await start();
    const n = 1000;
    const plan = device.compile(chain(n, [1, 7, 300]));
    const [x, y] = [device.allocate(4 * n), device.allocate(4 * n)];
    device.upload(x, ramp(n), "float32");
    device.run(plan, [x, y], uniform(-1));
    const result = new Float32Array(await device.read(y, "float32", 0, n));
    expect(result).toEqual([1, 7, 300].reduce((v, shift) => shiftOnHost(v, shift, -1), ramp(n)));
  });
});
