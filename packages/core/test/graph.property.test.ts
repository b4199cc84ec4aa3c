import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engine } from "../dist/engine.js";
import * as k from "../dist/index.js";
import { DEFAULT_SCHEDULE, type ScheduleOptions } from "../dist/schedule/plan.js";
import { interpretGraph } from "../dist/testing/interpret-graph.js";
import { ReferenceDevice } from "../dist/testing/reference-device.js";
import { build, type Program, programs } from "./random-graphs.js";

/** Multiplies the number of programs, for a longer search: `KINDLING_RUNS=20 pnpm test:unit graph`. */
const RUNS = Number(process.env.KINDLING_RUNS ?? 1);

let devices: k.Device[];
let webgpu: k.Device;

beforeAll(async () => {
  devices = [
    await k.createCpuDevice({ threads: 1, patience: 0 }),
    await k.createCpuDevice({ threads: 3, patience: 0 }),
  ];
  webgpu = await k.createWebGpuDevice();
});
afterAll(() => {
  for (const d of [...devices, webgpu]) d.close();
});

/** All results of a program, all at once, on a device. */
async function values(
  program: Program,
  device: k.Device,
  schedule: ScheduleOptions = DEFAULT_SCHEDULE,
): Promise<ArrayLike<number>[]> {
  await k.setDefaultDevice(device);
  engine.schedule = schedule;
  const { results } = build(program);
  for (const r of results) r.retain();
  const all: ArrayLike<number>[] = [];
  for (const r of results) all.push((await r.data()) as Float32Array);
  engine.schedule = DEFAULT_SCHEDULE;
  return all;
}

function near(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    if (Number.isNaN(want[i]) || Math.abs(want[i]) === Infinity) expect(got[i]).toBe(want[i]);
    else expect(Math.abs(got[i] - want[i])).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(want[i])));
  }
}

describe("graphs of random operators", { timeout: 60_000 * RUNS }, () => {
  it("end, where a member of a kernel is wanted in memory by one that would join it", async () => {
    const program: Program = {
      seed: [3],
      names: ["pad", "unfold", "reshape", "matmul", "where", "reshape", "sumKeep", "slice"],
      choices: [
        867, 15, 118, 533, 6, 249, 90, 604, 724, 308, 310, 598, 944, 733, 304, 320, 6, 61, 277, 52, 399, 0, 919, 434,
        755, 991, 60, 490, 516, 3, 930, 0, 9, 298, 1, 461, 998, 149, 492, 993,
      ],
    };
    const want = build(program).results.map((t) => interpretGraph(t.node));
    const got = await values(program, devices[0]);
    got.forEach((g, i) => {
      near(g, want[i], 2e-5);
    });
  });

  it.each([
    ["cpu", () => devices[0], 150],
    ["webgpu", () => webgpu, 60],
  ] as const)("give on %s what the f64 interpreter of the operators gives", async (_name, device, runs) => {
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const want = build(program).results.map((t) => interpretGraph(t.node));
        const got = await values(program, device());
        got.forEach((g, i) => {
          near(g, want[i], 2e-5);
        });
      }),
      { numRuns: runs * RUNS },
    );
  });

  it("give the same where plans are interpreted, without a compiler", async () => {
    const reference = new ReferenceDevice();
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const want = build(program).results.map((t) => interpretGraph(t.node));
        const got = await values(program, reference);
        got.forEach((g, i) => {
          near(g, want[i], 1e-5);
        });
      }),
      { numRuns: 40 * RUNS },
    );
  });

  it.each([
    ["cpu", () => devices[0], 60],
    ["webgpu", () => webgpu, 20],
  ] as const)("are the same on %s fused and unfused, in shared and in fresh memory", async (_name, device, runs) => {
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const plain = await values(program, device(), { fuse: false, share: false, recompute: 0 });
        for (const [fuse, share] of [
          [true, true],
          [true, false],
          [false, true],
        ]) {
          const other = await values(program, device(), { fuse, share, recompute: 0 });
          other.forEach((g, i) => {
            near(g, plain[i], 1e-5);
          });
        }
      }),
      { numRuns: runs * RUNS },
    );
  });

  it("have the same bits on any number of threads", async () => {
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const one = await values(program, devices[0]);
        const three = await values(program, devices[1]);
        expect(three).toEqual(one);
      }),
      { numRuns: 40 * RUNS },
    );
  });

  it("have gradients of the same bits where values are computed again rather than kept", async () => {
    const launched = { kept: 0, again: 0 };
    const gradients = async (program: Program, which: "kept" | "again"): Promise<ArrayLike<number>[]> => {
      await k.setDefaultDevice(devices[1]);
      // Within a scope, so that only gradients are results.
      const leaves = k.scoped(() => {
        const { leaves, results } = build(program, true);
        const out = results[results.length - 1];
        fc.pre(out.requiresGrad);
        out.mul(out.exp()).add(results[0].sum()).sum().backward();
        return leaves;
      });
      const grads = leaves.flatMap((l) => (l.grad ? [l.grad.retain()] : []));
      engine.schedule = { ...DEFAULT_SCHEDULE, recompute: which === "again" ? Infinity : 0 };
      k.resetStats();
      const all: ArrayLike<number>[] = [];
      for (const g of grads) all.push((await g.data()) as Float32Array);
      launched[which] += k.stats().dispatches;
      engine.schedule = DEFAULT_SCHEDULE;
      return all;
    };
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const kept = await gradients(program, "kept");
        expect(await gradients(program, "again")).toEqual(kept);
      }),
      { numRuns: 150 * RUNS },
    );
    expect(launched.again).toBeGreaterThan(launched.kept + 10);
  });

  it("have gradients that central differences confirm", async () => {
    // Away from kinks and jumps only: programs of smooth operators.
    const rough = new Set(["relu", "where", "max", "sort", "square", "conv"]);
    const smooth = programs.map((p) => ({ ...p, names: p.names.map((n) => (rough.has(n) ? "tanh" : n)) }));
    await fc.assert(
      fc.asyncProperty(smooth, fc.nat(1000), async (program, choice) => {
        await k.setDefaultDevice(devices[0]);
        const { leaves, results } = build(program, true);
        const out = results[results.length - 1];
        fc.pre(out.requiresGrad && out.numel > 0);
        const weights = k.fromHost(
          Float32Array.from({ length: out.numel }, (_, i) => Math.cos(i)),
          out.shape,
        );
        out.mul(weights).sum().backward();
        const grads = await Promise.all(leaves.map((l) => (l.grad ? l.grad.data() : null)));
        const which = grads[0] ? 0 : 1;
        fc.pre(grads[which] !== null);
        const i = choice % leaves[which].numel;
        // The interpreter gives the difference in f64.
        const at = (delta: number): number => {
          const shifted = build(program);
          const host = shifted.leaves[which].hostData() as Float32Array;
          const before = host[i];
          host[i] = before + delta;
          const exact = host[i] - before;
          const v = interpretGraph(shifted.results[shifted.results.length - 1].node);
          const sum = v.reduce((n, x, j) => n + x * Math.fround(Math.cos(j)), 0);
          host[i] = before;
          return exact === 0 ? 0 : sum / (2 * Math.abs(exact));
        };
        const h = 1 / 256;
        const numeric = at(h) - at(-h);
        const got = (grads[which] as Float32Array)[i];
        expect(Math.abs(got - numeric)).toBeLessThanOrEqual(2e-3 * Math.max(1, Math.abs(numeric)));
      }),
      { numRuns: 100 * RUNS },
    );
  });
});
