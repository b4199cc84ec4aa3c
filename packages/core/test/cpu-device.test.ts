/** The cpu device: order of runs, threads, memory under enqueued work, failures, and the end of the process. */

import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { CpuDevice, type CpuDeviceOptions } from "../dist/cpu/device.js";
import { oneStage } from "../dist/cpu/kernel.js";
import { ArgumentError, DeviceError } from "../dist/errors.js";
import type { Plan } from "../dist/kernel.js";
import {
  brokenStage,
  chain,
  endlessStage,
  kernelOf,
  preparedShifts,
  print,
  shiftStage,
  stagedShifts,
  trappingStage,
} from "./cpu-device-plans.js";
import { expectModel, filled, floats } from "./device-programs.js";
import { external, planOf, shiftOnHost, slot, uniform } from "./plans.js";

const devices: CpuDevice[] = [];
async function start(options: CpuDeviceOptions = {}): Promise<CpuDevice> {
  const device = await CpuDevice.start({ patience: 0, ...options }, print);
  devices.push(device);
  return device;
}
afterAll(() => {
  for (const device of devices) device.close();
});

const MODES: readonly CpuDeviceOptions[] = [
  { threads: 1 },
  { threads: 2 },
  { threads: 3 },
  { threads: 5 },
  { inline: true },
];
const label = (o: CpuDeviceOptions): string => (o.inline ? "inline" : `${o.threads} threads`);

const ramp = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i));
describe.each(MODES.map((mode) => [label(mode), mode] as const))("cpu device, %s", (_, mode) => {
  it("runs kernels in order, each after all tasks of the one before", async () => {
    const device = await start(mode);
    const n = 1000;
    const shifts = Array.from({ length: 60 }, (_, i) => (i * 37 + 11) % n);
    const plan = device.compile(chain(n, shifts, 7));
    const x = filled(device, ramp(n));
    const y = device.allocate(4 * n);
    // Scales that lose nothing: a smaller one would drive every element to the same limit.
    for (const scale of [1, -1]) {
      device.run(plan, [x, y], uniform(scale));
      const expected = shifts.reduce((v, shift) => shiftOnHost(v, shift, scale), ramp(n));
      expect(await floats(device, y)).toEqual(expected);
    }
  });

  it("gives each thread scratch of its own", async () => {
    const device = await start(mode);
    const n = 20_000;
    const shifts = new Array(60).fill(1);
    const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
    device.run(device.compile(chain(n, shifts, 1000)), [x, y], uniform(-1));
    expect(await floats(device, y)).toEqual(shifts.reduce((v, shift) => shiftOnHost(v, shift, -1), ramp(n)));
  });

  it("runs the stages of a kernel in order, with a workspace that all threads share", async () => {
    const device = await start(mode);
    const n = 1000;
    const shifts = Array.from({ length: 20 }, (_, i) => (i * 37 + 11) % n);
    const kernel = kernelOf("staged", stagedShifts(n, shifts, 7));
    const plan = device.compile(
      planOf(
        [
          [kernel, [external(0), slot(0)]],
          [kernel, [slot(0), slot(1)]],
          [kernel, [slot(1), external(1)]],
        ],
        { slots: [0, 1].map((i) => ({ bytes: 4 * n, first: i, last: i + 1 })), externals: [4 * n, 4 * n], uniforms: 1 },
      ),
    );
    expect(plan.launches).toEqual({ loop: 3 });
    const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
    for (const scale of [1, -1]) {
      device.run(plan, [x, y], uniform(scale));
      const expected = [...shifts, ...shifts, ...shifts].reduce((v, shift) => shiftOnHost(v, shift, scale), ramp(n));
      expect(await floats(device, y)).toEqual(expected);
    }
  });

  it("keeps what is prepared of a buffer from the second run on, until it is written", async () => {
    const device = await start(mode);
    const n = 1000;
    const shifts = [7, 130] as const;
    const kernel = kernelOf("prepared", preparedShifts(n, shifts, 16), [1]);
    const between = { slots: [], externals: [4 * n, 4 * n], uniforms: 1 };
    const plan = device.compile(planOf([[kernel, [external(0), external(1)]]], between));
    const copy = kernelOf("copy", oneStage(shiftStage({ n, shift: 1, grain: 64 })), [1]);
    const write = device.compile(planOf([[copy, [external(0), external(1)]]], between));
    const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
    /** The second stage shows its own scale, and the scale of the run in which the first one was executed. */
    const expectRun = async (values: Float32Array, first: number, second: number): Promise<void> => {
      device.run(plan, [x, y], uniform(second));
      const prepared = shiftOnHost(values, shifts[0], first);
      expect(await floats(device, y)).toEqual(shiftOnHost(prepared, shifts[1], second));
    };
    await expectRun(ramp(n), 2, 2);
    await expectRun(ramp(n), 3, 3);
    await expectRun(ramp(n), 3, 4);
    await expectRun(ramp(n), 3, 5);

    const uploaded = ramp(n).reverse();
    device.upload(x, uploaded, "float32");
    await expectRun(uploaded, 6, 6);
    await expectRun(uploaded, 7, 7);
    await expectRun(uploaded, 7, 8);

    const z = filled(device, ramp(n));
    device.run(write, [z, x], uniform(1));
    const written = shiftOnHost(ramp(n), 1, 1);
    await expectRun(written, 2, 2);
    await expectRun(written, 3, 3);
    await expectRun(written, 3, 4);
  });

  it("tells apart what is prepared of two parts of a buffer", async () => {
    const device = await start(mode);
    const n = 100;
    const kernels = [0, n].map((first, i) => {
      const kernel = kernelOf(`prepared ${first}`, preparedShifts(n, [1, 2], 16, first), [1]);
      return [kernel, [external(0), external(1 + i)]] as const;
    });
    const plan = device.compile(planOf(kernels, { externals: [8 * n, 4 * n, 4 * n], uniforms: 1 }));
    const values = ramp(2 * n);
    const [x, ...results] = [filled(device, values), device.allocate(4 * n), device.allocate(4 * n)];
    for (let run = 0; run < 4; run++) {
      device.run(plan, [x, ...results], uniform(3));
      for (const [i, result] of results.entries()) {
        const expected = [1, 2].reduce<Float32Array>(
          (v, shift) => shiftOnHost(v, shift, 3),
          values.slice(i * n, (i + 1) * n),
        );
        expect(await floats(device, result)).toEqual(expected);
      }
    }
  });

  it("keeps nothing that is prepared of what the same plan writes", async () => {
    const device = await start(mode);
    const n = 100;
    const step = kernelOf("step", oneStage(shiftStage({ n, shift: 3, grain: 16 })), [1]);
    const kernel = kernelOf("prepared", preparedShifts(n, [1, 2], 16), [1]);
    const kernels = [
      [step, [external(0), external(1)]],
      [kernel, [external(1), external(2)]],
    ] as const;
    const plan = device.compile(planOf(kernels, { externals: [4 * n, 4 * n, 4 * n], uniforms: 1 }));
    const [x, w, y] = [filled(device, ramp(n)), device.allocate(4 * n), device.allocate(4 * n)];
    for (const scale of [1, 2, 3, 4]) {
      device.run(plan, [x, w, y], uniform(scale));
      const expected = [3, 1, 2].reduce((v, shift) => shiftOnHost(v, shift, scale), ramp(n));
      expect(await floats(device, y)).toEqual(expected);
    }
  });

  it("gives up what it keeps where the memory is wanted, and when the buffer is freed", async () => {
    const MiB = 2 ** 20;
    const n = MiB / 4;
    const device = await start({ ...mode, memoryLimit: 8 * MiB });
    const kernel = kernelOf("prepared", preparedShifts(n, [1, 2], 1000), [1]);
    const plan = device.compile(planOf([[kernel, [external(0), external(1)]]], { externals: [MiB, MiB], uniforms: 1 }));
    const [x, y] = [filled(device, ramp(n)), device.allocate(MiB)];
    const expected = [1, 2].reduce((v, shift) => shiftOnHost(v, shift, 1), ramp(n));
    for (let run = 0; run < 3; run++) device.run(plan, [x, y], uniform(1));
    expect(device.memory().peak).toBeGreaterThan(4 * MiB);
    // The two tensors, the slot and what is kept leave less than 4 MiB.
    const all = [0, 1, 2, 3].map(() => device.allocate(MiB));
    device.run(plan, [x, y], uniform(1));
    expect(await floats(device, y)).toEqual(expected);
    for (const buffer of all) device.free(buffer);
    for (let run = 0; run < 20; run++) {
      const w = filled(device, ramp(n));
      for (let i = 0; i < 3; i++) device.run(plan, [w, y], uniform(1));
      expect(await floats(device, y)).toEqual(expected);
      device.free(w);
    }
  });

  it("takes any number of runs without being awaited, and lets memory be reused under them", async () => {
    const device = await start(mode);
    const n = 64;
    // Enough words to go around the ring more than once.
    const shifts = Array.from({ length: 100 }, (_, i) => i % n);
    const plan = device.compile(chain(n, shifts, 16));
    let x = filled(device, ramp(n));
    for (let run = 0; run < 1000; run++) {
      const y = device.allocate(4 * n);
      device.run(plan, [x, y], uniform(-1));
      device.free(x);
      x = y;
    }
    const result = await floats(device, x);
    expect(device.pending()).toBe(0);
    let v = ramp(n);
    for (let run = 0; run < 1000; run++) v = shifts.reduce((w, shift) => shiftOnHost(w, shift, -1), v);
    expect(result).toEqual(v);
    expect(device.memory().bytes).toBe(4 * n);
    expect(device.memory().peak).toBeLessThan(64 * 1024);
  });

  it("agrees with a model for any sequence of allocate, upload, run, read and free", async () => {
    const device = await start({ ...mode, memoryLimit: 2 ** 20 });
    const n = 512;
    await expectModel(device, n, [{ shifts: [1, 5, 200], plan: chain(n, [1, 5, 200], 32) }], 120);
  });

  it("reads what a buffer held at the time of the call", async () => {
    const device = await start(mode);
    const n = 20_000;
    const there = device.compile(chain(n, [1], 100));
    const x = filled(device, ramp(n));
    const y = device.allocate(4 * n);
    device.run(there, [x, y], uniform(2));
    const before = device.read(y, "float32", 100, 1000);
    device.run(there, [y, x], uniform(2));
    device.run(there, [x, y], uniform(2));
    device.free(y);
    const expected = shiftOnHost(ramp(n), 1, 2);
    expect(new Float32Array(await before)).toEqual(expected.slice(100, 1100));
    expect(await floats(device, x)).toEqual(shiftOnHost(expected, 1, 2));
  });

  it("names the kernel that failed, at the next await and at later ones", async () => {
    for (const [name, stage, why] of [
      ["gather_rows", trappingStage, /memory access out of bounds/],
      ["malformed", brokenStage, /CompileError/],
    ] as const) {
      const device = await start(mode);
      const x = filled(device, ramp(4));
      device.run(device.compile(planOf([[kernelOf(name, oneStage(stage)), []]])), [], new Uint32Array(0));
      const plan = device.compile(chain(4, [1], 4));
      const y = device.allocate(16);
      device.run(plan, [x, y], uniform(1));
      const error = await device.settle(0).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(DeviceError);
      expect(String(error)).toContain(name);
      expect(String(error)).toMatch(why);
      await expect(device.read(y, "float32", 0, 4)).rejects.toThrow(name);
      device.run(plan, [x, y], uniform(1));
      await expect(device.settle(0)).rejects.toThrow(name);
      expect(device.pending()).toBe(0);
    }
  });

  it("lets the event loop turn while it works", async () => {
    const device = await start(mode);
    const n = 100_000;
    const plan = device.compile(chain(n, new Array(400).fill(3), 1000));
    const x = filled(device, ramp(n));
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    device.run(plan, [x, device.allocate(4 * n)], uniform(0.5));
    await device.settle(0);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
  });

  it("says how much memory an allocation lacked", async () => {
    const device = await start({ ...mode, memoryLimit: 2 ** 20 });
    const half = device.allocate(2 ** 19);
    expect(() => device.allocate(2 ** 20)).toThrow(
      /1\.0 MiB asked for a buffer; 0\.500 MiB live in 1 buffers, largest free piece 0\.500 MiB, limit 1\.0 MiB/,
    );
    device.free(half);
    const whole = device.allocate(2 ** 20);
    expect(device.memory()).toMatchObject({ bytes: 2 ** 20, buffers: 1, peak: 2 ** 20 });
    const n = 1000;
    expect(() => device.run(device.compile(chain(n, [1, 2], 10)), [whole, whole], uniform(1))).toThrow(
      /asked for the slots and scratch of a run/,
    );
  });

  it("gives slots back to buffers that need their room", async () => {
    const n = 2 ** 13;
    const device = await start({ ...mode, memoryLimit: 16 * n });
    const x = filled(device, ramp(n));
    const plan = device.compile(chain(n, [1, 2], 1000));
    device.run(plan, [x, x], uniform(1));
    device.free(device.allocate(12 * n));
    device.run(plan, [x, x], uniform(1));
    await device.settle(0);
    const twice = [1, 2, 1, 2].reduce((v, shift) => shiftOnHost(v, shift, 1), ramp(n));
    expect(await floats(device, x)).toEqual(twice);
  });
});

describe("cpu device", () => {
  it("counts live buffers, slots and scratch, and settles into the memory that it has", async () => {
    const device = await start({ threads: 3 });
    const n = 4096;
    const plan = device.compile(chain(n, [1, 2, 3], 64));
    const x = filled(device, ramp(n));
    const y = device.allocate(4 * n);
    expect(device.memory().bytes).toBe(8 * n);
    device.run(plan, [x, y], uniform(1));
    expect(device.memory().peak).toBe(16 * n + 3 * 256);
    device.resetPeak();
    expect(device.memory().peak).toBe(8 * n);
    const { reserved } = device.memory();
    for (let i = 0; i < 50; i++) {
      const z = device.allocate(4 * n);
      device.run(plan, [x, z], uniform(1));
      device.free(z);
      await device.settle(2);
    }
    expect(device.memory()).toEqual({ bytes: 8 * n, buffers: 2, reserved, peak: 20 * n + 3 * 256 });
  });

  it("lets a workspace lie where slots are dead, and counts it", async () => {
    const device = await start({ threads: 1 });
    const n = 4096;
    const shift = kernelOf("shift", oneStage(shiftStage({ n, shift: 1, grain: 64 })));
    const staged = kernelOf("staged", stagedShifts(n, [1, 2, 3], 64));
    // Two vectors for the workspace, where slot 0 was before, and one for slot 1.
    const plan = device.compile(
      planOf(
        [
          [shift, [external(0), slot(0)]],
          [shift, [slot(0), slot(1)]],
          [staged, [slot(1), external(1)]],
        ],
        { slots: [0, 1].map((i) => ({ bytes: 4 * n, first: i, last: i + 1 })), externals: [4 * n, 4 * n], uniforms: 1 },
      ),
    );
    const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
    device.run(plan, [x, y], uniform(1));
    expect(device.memory().peak).toBe(2 * 4 * n + (2 + 1) * 4 * n + 256);
    expect(await floats(device, y)).toEqual([1, 1, 1, 2, 3].reduce((v, by) => shiftOnHost(v, by, 1), ramp(n)));
  });

  it("compiles code once, however many plans use it", async () => {
    const device = await start({ threads: 2 });
    const first = chain(64, [1, 2, 3], 8);
    expect(device.compile(first).compiled).toBe(1);
    expect(device.compile(first).compiled).toBe(0);
    expect(device.compile(chain(32, [4], 8)).compiled).toBe(0);
  });

  it("splits plans that do not fit one command, and passes over kernels without tasks", async () => {
    const device = await start({ threads: 2 });
    const shift = shiftStage({ n: 16, shift: 1, grain: 4 });
    const params = new Int32Array(200_000);
    params.set(shift.params);
    const wide = kernelOf("wide", oneStage({ ...shift, params }));
    const empty = kernelOf("empty", oneStage({ ...shift, tasks: 0 }));
    const plan = device.compile(
      planOf(
        [
          [wide, [external(0), external(1)]],
          [empty, [external(0), external(1)]],
          [wide, [external(1), external(0)]],
          [wide, [external(0), external(1)]],
        ],
        { externals: [64, 64], uniforms: 1 },
      ),
    );
    const x = filled(device, ramp(16));
    const y = device.allocate(64);
    for (let i = 0; i < 5; i++) device.run(plan, [x, y], uniform(-1));
    let value = ramp(16);
    for (let i = 0; i < 10; i++) value = shiftOnHost(value, 1, -1);
    expect(await floats(device, x)).toEqual(value);
    const nothing = device.compile(planOf([[empty, [external(0), external(1)]]], { externals: [64, 64], uniforms: 1 }));
    device.run(nothing, [x, y], uniform(1));
    expect(device.pending()).toBe(0);
  });

  it.each([{ threads: 2 }, { inline: true }])("computes at addresses above 2 GiB (%o)", async (mode) => {
    const device = await start(mode);
    // Nobody touches these, so they cost nothing but addresses.
    device.allocate(2 ** 30);
    device.allocate(2 ** 30);
    const n = 1000;
    const x = filled(device, ramp(n));
    const y = device.allocate(4 * n);
    device.run(device.compile(chain(n, [1, 2, 3], 64)), [x, y], uniform(2));
    expect(await floats(device, y)).toEqual([1, 2, 3].reduce((v, shift) => shiftOnHost(v, shift, 2), ramp(n)));
  });

  it("starts threads once that pays, and they go on wherever the host is in its work", async () => {
    const n = 20_000;
    const shifts = [1, 5, 200, 7, 31];
    const light = chain(n, shifts, 100);
    const heavy = { ...light, kernels: light.kernels.map((kernel) => ({ ...kernel, bytes: 8e5 })) };
    for (let round = 0; round < 8; round++) {
      const device = await start({ threads: 3, patience: 1 + round / 10 });
      const [x, y] = [filled(device, ramp(n)), device.allocate(4 * n)];
      let value = ramp(n);
      const enqueue = (plan: Plan, runs: number): void => {
        for (let i = 0; i < runs; i++) {
          device.run(device.compile(plan), [x, y], uniform(-1));
          device.run(device.compile(light), [y, x], uniform(-1));
          for (const shift of [...shifts, ...shifts]) value = shiftOnHost(value, shift, -1);
        }
      };
      /** Whether anybody works while the host is busy. */
      const overtaken = (): boolean => {
        enqueue(light, 1);
        const end = performance.now() + 20;
        while (device.pending() > 0 && performance.now() < end);
        return device.pending() === 0;
      };
      enqueue(light, 5);
      expect(overtaken()).toBe(false);
      enqueue(heavy, round % 3);
      for (const end = performance.now() + 10_000; !overtaken(); ) {
        expect(performance.now()).toBeLessThan(end);
        enqueue(heavy, 1);
        await device.settle(round % 3);
      }
      expect(await floats(device, x)).toEqual(value);
      device.close();
    }
  });

  it.each([{ threads: 2 }, { inline: true }])("names the limits of its addresses (%o)", async (mode) => {
    const device = await start({ ...mode, memoryLimit: 2 ** 40 });
    // Nobody touches these.
    for (let i = 0; i < 3; i++) device.allocate(2 ** 30);
    expect(() => device.allocate(2 ** 30, "the weights")).toThrow(
      /1024\.0 MiB asked for the weights; 3072\.0 MiB live in 3 buffers, largest free piece 1020\.0 MiB, limit 4092\.0 MiB, which is what 32-bit addresses of WebAssembly reach\. Use a smaller batch or hold fewer tensors$/,
    );
    expect(() => device.allocate(2 ** 31, "the pictures")).toThrow(
      /2048\.0 MiB asked for the pictures; one tensor of the cpu device takes at most 2047\.9 MiB/,
    );
    const plan: Plan = { ...chain(4, [1, 2], 4), slots: [{ bytes: 2 ** 31, first: 0, last: 1 }] };
    expect(() => device.compile(plan)).toThrow(/2048\.0 MiB asked for an intermediate result/);
  });

  it("refuses what is not its own, freed, or out of range", async () => {
    const [device, other] = [await start({ threads: 1 }), await start({ inline: true })];
    const plan = chain(4, [1], 4);
    const x = device.allocate(16);
    expect(() => device.run(other.compile(plan), [x, x], uniform(1))).toThrow(/another device/);
    expect(() => device.run(device.compile(plan), [x], uniform(1))).toThrow(/1 buffers .* takes 2 and 1/);
    expect(() => other.upload(x, new Uint8Array(1), "uint8")).toThrow(/another device/);
    expect(() => device.upload(x, new Uint8Array(17), "uint8")).toThrow(/17 bytes into a buffer of 16 bytes/);
    await expect(device.read(x, "uint8", 8, 9)).rejects.toThrow(/read of 9 bytes at 8/);
    device.free(x);
    expect(() => device.free(x)).toThrow(/was freed/);
    await expect(start({ threads: 0 })).rejects.toThrow(ArgumentError);
    await expect(start({ memoryLimit: -1 })).rejects.toThrow(ArgumentError);
  });

  it("rejects what is awaited when it is closed, and everything afterwards", async () => {
    const device = await start({ threads: 2 });
    const x = filled(device, ramp(1000));
    device.run(device.compile(planOf([[kernelOf("endless", oneStage(endlessStage)), []]])), [], new Uint32Array(0));
    const waiting = device.settle(0);
    expect(device.pending()).toBe(1);
    device.close();
    await expect(waiting).rejects.toThrow(/closed/);
    expect(() => device.allocate(1)).toThrow(/closed/);
    await expect(device.settle(0)).rejects.toThrow(/closed/);
    device.free(x);
    device.close();
    expect(device.memory()).toMatchObject({ bytes: 0, buffers: 0, reserved: 0 });
    expect(device.pending()).toBe(0);
  });
});

it("leaves Node's modules out of what browsers load", () => {
  const dist = new URL("../dist/", import.meta.url);
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => /^cpu\/.*\.js$/.test(file));
  expect(files.length).toBeGreaterThan(8);
  for (const file of [...files, "platform/browser.js", "platform/navigator.js"])
    expect(readFileSync(new URL(file, dist), "utf8"), file).not.toMatch(/from "node:|platform\/node/);
});

describe("the process", () => {
  const exec = promisify(execFile);
  const built = (file: string): string => fileURLToPath(new URL(`../dist/cpu/${file}`, import.meta.url));
  const program = (rest: string): string => `
    import { CpuDevice } from ${JSON.stringify(built("device.js"))};
    import { copyKernel } from ${JSON.stringify(built("copy.js"))};
    const bytes = 1 << 20;
    const device = await CpuDevice.start({ threads: 2, patience: 0 }, () => copyKernel(0, bytes));
    const buffers = [{ kind: "external", index: 0 }, { kind: "external", index: 1 }];
    const kernels = new Array(200).fill({ kernel: { kind: "loop", name: "copy", rows: [], inner: [], sources: [], stages: [] }, buffers });
    const plan = device.compile({ kernels, slots: [], externals: [64, 64], uniforms: 0 });
    const [x, y] = [device.allocate(bytes), device.allocate(bytes)];
    device.upload(x, new Uint8Array(bytes).fill(42), "uint8");
    const run = () => device.run(plan, [x, y], new Uint32Array(0));
    ${rest}`;
  const execute = (rest: string, ...flags: string[]) =>
    exec(process.execPath, [...flags, "--input-type=module", "-e", program(rest)], { timeout: 20_000 });

  it("stays as long as something is awaited, and then exits by itself", async () => {
    const { stdout } = await execute(`run(); console.log(new Uint8Array(await device.read(y, "uint8", 0, 1))[0]);`);
    expect(stdout.trim()).toBe("42");
  });

  it("exits although runs are enqueued that nobody awaits", async () => {
    const { stdout } = await execute(`for (let i = 0; i < 50; i++) run(); console.log("end");`);
    expect(stdout.trim()).toBe("end");
  });

  it("exits at once when told to, and when it throws", async () => {
    await expect(execute(`run(); void device.settle(0); process.exit(3);`)).rejects.toMatchObject({ code: 3 });
    await expect(execute(`run(); throw new Error("oh");`)).rejects.toMatchObject({ code: 1 });
  });

  /** What `Worker` is to the device. */
  const withWorker = (definition: string): string => `
    const workers = await import("node:worker_threads").then((module) => module.default);
    const { Worker } = workers;
    workers.Worker = ${definition};
    await import("node:module").then((module) => module.syncBuiltinESMExports());`;

  it("computes by itself where threads do not start", async () => {
    const broken = withWorker(`class extends Worker {
      constructor(script, options) { super("throw new Error('no threads here')", options); }
    }`);
    const { stdout } = await exec(process.execPath, [
      "--input-type=module",
      "-e",
      `${broken} ${program(`run(); console.log(device.threads, new Uint8Array(await device.read(y, "uint8", 0, 1))[0]);`)}`,
    ]);
    expect(stdout.trim()).toBe("1 42");
  });

  it("says so when a thread ends, and exits", async () => {
    const known = withWorker(`class extends Worker {
      constructor(script, options) { super(script, options); globalThis.last = this; }
    }`);
    const { stdout } = await exec(process.execPath, [
      "--input-type=module",
      "-e",
      `${known} ${program(`
        for (let i = 0; i < 50; i++) run();
        const settled = device.settle(0).catch(String);
        void last.terminate();
        console.log(await settled);
        console.log(await device.read(y, "uint8", 0, 1).catch(String));`)}`,
    ]);
    expect(stdout).toMatch(/^(DeviceError: a worker thread of the cpu device ended: it exited with code 1\n){2}$/);
  });

  it("uses no processor time while it is idle", async () => {
    const { stdout } = await execute(`run(); await device.settle(0);
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const { user, system } = process.cpuUsage(before);
      console.log((user + system) / 1000);`);
    expect(Number(stdout)).toBeLessThan(10);
  });
});
