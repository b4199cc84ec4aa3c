// What it takes to make a ResNet-18 training step runnable. Pages that are touched for the first time would hide it, so
// all memory that the steps need has been used before; the batch is one picture, since kernels are the same for many and
// what long steps take varies by more than what is sought.

import {
  type CompiledPlan,
  createCpuDevice,
  type Device,
  flush,
  full,
  init,
  type Plan,
  synchronize,
} from "@kindling/core";
import { models } from "@kindling/vision";
import { median } from "../median.js";
import { overridden } from "../overridden.js";
import { trainingStep } from "../workloads/training.js";
import type { Figure } from "./figure.js";

/** More than a training step needs. */
const TOUCHED_BYTES = 2 ** 29;
/** The optimizer's first step makes its moments, its second uses them: these compile. */
const FIRST_STEPS = 2;
const WARM_UP = 10;
const STEADY_STEPS = 9;

interface Meter {
  /** Milliseconds in `device.compile`. */
  compileMs: number;
  compiled: number;
  /** When the last run was enqueued: until then the host worked. */
  enqueuedAt: number;
}

const metered = (inner: Device, meter: Meter): Device =>
  overridden(inner, {
    compile(plan: Plan): CompiledPlan {
      const start = performance.now();
      const made = inner.compile(plan);
      meter.compileMs += performance.now() - start;
      meter.compiled += made.compiled;
      return made;
    },
    run(...args: Parameters<Device["run"]>) {
      inner.run(...args);
      meter.enqueuedAt = performance.now();
    },
  });

async function touchMemory(): Promise<void> {
  const filler = full([TOUCHED_BYTES / 4], 1).retain();
  await flush();
  await synchronize();
  filler.dispose();
}

const meter: Meter = { compileMs: 0, compiled: 0, enqueuedAt: 0 };
await init({ device: metered(await createCpuDevice({ threads: Number(process.argv[2]) }), meter) });
await touchMemory();
const model = models.resnet18();
const run = trainingStep(model, [1, 3, 224, 224]);
await flush();
await synchronize();

/** Wall time of a step, what of it the host worked, and how long of that in `device.compile`. */
async function step() {
  meter.compileMs = 0;
  const start = performance.now();
  await run();
  return { ms: performance.now() - start, hostMs: meter.enqueuedAt - start, compileMs: meter.compileMs };
}

type Step = Awaited<ReturnType<typeof step>>;

async function steps(count: number): Promise<Step[]> {
  const taken: Step[] = [];
  for (let i = 0; i < count; i++) taken.push(await step());
  return taken;
}

meter.compiled = 0;
const first = await steps(FIRST_STEPS);
const modules = meter.compiled;
await steps(WARM_UP);
const steady = await steps(STEADY_STEPS);

const usual = (part: keyof Step): number => median(steady.map((one) => one[part]));
/** What the first steps took more than so many steady ones. */
const more = (part: keyof Step): number => first.reduce((sum, one) => sum + one[part] - usual(part), 0);
const [whole, host, print] = [more("ms"), more("hostMs"), more("compileMs")];
const figures: Figure[] = [
  { name: "compiling ResNet-18 training", unit: "ms", value: whole },
  { name: "compiling: graph and schedule", unit: "ms", value: host - print },
  { name: "compiling: printing and assembling", unit: "ms", value: print },
  { name: "compiling: V8, and its baseline code", unit: "ms", value: whole - host },
  { name: "compiling: modules", unit: "", value: modules },
];
console.log(JSON.stringify(figures));
process.exit();
