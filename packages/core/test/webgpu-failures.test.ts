import { describe, expect, it } from "vitest";
import { DeviceError } from "../dist/errors.js";
import type { WebGpuDevice } from "../dist/webgpu/device.js";
import { filled } from "./device-programs.js";
import { external, planOf, uniform } from "./plans.js";
import { expectWorks, noUniforms, ramp, start } from "./webgpu-devices.js";
import { brokenPass, chain, kernelOf, programOf, shiftPass } from "./webgpu-plans.js";

const errorOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(DeviceError);
  return (error as Error).message;
};

describe("a failure of the webgpu device", () => {
  const n = 1000;
  const advice = "What came after it was skipped; make a new device and restore from the last checkpoint";

  /** What every failure has in common, whatever caused it. */
  async function expectFailed(device: WebGpuDevice, pattern: RegExp): Promise<void> {
    const first = await errorOf(device.settle(0));
    expect(first).toMatch(pattern);
    expect(first.endsWith(advice)).toBe(true);
    expect(device.pending()).toBe(0);
    const y = device.allocate(4 * n);
    device.run(device.compile(chain(n, [11])), [filled(device, ramp(n)), y], uniform(1));
    expect(await errorOf(device.read(y, "float32", 0, n))).toBe(first);
    expect(await errorOf(device.settle(2))).toBe(first);
    expect(device.pending()).toBe(0);
    await expectWorks(await start());
  }

  it("names a kernel whose shader does not compile, and the line", async () => {
    const device = await start();
    const plan = planOf([[kernelOf("gelu", n, programOf([brokenPass(n)])), [external(0)]]], { externals: [4 * n] });
    const compiled = device.compile(plan);
    const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
    device.run(compiled, [y], noUniforms);
    device.run(device.compile(chain(n, [1])), [x, y], uniform(1));
    const read = errorOf(device.read(y, "float32", 0, n));
    const pattern =
      /^kernel gelu \[1000\] does not compile on the webgpu device: .*'nothing'.*\(line 7: y\[i\] = nothing\(1\.0\);\)/;
    expect(await read).toMatch(pattern);
    await expectFailed(device, pattern);
  });

  it("names the kernel that WebGPU's rules forbid", async () => {
    const device = await start();
    const pass = { ...shiftPass(n, 1), workgroups: [70_000, 1, 1] as const };
    const plan = planOf([[kernelOf("softmax", n, programOf([pass])), [external(0), external(1)]]], {
      externals: [4 * n, 4 * n],
      uniforms: 1,
    });
    device.run(device.compile(plan), [filled(device, ramp(n)), device.allocate(4 * n)], uniform(1));
    await expectFailed(device, /^kernel softmax \[1000\] failed on the webgpu device: .*\(70000\) exceeds max/);
  });

  it("names the kernel whose buffer is too small, and the buffer", async () => {
    const device = await start();
    const plan = device.compile(chain(2 * n, [1, 2]));
    device.run(plan, [filled(device, ramp(n), "the weights"), device.allocate(8 * n)], uniform(1));
    await expectFailed(device, /^binding the buffers of kernel shift 1 \[2000\] failed .*\(8000\).*"the weights"/);
  });

  it("names the buffer that a kernel both reads and writes", async () => {
    const device = await start();
    const x = filled(device, ramp(n), "the moments");
    device.run(device.compile(chain(n, [4])), [x, x], uniform(1));
    await expectFailed(device, /^kernel shift 4 \[1000\] failed .*"the moments".*another usage/);
  });

  it("reports what nobody else does", async () => {
    const device = await start();
    device.gpu.createBuffer({ size: 16, usage: 1 | 128 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expectFailed(device, /^an operation failed on the webgpu device: Buffer usages .* invalid/);
  });

  it("says what was going on when the device was lost in the middle of a step", async () => {
    const device = await start();
    const plan = device.compile(chain(n, [1, 2]));
    const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
    device.run(plan, [x, y], uniform(1));
    await device.settle(0);
    for (let run = 0; run < 5; run++) device.run(plan, [x, y], uniform(1));
    const read = errorOf(device.read(y, "float32", 0, n));
    device.gpu.destroy();
    device.run(plan, [x, y], uniform(1));
    const pattern =
      /^the webgpu device was lost during the run of 2 dispatches from shift 1 \[1000\] to shift 2 \[1000\]: its GPUDevice was destroyed/;
    expect(await read).toMatch(pattern);
    await expectFailed(device, pattern);
    device.free(x);
    device.close();
  });

  it("does not wait for pipelines of a device that was lost", async () => {
    const device = await start();
    const y = device.allocate(4 * n);
    device.run(device.compile(chain(n, [1, 2, 3])), [filled(device, ramp(n)), y], uniform(1));
    const read = errorOf(device.read(y, "float32", 0, n));
    device.gpu.destroy();
    expect(await read).toMatch(/was lost/);
    await expectFailed(device, /^the webgpu device was lost/);
  });

  it("ends what is awaited when it is closed", async () => {
    const device = await start();
    const plan = device.compile(chain(n, [1, 2, 3]));
    const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
    device.run(plan, [x, y], uniform(1));
    const awaited = [errorOf(device.settle(0)), errorOf(device.read(y, "float32", 0, n))];
    device.close();
    for (const message of await Promise.all(awaited))
      expect(message).toBe("the webgpu device was closed; make a new one");
    expect(device.pending()).toBe(0);
    expect(device.memory()).toMatchObject({ bytes: 0, buffers: 0, reserved: 0 });
    expect(() => device.allocate(16)).toThrow("was closed");
    device.free(x);
    device.close();
    await expectWorks(await start());
  });
});
