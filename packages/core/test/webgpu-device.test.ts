import { describe, expect, it } from "vitest";
import { ArgumentError } from "../dist/errors.js";
import { programOf as planned, workspaceBytes } from "../dist/webgpu/programs.js";
import { expectModel, filled, floats } from "./device-programs.js";
import { external, planOf, shiftOnHost, uniform } from "./plans.js";
import { expectWorks, noUniforms, ramp, start } from "./webgpu-devices.js";
import {
  chain,
  copyThroughScratch,
  kernelOf,
  piecewisePass,
  print,
  productOfSlots,
  programOf,
} from "./webgpu-plans.js";

describe("runs", () => {
  it("executes kernels in order, with the uniforms of the run", async () => {
    const device = await start();
    const n = 1000;
    const shifts = [1, 7, 300];
    const plan = device.compile(chain(n, shifts));
    expect(plan.launches).toEqual({ loop: 3 });
    const x = filled(device, ramp(n));
    const results = [-1, 0.5].map((scale) => {
      const y = device.allocate(4 * n);
      device.run(plan, [x, y], uniform(scale));
      return floats(device, y);
    });
    expect(await Promise.all(results)).toEqual(
      [-1, 0.5].map((scale) => shifts.reduce((v, shift) => shiftOnHost(v, shift, scale), ramp(n))),
    );
  });

  it("compiles a shader once, and a plan that is known not at all", async () => {
    const device = await start();
    const plan = chain(64, [1, 2, 1, 2]);
    expect(device.compile(plan).compiled).toBe(2);
    expect(device.compile(plan).compiled).toBe(0);
    expect(device.compile(chain(64, [2, 3])).compiled).toBe(1);
  });

  it("keeps the program's order while pipelines are compiled", async () => {
    const device = await start();
    const n = 128;
    const x = filled(device, ramp(n));
    const values = [ramp(n)];
    const reads: Promise<Float32Array>[] = [];
    const data = new Float32Array(n);
    for (let step = 0; step < 6; step++) {
      const y = device.allocate(4 * n);
      device.run(device.compile(chain(n, [step + 10, 1])), [x, y], uniform(1));
      reads.push(floats(device, y));
      device.free(y);
      values.push(shiftOnHost(shiftOnHost(values[step], step + 10, 1), 1, 1));
      // What is uploaded is what the array holds now, though nothing has run yet.
      data.set(values[step + 1]);
      device.upload(x, data, "float32");
    }
    data.fill(Number.NaN);
    expect(device.pending()).toBe(6);
    expect(await Promise.all(reads)).toEqual(values.slice(1));
    expect(device.memory().buffers).toBe(1);
  });

  it("reads what a buffer held at the time of the call, as often as asked", async () => {
    const device = await start();
    const n = 5000;
    const plan = device.compile(chain(n, [1]));
    const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
    device.run(plan, [x, y], uniform(2));
    const before = Array.from({ length: 20 }, (_, i) => device.read(y, "float32", 100 * i, 1000));
    device.run(plan, [y, x], uniform(2));
    device.run(plan, [x, y], uniform(2));
    device.free(y);
    const expected = shiftOnHost(ramp(n), 1, 2);
    const parts = (await Promise.all(before)).map((part) => new Float32Array(part));
    expect(parts).toEqual(parts.map((_, i) => expected.slice(100 * i, 100 * i + 1000)));
    expect(await floats(device, x)).toEqual(shiftOnHost(expected, 1, 2));
  });

  it("settles when few enough runs are pending", async () => {
    const device = await start();
    const plan = device.compile(chain(64, [1]));
    const [x, y] = [filled(device, ramp(64)), device.allocate(256)];
    for (let run = 0; run < 10; run++) device.run(plan, [x, y], uniform(1));
    expect(device.pending()).toBe(10);
    await device.settle(3);
    expect(device.pending()).toBeLessThanOrEqual(3);
    await device.settle(0);
    expect(device.pending()).toBe(0);
    await device.settle(5);
  });

  it("runs on two devices at the same time, and refuses what belongs to the other", async () => {
    const [a, b] = [await start(), await start()];
    await Promise.all([expectWorks(a), expectWorks(b)]);
    const x = a.allocate(16);
    expect(() => b.free(x)).toThrow(/another device/);
    expect(() => b.run(a.compile(chain(4, [1])), [], noUniforms)).toThrow(/another device/);
    expect(() => a.run(a.compile(chain(4, [1])), [x], noUniforms)).toThrow(/takes 2 and 1/);
  });
});

describe("memory", () => {
  it("holds every dtype in words, and gives back what it was given", async () => {
    const device = await start();
    const cases = [
      ["float32", Float32Array.of(0, -0, 1.5, Number.NaN, Infinity, 1e-45)],
      ["int32", Int32Array.of(0, -1, 2 ** 31 - 1, -(2 ** 31), 7, 9)],
      ["uint8", Uint8Array.of(0, 1, 127, 128, 255, 3)],
      ["bool", Uint8Array.of(0, 1, 1, 0, 1, 0)],
      ["float16", Uint16Array.of(0, 0x8000, 0x3c00, 0x7c00, 0x0001, 0x7bff)],
    ] as const;
    for (const [dtype, data] of cases) {
      const buffer = device.allocate(data.length * device.elementBytes(dtype));
      device.upload(buffer, data, dtype);
      const whole = new Uint8Array(await device.read(buffer, dtype, 0, data.length));
      expect(whole).toEqual(new Uint8Array(data.buffer));
      const part = new Uint8Array(await device.read(buffer, dtype, 2, 3));
      expect(part).toEqual(new Uint8Array(data.slice(2, 5).buffer));
      expect((await device.read(buffer, dtype, 6, 0)).byteLength).toBe(0);
    }
  });

  it("keeps large buffers in pieces", async () => {
    const device = await start({ limits: { bindingBytes: 1500 } });
    expect(device.target.pieceElements).toBe(256);
    const n = 600;
    const plan = device.compile(
      planOf([[kernelOf("pieces", n, programOf([piecewisePass(n, 256)])), [external(0), external(1)]]], {
        externals: [4 * n, 4 * n],
      }),
    );
    const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
    device.run(plan, [x, y], noUniforms);
    expect(await floats(device, y)).toEqual(ramp(n).reverse());
    const middle = new Float32Array(await device.read(y, "float32", 250, 300));
    expect(middle).toEqual(ramp(n).reverse().slice(250, 550));
    expect(device.memory()).toMatchObject({ bytes: 8 * n, buffers: 2 });
  });

  it("passes what one pass of a kernel leaves for the next through scratch", async () => {
    const device = await start();
    const n = 512;
    const plan = copyThroughScratch(n);
    const compiled = device.compile(plan);
    expect(compiled.launches).toEqual({ loop: 2 });
    expect(workspaceBytes(plan, print, device.target)).toBe(4 * n);
    const y = device.allocate(4 * n);
    device.run(compiled, [filled(device, ramp(n)), y], noUniforms);
    expect(await floats(device, y)).toEqual(ramp(n).map((v) => v + 2));
  });

  it("lets a kernel write, and another read, several slots of one buffer", async () => {
    const device = await start();
    const n = 1000;
    const plan = productOfSlots(n);
    expect(planned(plan, print, device.target).objects).toEqual([2 * 4096]);
    const y = device.allocate(4 * n);
    device.run(device.compile(plan), [filled(device, ramp(n)), y], noUniforms);
    expect(await floats(device, y)).toEqual(ramp(n).map((v) => (v + 1) * (v + 2)));
  });

  it("lets slots that do not live together share, and counts them in the peak", async () => {
    const device = await start();
    const n = 1024;
    const plan = chain(n, new Array(20).fill(3));
    expect(workspaceBytes(plan, print, device.target)).toBe(8 * n);
    device.run(device.compile(plan), [filled(device, ramp(n)), device.allocate(4 * n)], uniform(1));
    expect(device.memory()).toMatchObject({ bytes: 8 * n, buffers: 2, peak: 16 * n });
    device.resetPeak();
    expect(device.memory().peak).toBe(8 * n);
  });

  it("is flat over a thousand runs", async () => {
    const device = await start();
    const n = 1024;
    const plan = device.compile(chain(n, [1, 2, 3]));
    let x = filled(device, ramp(n));
    const reserved: number[] = [];
    for (let run = 0; run < 1000; run++) {
      const y = device.allocate(4 * n);
      device.run(plan, [x, y], uniform(0.5));
      device.free(x);
      x = y;
      if (run % 50 === 0) {
        await floats(device, x);
        reserved.push(device.memory().reserved);
      }
    }
    expect(device.memory()).toMatchObject({ bytes: 4 * n, buffers: 1, peak: 16 * n });
    expect(new Set(reserved).size).toBe(1);
    expect(reserved[0]).toBeLessThan(32 * n);
  });

  it("gives idle memory back to the driver when it has not been needed for long", async () => {
    const device = await start();
    device.free(device.allocate(200 * 2 ** 20));
    expect(device.memory().reserved).toBeGreaterThanOrEqual(200 * 2 ** 20);
    const plan = device.compile(chain(64, [1]));
    const [x, y] = [filled(device, ramp(64)), device.allocate(256)];
    for (let run = 0; run < 200; run++) device.run(plan, [x, y], uniform(1));
    await device.settle(0);
    expect(device.memory().reserved).toBeLessThan(65 * 2 ** 20);
    await expectWorks(device);
  });

  it("keeps to memoryLimit, and says what was asked for", async () => {
    const device = await start({ memoryLimit: 2 ** 20 });
    const half = device.allocate(2 ** 19);
    expect(() => device.allocate(2 ** 20, "the result of matmul, [512, 512] float32")).toThrow(
      /1\.0 MiB asked for the result of matmul, \[512, 512\] float32; 0\.500 MiB live in 1 buffers, limit 1\.0 MiB/,
    );
    const n = 2 ** 17;
    const plan = device.compile(chain(n, [1, 2, 3]));
    const quarter = device.allocate(2 ** 18);
    expect(() => device.run(plan, [half, half], uniform(1))).toThrow(
      /1\.0 MiB asked for the slots and scratch of a run/,
    );
    device.free(half);
    device.free(quarter);
    device.allocate(2 ** 20);
    expect(device.memory()).toMatchObject({ bytes: 2 ** 20, buffers: 1, reserved: 2 ** 20, peak: 2 ** 20 });
    await device.settle(0);
  });

  it("agrees with a model for any sequence of allocate, upload, run, read and free", async () => {
    const device = await start({ memoryLimit: 2 ** 20, limits: { bindingBytes: 4096 } });
    const n = 512;
    const plans = [[1, 5, 200], [3], [2, 2]].map((shifts) => ({ shifts, plan: chain(n, shifts) }));
    await expectModel(device, n, plans, 80);
  });

  it("refuses buffers that were freed, and what lies outside of them", async () => {
    const device = await start();
    const x = device.allocate(16);
    expect(() => device.upload(x, new Float32Array(5), "float32")).toThrow(/upload of 20 bytes into a buffer of 16/);
    await expect(device.read(x, "float32", 2, 3)).rejects.toThrow(/read of 12 bytes at 8 from a buffer of 16/);
    device.free(x);
    expect(() => device.free(x)).toThrow(/was freed/);
    await expect(device.read(x, "float32", 0, 1)).rejects.toThrow(/was freed/);
    await expect(start({ memoryLimit: 0 })).rejects.toThrow(ArgumentError);
  });
});
