// Where a run's time goes: the device's plans are taken apart, and each kernel is timed alone on the memory of the run.

import { type CompiledPlan, createCpuDevice, type Device, type DeviceBuffer, type Plan } from "@kindling/core";
import { layOut } from "./format.js";
import { median } from "./median.js";
import { overridden } from "./overridden.js";
import type { Workload } from "./workload.js";

interface RecordedRun {
  plan: Plan;
  externals: readonly DeviceBuffer[];
  uniforms: Uint32Array;
}

type RecordingDevice = ReturnType<typeof recordingDevice>;

/** A device that can note what it is given to run. Until it stops, memory that is freed stays. */
function recordingDevice(inner: Device) {
  let runs: RecordedRun[] | undefined;
  let freed: DeviceBuffer[] = [];
  return overridden(inner, {
    start() {
      runs = [];
    },
    recorded: (): readonly RecordedRun[] => [...(runs ?? [])],
    stop() {
      runs = undefined;
      for (const buffer of freed) inner.free(buffer);
      freed = [];
    },
    free(buffer: DeviceBuffer) {
      if (runs) freed.push(buffer);
      else inner.free(buffer);
    },
    run(compiled: CompiledPlan, externals: readonly DeviceBuffer[], uniforms: Uint32Array) {
      runs?.push({ plan: compiled.plan, externals: [...externals], uniforms: uniforms.slice() });
      inner.run(compiled, externals, uniforms);
    },
  });
}

/** What one kernel of a run took, alone. */
export interface KernelTime {
  name: string;
  kind: string;
  shape: string;
  ms: number;
  flops: number;
  bytes: number;
}

/** The sizes that tell kernels of one kind apart. */
function shapeOf(kernel: Plan["kernels"][number]["kernel"]): string {
  switch (kernel.kind) {
    case "loop": {
      const stages = kernel.stages.map((s) => (s.kind === "reduce" ? "reduce" : `store/${s.per}`));
      return `[${kernel.rows}] × [${kernel.inner}] ${kernel.sources.length} sources, ${stages.join(" ")}`;
    }
    case "matmul":
      return `${[...kernel.batch, ""].join("×")}${kernel.m}×${kernel.k}×${kernel.n}`;
    case "conv2d":
    case "conv2dInputGrad":
    case "conv2dWeightGrad": {
      const { n, groups, ic, oc, ih, iw, kh, kw, stride } = kernel.shape;
      const grouped = groups > 1 ? `${groups} groups of ` : "";
      return `${kh}×${kw}/${stride[0]} ${grouped}${ic}→${oc}, ${n}×${ih}×${iw}`;
    }
    default:
      return `[${kernel.rows}] × ${kernel.length}`;
  }
}

/** Launches of a kernel that are timed together, so that waking the threads counts little, and how often. */
const LAUNCHES = 4;
const REPEATS = 5;

async function timeKernels(device: Device, { plan, externals, uniforms }: RecordedRun): Promise<KernelTime[]> {
  const times: KernelTime[] = [];
  for (const planned of plan.kernels) {
    const { kernel, flops, bytes } = planned;
    // All slots stay, so that the kernel finds its memory where the run had it.
    const alone = device.compile({ ...plan, key: `${plan.key}: ${kernel.name} alone`, kernels: [planned] });
    const ms: number[] = [];
    for (let repeat = 0; repeat <= REPEATS; repeat++) {
      const start = performance.now();
      for (let i = 0; i < LAUNCHES; i++) device.run(alone, externals, uniforms);
      await device.settle(0);
      if (repeat > 0) ms.push((performance.now() - start) / LAUNCHES);
    }
    times.push({ name: kernel.name, kind: kernel.kind, shape: shapeOf(kernel), ms: median(ms), flops, bytes });
  }
  return times;
}

export interface Profile {
  /** Wall time of a run. */
  ms: number;
  kernels: KernelTime[];
}

/** @param device made by `profilingDevice`, and in use */
export async function profile(recording: RecordingDevice, { prepare }: Workload): Promise<Profile | undefined> {
  const work = await prepare();
  if (typeof work !== "function") return undefined;
  const ms: number[] = [];
  for (let i = 0; i < 7; i++) {
    const start = performance.now();
    await work();
    ms.push(performance.now() - start);
  }
  recording.start();
  await work();
  const kernels: KernelTime[] = [];
  for (const run of recording.recorded()) kernels.push(...(await timeKernels(recording, run)));
  recording.stop();
  return { ms: median(ms.slice(2)), kernels };
}

/** The cpu device, for `profile`. */
export const profilingDevice = async (threads: number): Promise<RecordingDevice> =>
  recordingDevice(await createCpuDevice({ threads }));

/** Kernels of a kind and shape as one line, the dearest first. */
export function formatProfile(name: string, { ms, kernels }: Profile): string {
  const groups = new Map<string, { count: number; total: KernelTime }>();
  for (const kernel of kernels) {
    const key = `${kernel.kind} ${kernel.shape}`;
    const group = groups.get(key);
    if (!group) groups.set(key, { count: 1, total: { ...kernel } });
    else {
      group.count++;
      for (const part of ["ms", "flops", "bytes"] as const) group.total[part] += kernel[part];
    }
  }
  const all = kernels.reduce((sum, kernel) => sum + kernel.ms, 0);
  const rows = [...groups.values()]
    .sort((a, b) => b.total.ms - a.total.ms)
    .map(({ count, total }) => [
      `${total.kind} ${total.shape}`,
      String(count),
      total.ms.toFixed(2),
      `${((100 * total.ms) / all).toFixed(1)} %`,
      (total.flops / total.ms / 1e6).toFixed(1),
      (total.bytes / total.ms / 1e6).toFixed(1),
      total.name,
    ]);
  const title = `${name}: ${ms.toFixed(2)} ms a run; its ${kernels.length} kernels alone take ${all.toFixed(2)} ms`;
  return [title, "", layOut([["", "kernels", "ms", "share", "GFLOP/s", "GB/s", "name"], ...rows]), ""].join("\n");
}
