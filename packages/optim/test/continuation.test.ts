/**
 * Runs that are broken off and continued: torch's here, ours in torch. `recorded/continuation.py` made `runs.pth.gz` with
 * torch 1.13; where torch is installed, it goes on with what is saved here.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { load, save, toBytes } from "@kindling/checkpoint";
import { fromHost, init, type Tensor } from "@kindling/core";
import * as optim from "@kindling/optim";
import { lrScheduler } from "@kindling/optim";
import { beforeAll, describe, expect, it } from "vitest";
import { hasTorch, PYTHON } from "../../checkpoint/test/torch-oracle.js";

const recorded = new URL("./recorded/", import.meta.url).pathname;

interface Run {
  readonly optimizer: string;
  readonly scheduler: string | null;
  readonly params: readonly Tensor[];
  readonly optimizerState: unknown;
  readonly schedulerState: lrScheduler.SavedSchedulerState | null;
  readonly reached: readonly Tensor[];
  readonly lr: number;
}

const bytes = Uint8Array.from(gunzipSync(readFileSync(join(recorded, "runs.pth.gz"))));
const RUNS = ((await load(bytes)) as unknown as Map<string, never>[]).map(
  (run): Run => ({
    optimizer: run.get("optimizer")!,
    scheduler: run.get("scheduler")!,
    params: run.get("params")!,
    optimizerState: run.get("optimizer_state"),
    schedulerState: run.get("scheduler_state")!,
    reached: run.get("reached")!,
    lr: run.get("lr")!,
  }),
);

type Params = Tensor[];
type AnyOptimizer = lrScheduler.Scheduled & {
  zeroGrad(): void;
  step(): unknown;
  stateDict(): unknown;
  loadStateDict(state: never): void;
};

const OPTIMIZERS: Readonly<Record<string, (params: Params) => AnyOptimizer>> = {
  SGD: (p) => new optim.SGD(p, { lr: 0.1 }),
  "SGD momentum": (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.2 }),
  "SGD nesterov": (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
  Adam: (p) => new optim.Adam(p, { lr: 1, amsgrad: true }),
  AdamW: (p) => new optim.AdamW(p, { lr: 0.1 }),
  NAdam: (p) => new optim.NAdam(p, { lr: 0.1 }),
  RAdam: (p) => new optim.RAdam(p, { lr: 0.1 }),
  Adamax: (p) => new optim.Adamax(p, { lr: 0.1 }),
  RMSprop: (p) => new optim.RMSprop(p, { lr: 0.1, momentum: 0.5, centered: true }),
  Adagrad: (p) => new optim.Adagrad(p, { lr: 0.1, initialAccumulatorValue: 0.1 }),
  Adadelta: (p) => new optim.Adadelta(p),
  ASGD: (p) => new optim.ASGD(p, { lr: 0.1 }),
};

const S = lrScheduler;
type AnyScheduler = { step(): void; stateDict(): unknown; loadStateDict(state: lrScheduler.SavedSchedulerState): void };

const SCHEDULERS: Readonly<Record<string, (optimizer: AnyOptimizer) => AnyScheduler>> = {
  StepLR: (o) => new S.StepLR(o, { stepSize: 3 }),
  MultiStepLR: (o) => new S.MultiStepLR(o, { milestones: [2, 7, 7] }),
  LambdaLR: (o) => new S.LambdaLR(o, (epoch) => 0.95 ** epoch),
  ConstantLR: (o) => new S.ConstantLR(o),
  LinearLR: (o) => new S.LinearLR(o),
  ExponentialLR: (o) => new S.ExponentialLR(o, { gamma: 0.9 }),
  PolynomialLR: (o) => new S.PolynomialLR(o, { totalIters: 9, power: 2 }),
  CosineAnnealingLR: (o) => new S.CosineAnnealingLR(o, { tMax: 4, etaMin: 0.01 }),
  CosineAnnealingWarmRestarts: (o) => new S.CosineAnnealingWarmRestarts(o, { t0: 2, tMult: 2 }),
  OneCycleLR: (o) => new S.OneCycleLR(o, { maxLr: 1, totalSteps: 20 }),
  CyclicLR: (o) => new S.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 3, mode: "triangular2" }),
  SequentialLR: (o) =>
    new S.SequentialLR(o, {
      schedulers: [new S.LinearLR(o, { totalIters: 3 }), new S.CosineAnnealingLR(o, { tMax: 6 })],
      milestones: [3],
    }),
  ChainedScheduler: (o) => new S.ChainedScheduler([new S.LinearLR(o), new S.ExponentialLR(o, { gamma: 0.9 })]),
};

const leaf = (values: Iterable<number | bigint>): Tensor => {
  const data = Float32Array.from(values, Number);
  return fromHost(data, [data.length]).requiresGrad_();
};

function begin({ optimizer: name, scheduler }: Run, params: Params) {
  const optimizer = OPTIMIZERS[name](params);
  return { params, optimizer, scheduler: scheduler === null ? null : SCHEDULERS[scheduler](optimizer) };
}

/** The second parameter has no gradient before step 5. */
async function train({ params, optimizer, scheduler }: ReturnType<typeof begin>, from: number, to: number) {
  for (let step = from; step < to; step++) {
    optimizer.zeroGrad();
    let loss = params[0].sub(0.3).square().sum();
    if (step >= 5) loss = loss.add(params[1].sub(0.3).square().sum());
    loss.backward();
    await optimizer.step();
    scheduler?.step();
  }
}

beforeAll(() => init({ threads: 1 }));

describe("a run of torch goes on here", () => {
  it.each(RUNS.map((run) => [`${run.optimizer}, ${run.scheduler}`, run] as const))("%s", async (_, saved) => {
    const run = begin(
      saved,
      saved.params.map((p) => leaf(p.hostData()!)),
    );
    run.optimizer.loadStateDict(saved.optimizerState as never);
    if (saved.schedulerState) run.scheduler?.loadStateDict(saved.schedulerState);
    await train(run, 3, 8);
    expect(run.optimizer.paramGroups[0].lr).toBeCloseTo(saved.lr, 9);
    for (const [i, param] of run.params.entries()) {
      const wanted = saved.reached[i].hostData()!;
      // The same float32 operations in another order: 2.4e-7, two roundings of a number near 1, was the most seen.
      for (const [k, value] of (await param.data()).entries())
        expect(Math.abs(Number(value) - Number(wanted[k]))).toBeLessThan(1e-6);
    }
  });
});

it.runIf(hasTorch)("a run from here goes on in torch", { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "kindling-continuation-"));
  try {
    const runs = [];
    for (const { optimizer, scheduler, ...rest } of RUNS) {
      const run = begin({ optimizer, scheduler, ...rest }, [leaf([1, -2]), leaf([0.5])]);
      await train(run, 0, 3);
      const state = {
        params: await Promise.all(run.params.map(async (p) => leaf((await p.data()) as Float32Array).detach())),
        optimizer_state: await copied(run.optimizer.stateDict()),
        scheduler_state: run.scheduler?.stateDict() ?? null,
      };
      await train(run, 3, 8);
      const reached = run.params.map((p) => p.detach());
      runs.push({ optimizer, scheduler, ...state, reached, lr: run.optimizer.paramGroups[0].lr });
    }
    const path = join(folder, "runs.pth");
    await save(runs, path);
    const { status, stderr } = spawnSync(PYTHON, [join(recorded, "continuation.py"), "check", path], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A state as it is now: training goes on with the tensors that it holds. */
const copied = async (state: unknown) => load(await toBytes(state));
