/** Optimizers: groups, parameters without gradients, state dicts, and what a step costs. */

import {
  fromHost,
  init,
  manualSeed,
  noGrad,
  randn,
  resetStats,
  stats,
  type Tensor,
  tensor,
  zeros,
} from "@kindling/core";
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  ASGD,
  NAdam,
  type Optimizer,
  RAdam,
  RMSprop,
  SGD,
} from "@kindling/optim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init({ threads: 1 }));

function leaf(...values: number[]): Tensor {
  const t = tensor(values);
  t.requiresGrad = true;
  return t;
}

const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);

async function expectClose(t: Tensor, want: readonly number[], digits = 5): Promise<void> {
  const got = await numbers(t);
  expect(got).toHaveLength(want.length);
  want.forEach((v, i) => {
    expect(got[i]).toBeCloseTo(v, digits);
  });
}

/** Gives p the gradient `values`. */
function give(p: Tensor, ...values: number[]): void {
  p.mul(tensor(values)).sum().backward();
}

type Make = (params: Tensor[]) => Optimizer;

const ALL: [string, Make][] = [
  ["SGD", (p) => new SGD(p, { lr: 0.1 })],
  ["SGD with momentum", (p) => new SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.2, weightDecay: 0.1 })],
  ["Adam", (p) => new Adam(p, { lr: 0.1, amsgrad: true })],
  ["AdamW", (p) => new AdamW(p, { lr: 0.1 })],
  ["RMSprop", (p) => new RMSprop(p, { lr: 0.1, momentum: 0.5, centered: true })],
  ["Adagrad", (p) => new Adagrad(p, { lr: 0.1, initialAccumulatorValue: 0.1 })],
  ["Adadelta", (p) => new Adadelta(p)],
  ["Adamax", (p) => new Adamax(p)],
  ["NAdam", (p) => new NAdam(p)],
  ["RAdam", (p) => new RAdam(p, { lr: 0.1 })],
  ["ASGD", (p) => new ASGD(p, { lr: 0.1 })],
];

/** A few steps on a quadratic, from where the parameters are. */
async function descend(optimizer: Optimizer, params: Tensor[], steps: number): Promise<void> {
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    params
      .map((p) => p.sub(0.3).square().sum())
      .reduce((a, b) => a.add(b))
      .backward();
    await optimizer.step();
  }
}

describe("every optimizer", () => {
  it.each(ALL)("%s continues from its state dict as if nothing had happened", async (_name, make) => {
    const params = [leaf(1, -2), leaf(0.5)];
    const optimizer = make(params);
    await descend(optimizer, params, 3);
    const copies = await Promise.all(params.map(async (p) => leaf(...(await numbers(p)))));
    const resumed = make(copies);
    resumed.loadStateDict(optimizer.stateDict());
    await descend(optimizer, params, 3);
    await descend(resumed, copies, 3);
    for (const [i, p] of params.entries()) await expectClose(copies[i], await numbers(p), 6);
  });

  it.each(ALL)("%s does the same to parameters together and apart", async (_name, make) => {
    const together = [leaf(1, -2), leaf(0.5), leaf(3, 2, 1)];
    const apart = [leaf(1, -2), leaf(0.5), leaf(3, 2, 1)];
    await descend(make(together), together, 4);
    for (const p of apart) await descend(make([p]), [p], 4);
    for (const [i, p] of together.entries()) await expectClose(apart[i], await numbers(p), 6);
  });

  it.each(ALL)("%s goes down", async (_name, make) => {
    const p = leaf(1, -2);
    await descend(make([p]), [p], 5);
    const [a, b] = await numbers(p);
    expect(a).toBeLessThan(1);
    expect(b).toBeGreaterThan(-2);
  });
});

describe("parameters without a gradient", () => {
  it("are skipped, and keep no state", async () => {
    const [p, q] = [leaf(1), leaf(1)];
    const optimizer = new SGD([p, q], { lr: 1, momentum: 0.5, weightDecay: 0.1 });
    give(p, 1);
    await optimizer.step();
    await expectClose(p, [-0.1]);
    await expectClose(q, [1]);
    expect([...optimizer.stateDict().state.keys()]).toEqual([0]);
  });

  it("may get one later, or none for a while, with counts of their own", async () => {
    // Adam's first step is ±lr whatever the gradient: it shows that a late parameter starts at step 1.
    const presence = fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(presence, async (rows) => {
        const together = [leaf(1, 2), leaf(3), leaf(4, 5, 6)];
        const apart = [leaf(1, 2), leaf(3), leaf(4, 5, 6)];
        const one = new Adam(together, { lr: 0.1 });
        const each = apart.map((p) => new Adam([p], { lr: 0.1 }));
        for (const row of rows) {
          one.zeroGrad();
          for (const [i, present] of row.entries()) {
            each[i].zeroGrad();
            if (present) for (const p of [together[i], apart[i]]) p.square().sum().backward();
          }
          await one.step();
          for (const o of each) await o.step();
        }
        for (const [i, p] of together.entries()) await expectClose(apart[i], await numbers(p), 6);
      }),
      { numRuns: 8 },
    );
  });
});

describe("groups", () => {
  it("have options of their own, and can be added", async () => {
    const [p, q, r] = [leaf(1), leaf(1), leaf(1)];
    const optimizer = new SGD([{ params: [p] }, { params: q, lr: 0.5 }], { lr: 0.1 });
    optimizer.addParamGroup({ params: [r], lr: 2 });
    expect(optimizer.paramGroups.map((g) => g.lr)).toEqual([0.1, 0.5, 2]);
    for (const t of [p, q, r]) give(t, 1);
    await optimizer.step();
    await expectClose(p, [0.9]);
    await expectClose(q, [0.5]);
    await expectClose(r, [-1]);
    optimizer.paramGroups[0].lr = 1;
    await optimizer.step();
    await expectClose(p, [-0.1]);
  });

  it("refuse what makes no sense", () => {
    const p = leaf(1);
    expect(() => new SGD([])).toThrow(/SGD: no parameters/);
    expect(() => new SGD([p, p])).toThrow(/given twice/);
    expect(() => new SGD([p.mul(2)])).toThrow(/is no leaf/);
    expect(() => new SGD([p], { lr: -1 })).toThrow(/lr is -1; expected 0 or more/);
    expect(() => new SGD([p], { nesterov: true })).toThrow(/nesterov/);
    expect(() => new Adam([p], { betas: [0.9, 1] })).toThrow(/betas is 0.9,1/);
  });
});

describe("zeroGrad", () => {
  it("forgets gradients, or makes them zero", async () => {
    const p = leaf(1, 2);
    const optimizer = new SGD([p]);
    give(p, 3, 4);
    optimizer.zeroGrad({ setToNone: false });
    await expectClose(p.grad!, [0, 0]);
    optimizer.zeroGrad();
    expect(p.grad).toBeNull();
  });
});

describe("state dicts", () => {
  it("have torch's shape", async () => {
    const [p, q] = [leaf(1, 2), leaf(3)];
    const optimizer = new Adam([{ params: [p] }, { params: [q], weightDecay: 0.1 }], { lr: 0.1 });
    await descend(optimizer, [p, q], 2);
    const { state, param_groups } = optimizer.stateDict();
    const torchOnly = { foreach: null, capturable: false, differentiable: false, fused: null };
    const options = { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, maximize: false, amsgrad: false, ...torchOnly };
    expect(param_groups).toEqual([
      { ...options, weight_decay: 0, params: [0] },
      { ...options, weight_decay: 0.1, params: [1] },
    ]);
    expect([...state.keys()]).toEqual([0, 1]);
    const first = state.get(0)!;
    expect(Object.keys(first)).toEqual(["step", "exp_avg", "exp_avg_sq"]);
    expect(await (first.step as Tensor).item()).toBe(2);
    expect((first.exp_avg as Tensor).shape).toEqual([2]);
  });

  it("load as torch.load gives them: Maps, with options that only torch knows", async () => {
    const p = leaf(1, 2);
    const optimizer = new SGD([p], { lr: 9 });
    const group = new Map<string, unknown>([
      ["lr", 0.5],
      ["momentum", 0.5],
      ["dampening", 0],
      ["weight_decay", 0],
      ["nesterov", false],
      ["maximize", false],
      ["foreach", null],
      ["params", [0]],
    ]);
    const state = new Map([[0, new Map([["momentum_buffer", fromHost(Float32Array.of(4, 8), [2], "float32")]])]]);
    optimizer.loadStateDict(
      new Map<string, unknown>([
        ["state", state],
        ["param_groups", [group]],
      ]),
    );
    give(p, 0, 0);
    await optimizer.step();
    await expectClose(p, [0, 0]);
    expect(optimizer.stateDict().param_groups[0]).toMatchObject({ lr: 0.5, weight_decay: 0, foreach: null });
  });

  it("take an optimizer back in the middle of a run", async () => {
    const params = [leaf(1, -2), leaf(0.5)];
    const optimizer = new Adam(params, { lr: 0.1 });
    await descend(optimizer, params, 2);
    const before = params.map((p) => p.detach().clone());
    const { state, param_groups } = optimizer.stateDict();
    const cloned = new Map<number, Record<string, Tensor>>();
    for (const [i, record] of state) {
      cloned.set(i, {});
      for (const [name, t] of Object.entries(record)) cloned.get(i)![name] = (t as Tensor).clone();
    }
    expect(() => optimizer.loadStateDict({ state: cloned, param_groups })).toThrow(/step is not on the host; await/);
    for (const record of cloned.values()) await record.step.data();
    await descend(optimizer, params, 2);
    const after = await Promise.all(params.map(numbers));
    noGrad(() => {
      for (const [i, p] of params.entries()) p.copy_(before[i]);
    });
    optimizer.loadStateDict({ state: cloned, param_groups });
    await descend(optimizer, params, 2);
    for (const [i, p] of params.entries()) await expectClose(p, after[i], 6);
  });

  it("are refused when they are for other parameters", () => {
    const optimizer = new SGD([leaf(1), leaf(2)]);
    expect(() => optimizer.loadStateDict(new SGD([leaf(1)]).stateDict())).toThrow(
      /groups of 1 parameters; the optimizer has 2/,
    );
    const wrong = { state: new Map([[0, { momentum_buffer: zeros([3]) }]]), param_groups: [{ params: [0, 1] }] };
    expect(() => optimizer.loadStateDict(wrong)).toThrow(/momentum_buffer is \[3\]; the parameter is \[1\]/);
    expect(() => optimizer.loadStateDict(new Map())).toThrow(/param_groups is missing/);
  });
});

describe("a step", () => {
  const model = (): Tensor[] => {
    manualSeed(0);
    return Array.from({ length: 40 }, (_, i) => {
      const p = randn([i + 1, 3]);
      p.requiresGrad = true;
      return p;
    });
  };

  it("of SGD with momentum over many parameters is at most four kernels", async () => {
    const params = model();
    const optimizer = new SGD(params, { lr: 0.1, momentum: 0.9, weightDecay: 1e-4 });
    const descendOnce = async (): Promise<void> => {
      optimizer.zeroGrad();
      params
        .map((p) => p.square().sum())
        .reduce((a, b) => a.add(b))
        .backward();
      await optimizer.step();
    };
    for (let i = 0; i < 3; i++) await descendOnce();
    resetStats();
    await descendOnce();
    // One kernel for each parameter's part of the loss, one for its gradient; the rest is the step.
    expect(stats().dispatches).toBeLessThanOrEqual(2 * params.length + 4);
  });

  it("compiles nothing for another learning rate or step count", async () => {
    const p = leaf(1, 2, 3);
    for (const optimizer of [new SGD([p], { lr: 0.1, momentum: 0.9 }), new Adam([leaf(1, 2, 3)], { lr: 0.1 })]) {
      const params = optimizer.paramGroups[0].params;
      await descend(optimizer, params, 3);
      resetStats();
      for (const lr of [0.05, 0.025, 0]) {
        optimizer.paramGroups[0].lr = lr;
        await descend(optimizer, params, 1);
      }
      expect(stats().kernelsCompiled).toBe(0);
      expect(stats().plansBuilt).toBe(0);
    }
  });

  it("keeps gradients, outputs and losses readable", async () => {
    const p = leaf(2, 3);
    const optimizer = new SGD([p], { lr: 1 });
    const loss = p.square().sum();
    loss.backward();
    await optimizer.step();
    expect(await loss.item()).toBe(13);
    await expectClose(p.grad!, [4, 6]);
    await expectClose(p, [-2, -3]);
  });
});
