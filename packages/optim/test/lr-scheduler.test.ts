/** Schedulers: resuming, composing, and what they refuse. Their values are the goldens' business. */

import { tensor } from "@kindling/core";
import { Adam, lrScheduler as S, SGD } from "@kindling/optim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

function optimizer(...lrs: number[]): SGD {
  const groups = lrs.map((lr) => {
    const p = tensor([0]);
    p.requiresGrad = true;
    return { params: [p], lr };
  });
  return new SGD(groups, { momentum: 0.9 });
}

type Steps = { step(): void; stateDict(): S.SchedulerState; loadStateDict(state: S.SchedulerState): void };

const MAKERS: [string, (o: SGD) => Steps][] = [
  ["LambdaLR", (o) => new S.LambdaLR(o, (epoch) => 0.95 ** epoch)],
  ["MultiplicativeLR", (o) => new S.MultiplicativeLR(o, () => 0.9)],
  ["StepLR", (o) => new S.StepLR(o, { stepSize: 3 })],
  ["MultiStepLR", (o) => new S.MultiStepLR(o, { milestones: [2, 7] })],
  ["ConstantLR", (o) => new S.ConstantLR(o)],
  ["LinearLR", (o) => new S.LinearLR(o)],
  ["ExponentialLR", (o) => new S.ExponentialLR(o, { gamma: 0.9 })],
  ["PolynomialLR", (o) => new S.PolynomialLR(o, { totalIters: 9, power: 2 })],
  ["CosineAnnealingLR", (o) => new S.CosineAnnealingLR(o, { tMax: 4, etaMin: 0.01 })],
  ["CosineAnnealingWarmRestarts", (o) => new S.CosineAnnealingWarmRestarts(o, { t0: 2, tMult: 2 })],
  ["OneCycleLR", (o) => new S.OneCycleLR(o, { maxLr: 1, totalSteps: 20 })],
  ["CyclicLR", (o) => new S.CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 3, mode: "triangular2" })],
  [
    "SequentialLR",
    (o) =>
      new S.SequentialLR(o, {
        schedulers: [new S.LinearLR(o, { totalIters: 3 }), new S.CosineAnnealingLR(o, { tMax: 6 })],
        milestones: [3],
      }),
  ],
  ["ChainedScheduler", (o) => new S.ChainedScheduler([new S.LinearLR(o), new S.ExponentialLR(o, { gamma: 0.9 })])],
];

const rates = (o: SGD): number[] => o.paramGroups.flatMap((g) => [g.lr, g.momentum]);

describe("state dicts", () => {
  it.each(MAKERS)("%s resumes after any number of steps", (_name, make) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), (before) => {
        const [a, b] = [optimizer(0.1, 0.4), optimizer(0.1, 0.4)];
        const first = make(a);
        for (let i = 0; i < before; i++) first.step();
        const second = make(b);
        second.loadStateDict(structuredClone(first.stateDict()));
        b.loadStateDict(a.stateDict());
        for (let i = 0; i < 6; i++) {
          expect(rates(b)).toEqual(rates(a));
          first.step();
          second.step();
        }
      }),
    );
  });

  it("ReduceLROnPlateau remembers the best and the bad epochs", () => {
    const [a, b] = [optimizer(1), optimizer(1)];
    const first = new S.ReduceLROnPlateau(a, { patience: 1, factor: 0.5 });
    for (const metric of [3, 2, 2]) first.step(metric);
    const second = new S.ReduceLROnPlateau(b, { patience: 1, factor: 0.5 });
    second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
    for (const s of [first, second]) s.step(2);
    expect(rates(a)[0]).toBe(0.5);
    expect(rates(b)).toEqual(rates(a));
  });
});

describe("in general", () => {
  it("a chain multiplies what its parts do", () => {
    const gammas = fc.array(fc.double({ min: 0.5, max: 1, noNaN: true }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(gammas, fc.integer({ min: 1, max: 8 }), (list, steps) => {
        const o = optimizer(1);
        const chain = new S.ChainedScheduler(list.map((gamma) => new S.ExponentialLR(o, { gamma })));
        for (let i = 0; i < steps; i++) chain.step();
        const want = list.reduce((a, b) => a * b, 1) ** steps;
        expect(Math.abs(chain.getLastLr()[0] - want)).toBeLessThan(1e-9);
      }),
    );
  });

  it("the momentum of OneCycleLR and CyclicLR mirrors the rate, as beta1 where the optimizer has betas", () => {
    const p = tensor([0]);
    p.requiresGrad = true;
    const adam = new Adam([p]);
    const cycle = new S.OneCycleLR(adam, { maxLr: 1, totalSteps: 10, pctStart: 0.5 });
    for (let i = 0; i < 4; i++) cycle.step();
    expect(adam.paramGroups[0].lr).toBeCloseTo(1, 9);
    expect(adam.paramGroups[0].betas[0]).toBeCloseTo(0.85, 9);
    expect(adam.paramGroups[0].betas[1]).toBe(0.999);
    const sgd = optimizer(1);
    const cyclic = new S.CyclicLR(sgd, { baseLr: 0, maxLr: 1, stepSizeUp: 2 });
    expect(rates(sgd)).toEqual([0, 0.9]);
    for (let i = 0; i < 2; i++) cyclic.step();
    expect(rates(sgd)).toEqual([1, 0.8]);
  });

  it("CosineAnnealingWarmRestarts can be put to any epoch", () => {
    const [a, b] = [optimizer(1), optimizer(1)];
    const stepped = new S.CosineAnnealingWarmRestarts(a, { t0: 2, tMult: 3 });
    const put = new S.CosineAnnealingWarmRestarts(b, { t0: 2, tMult: 3 });
    for (let epoch = 1; epoch < 12; epoch++) {
      stepped.step();
      put.step(epoch);
      expect(rates(b)).toEqual(rates(a));
    }
  });

  it("refuse what makes no sense", () => {
    const [a, b] = [optimizer(1), optimizer(1)];
    expect(() => new S.ConstantLR(a, { factor: 2 })).toThrow(/factor is 2; it lies between 0 and 1/);
    expect(() => new S.OneCycleLR(a, { maxLr: 1 })).toThrow(/give totalSteps, or epochs and stepsPerEpoch/);
    expect(() => new S.OneCycleLR(a, { maxLr: [1, 2], totalSteps: 3 })).toThrow(/2 values of maxLr for 1 parameter/);
    expect(() => new S.StepLR(optimizer(1), { stepSize: 1, lastEpoch: 4 })).toThrow(/group 0 has no initialLr/);
    const schedulers = [new S.LinearLR(a), new S.LinearLR(b)];
    expect(() => new S.ChainedScheduler(schedulers)).toThrow(/different optimizers/);
    expect(() => new S.SequentialLR(a, { schedulers: [schedulers[0]], milestones: [1] })).toThrow(/take 0 milestones/);
    const short = new S.OneCycleLR(a, { maxLr: 1, totalSteps: 2 });
    short.step();
    short.step();
    expect(() => short.step()).toThrow(/step 4 of a cycle of 2/);
  });
});
