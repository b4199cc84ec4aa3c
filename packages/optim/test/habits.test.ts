/** What users do between and within training steps, each against a model of linear regression worked out by hand. */

import {
  AutogradError,
  type DeviceName,
  fromHost,
  init,
  manualSeed,
  memory,
  noGrad,
  resetStats,
  state,
  stats,
  synchronize,
  type Tensor,
  tensor,
} from "@kindling/core";
import * as nn from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

const X = [
  [0.5, -1],
  [1.5, 2],
  [-0.25, 0.75],
  [2, -0.5],
];
const Y = [1, -2, 0.5, 3];
const W0 = [0.3, -0.2];
const B0 = 0.1;

/** Gradient descent with momentum on mean squared error, in f64. */
class ByHand {
  w = [...W0];
  b = B0;
  private readonly v = [0, 0, 0];

  outputs(rows = X): number[] {
    return rows.map(([p, q]) => p * this.w[0] + q * this.w[1] + this.b);
  }

  loss(rows = X, targets = Y): number {
    return this.outputs(rows).reduce((s, o, i) => s + (o - targets[i]) ** 2, 0) / rows.length;
  }

  gradient(rows = X, targets = Y): number[] {
    const d = this.outputs(rows).map((o, i) => (2 * (o - targets[i])) / rows.length);
    return [0, 1, 2].map((j) => d.reduce((s, e, i) => s + e * (j < 2 ? rows[i][j] : 1), 0));
  }

  step(lr: number, g = this.gradient(), momentum = 0.9): void {
    g.forEach((x, j) => {
      this.v[j] = momentum * this.v[j] + x;
    });
    this.w = this.w.map((x, j) => x - lr * this.v[j]);
    this.b -= lr * this.v[2];
  }
}

class Regression extends nn.Module {
  readonly linear = new nn.Linear(2, 1);
  seen: Tensor | null = null;

  override forward(x: Tensor): Tensor {
    const y = this.linear.call(x).squeeze(1);
    this.seen = y.mul(2);
    return y;
  }
}

let model: Regression;
let optimizer: SGD;
let hand: ByHand;
const x = () => tensor(X);
const y = () => tensor(Y);

const DEVICES = ["cpu", "webgpu"] as const;

/** Describes what holds on every device. */
const onEachDevice = (title: string, tests: (device: DeviceName) => void): void =>
  describe.each(DEVICES)(`${title}, on %s`, (device) => {
    beforeAll(async () => {
      await init({ device, threads: 2 });
    });
    tests(device);
  });

beforeEach(() => {
  manualSeed(0);
  model = new Regression();
  noGrad(() => {
    model.linear.weight.copy_(tensor([W0]));
    model.linear.bias!.copy_(tensor([B0]));
  });
  optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  hand = new ByHand();
});

const loss = (out: Tensor, target = y()): Tensor => nn.functional.mseLoss(out, target);

async function near(got: Tensor, want: readonly number[], digits = 5): Promise<void> {
  const data = await got.data();
  expect(data.length).toBe(want.length);
  want.forEach((v, i) => {
    expect(Number(data[i])).toBeCloseTo(v, digits);
  });
}

onEachDevice("habits of users", (device) => {
  it("reads the output after the step that used it", async () => {
    const out = model.call(x());
    loss(out).backward();
    await optimizer.step();
    await near(out, hand.outputs());
  });

  it("reads gradients after the step", async () => {
    loss(model.call(x())).backward();
    await optimizer.step();
    const g = hand.gradient();
    await near(model.linear.weight.grad!, g.slice(0, 2));
    await near(model.linear.bias!.grad!, g.slice(2));
  });

  it("sums a running loss tensor for a whole epoch", async () => {
    let running = tensor(0);
    let want = 0;
    for (let i = 0; i < 30; i++) {
      optimizer.zeroGrad();
      const l = loss(model.call(x()));
      l.backward();
      await optimizer.step();
      running = running.add(l.detach());
      want += hand.loss();
      hand.step(0.1);
    }
    expect(await running.item()).toBeCloseTo(want, 3);
  });

  it("keeps a list of outputs", async () => {
    const outputs: Tensor[] = [];
    const want: number[][] = [];
    for (let i = 0; i < 6; i++) {
      optimizer.zeroGrad();
      const out = model.call(x());
      loss(out).backward();
      await optimizer.step();
      outputs.push(out);
      want.push(hand.outputs());
      hand.step(0.1);
    }
    for (let i = 0; i < 6; i++) await near(outputs[i], want[i]);
  });

  it("stashes activations in a forward hook", async () => {
    const stash: Tensor[] = [];
    const hook = model.linear.registerForwardHook((_module, _inputs, output) => {
      stash.push(output as Tensor);
    });
    loss(model.call(x())).backward();
    await optimizer.step();
    hook.remove();
    await near(stash[0], hand.outputs());
  });

  it("keeps a tensor on a module field in forward", async () => {
    loss(model.call(x())).backward();
    await optimizer.step();
    await near(
      model.seen!,
      hand.outputs().map((o) => 2 * o),
    );
  });

  it("accumulates gradients over several backward() calls", async () => {
    const halves = [X.slice(0, 2), X.slice(2)];
    const targets = [Y.slice(0, 2), Y.slice(2)];
    for (let round = 0; round < 4; round++) {
      optimizer.zeroGrad();
      const g = [0, 0, 0];
      for (let h = 0; h < 2; h++) {
        loss(model.call(tensor(halves[h])), tensor(targets[h]))
          .div(2)
          .backward();
        hand.gradient(halves[h], targets[h]).forEach((v, j) => {
          g[j] += v / 2;
        });
      }
      await near(model.linear.weight.grad!, g.slice(0, 2));
      await optimizer.step();
      hand.step(0.1, g);
    }
    await near(model.linear.weight, hand.w);
  });

  it("replays plans when k micro-batches accumulate", async () => {
    const round = async (): Promise<void> => {
      optimizer.zeroGrad();
      for (let i = 0; i < 4; i++) loss(model.call(x())).backward();
      await optimizer.step();
    };
    await round();
    await round();
    resetStats();
    for (let i = 0; i < 5; i++) await round();
    expect(stats().plansBuilt).toBe(0);
  });

  it("asks for loss.item() every 50 steps: one more plan, not fifty", async () => {
    const run = async (steps: number): Promise<void> => {
      for (let i = 1; i <= steps; i++) {
        optimizer.zeroGrad();
        const l = loss(model.call(x()));
        l.backward();
        await optimizer.step();
        const want = hand.loss();
        hand.step(0.1);
        if (i % 50 === 0) expect(await l.item()).toBeCloseTo(want, 4);
      }
    };
    await run(3);
    resetStats();
    await run(100);
    expect(stats().plansBuilt).toBeLessThanOrEqual(1);
  });

  it("asks for loss.item() before backward()", async () => {
    for (let i = 0; i < 8; i++) {
      optimizer.zeroGrad();
      const l = loss(model.call(x()));
      expect(await l.item()).toBeCloseTo(hand.loss(), 5);
      l.backward();
      await optimizer.step();
      hand.step(0.1);
      if (i === 3) resetStats();
    }
    await near(model.linear.weight, hand.w);
    expect(stats().plansBuilt).toBe(0);
  });

  it("clones the state dict as the best so far", async () => {
    const best = new Map([...model.stateDict()].map(([name, t]) => [name, t.clone()]));
    for (let i = 0; i < 5; i++) {
      optimizer.zeroGrad();
      loss(model.call(x())).backward();
      await optimizer.step();
      hand.step(0.1);
    }
    await near(best.get("linear.weight")!, W0);
    await near(model.linear.weight, hand.w);
    model.loadStateDict(best);
    await near(model.linear.weight, W0);
    await near(model.call(x()), new ByHand().outputs());
  });

  it("evaluates under noGrad between epochs, also async", async () => {
    for (let i = 0; i < 3; i++) {
      optimizer.zeroGrad();
      loss(model.call(x())).backward();
      await optimizer.step();
      hand.step(0.1);
      const out = noGrad(() => model.call(x()));
      expect(out.requiresGrad).toBe(false);
      await near(out, hand.outputs());
      const value = await noGrad(async () => {
        const l = loss(model.call(x()));
        return l.item();
      });
      expect(value).toBeCloseTo(hand.loss(), 5);
    }
    expect(model.call(x()).requiresGrad).toBe(true);
  });

  it("clips the gradients' norm", async () => {
    for (let i = 0; i < 4; i++) {
      optimizer.zeroGrad();
      loss(model.call(x())).backward();
      const total = nn.utils.clipGradNorm_(model.parameters(), 0.5)!;
      const g = hand.gradient();
      const norm = Math.hypot(...g);
      await optimizer.step();
      expect(await total.item()).toBeCloseTo(norm, 4);
      hand.step(
        0.1,
        g.map((v) => v * Math.min(1, 0.5 / (norm + 1e-6))),
      );
      await near(model.linear.weight, hand.w);
    }
  });

  it("changes lr each step without another plan", async () => {
    for (let i = 0; i < 12; i++) {
      if (i === 4) resetStats();
      const lr = 0.1 / (1 + i);
      optimizer.paramGroups[0].lr = lr;
      optimizer.zeroGrad();
      loss(model.call(x())).backward();
      await optimizer.step();
      hand.step(lr);
    }
    expect(stats().plansBuilt).toBe(0);
    await near(model.linear.weight, hand.w);
  });

  it("survives an exception in the middle of a step", async () => {
    const broken = class extends Regression {
      override forward(input: Tensor): Tensor {
        super.forward(input);
        throw new Error("halfway");
      }
    };
    expect(() => new broken().call(x())).toThrow("halfway");
    const l = loss(model.call(x()));
    expect(() => l.matmul(tensor([[1, 2]]))).toThrow();
    l.backward();
    await optimizer.step();
    hand.step(0.1);
    await near(model.linear.weight, hand.w);
  });

  it("uses tensors that were made before init", async () => {
    const early = fromHost(Float32Array.from(X.flat()), [4, 2]);
    await init({ device, threads: 1 });
    await near(model.call(early), hand.outputs());
  });

  it("takes a batch of a new size at the end of an epoch", async () => {
    for (let epoch = 0; epoch < 3; epoch++) {
      if (epoch === 2) resetStats();
      for (const [rows, targets] of [
        [X, Y],
        [X.slice(0, 3), Y.slice(0, 3)],
      ] as const) {
        optimizer.zeroGrad();
        loss(model.call(tensor(rows)), tensor(targets)).backward();
        await optimizer.step();
        hand.step(0.1, hand.gradient([...rows], [...targets]));
      }
    }
    expect(stats().plansBuilt).toBe(0);
    await near(model.linear.weight, hand.w);
  });

  it("awaits nothing for many steps", async () => {
    for (let i = 0; i < 40; i++) {
      optimizer.zeroGrad();
      loss(model.call(x())).backward();
      void optimizer.step();
      hand.step(0.1);
    }
    await near(model.linear.weight, hand.w, 4);
  });
});

onEachDevice("in-place writes", () => {
  it("to a leaf that requires a gradient are refused outside noGrad", () => {
    expect(() => model.linear.weight.add_(1)).toThrow(AutogradError);
    expect(() => model.linear.weight.zero_()).toThrow(/noGrad/);
  });

  it("through a view write the base", async () => {
    const base = tensor([
      [1, 2],
      [3, 4],
    ]);
    const row = base.at(1);
    row.mul_(10);
    await near(base, [1, 2, 30, 40]);
    base.add_(1);
    await near(row, [31, 41]);
    base.transpose(0, 1).slice(0, 0, 1).zero_();
    await near(base, [0, 3, 0, 41]);
  });

  it("keep the order of reads and writes", async () => {
    const counter = state(tensor([1, 2]));
    const before = counter.mul(10);
    counter.add_(5);
    const after = counter.mul(10);
    await near(before, [10, 20]);
    await near(after, [60, 70]);
  });

  it("swap two variables", async () => {
    const a = state(tensor([1, 2, 3]));
    const b = state(tensor([4, 5, 6]));
    await near(a.add(b), [5, 7, 9]);
    const [oldA, oldB] = [a.clone(), b.clone()];
    a.copy_(oldB);
    b.copy_(oldA.flip([0]));
    await near(a, [4, 5, 6]);
    await near(b, [3, 2, 1]);
  });
});

onEachDevice("memory", () => {
  it("stays flat over a thousand steps", async () => {
    const settle = async (): Promise<number> => {
      await synchronize();
      for (let i = 0; i < 3; i++) {
        globalThis.gc!();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return memory().bytes;
    };
    const net = new nn.Sequential(
      new nn.Conv2d(1, 8, 3, { padding: 1 }),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(8 * 64, 10),
    );
    const sgd = new SGD(net.parameters(), { lr: 0.01, momentum: 0.9 });
    let running = tensor(0);
    const marks: number[] = [];
    const reserved: number[] = [];
    for (let i = 0; i <= 1000; i++) {
      const images = fromHost(new Float32Array(16 * 64).fill(i % 7), [16, 1, 8, 8]);
      const labels = fromHost(new Int32Array(16).fill(i % 10), [16]);
      sgd.zeroGrad();
      const l = nn.functional.crossEntropy(net.call(images), labels);
      l.backward();
      await sgd.step();
      running = running.add(l.detach());
      if (i % 100 === 0) {
        await running.item();
        marks.push(await settle());
        reserved.push(memory().reserved);
      }
    }
    const [, second] = marks;
    expect(Math.max(...marks.slice(1))).toBeLessThanOrEqual(second + 2 ** 20);
    expect(Math.max(...reserved.slice(1))).toBeLessThanOrEqual(reserved[1] + 2 ** 20);
  }, 120_000);
});

onEachDevice("gradients by hand", () => {
  it("are what the step uses, also when written in place", async () => {
    for (const setToNone of [true, false])
      for (let i = 0; i < 3; i++) {
        optimizer.zeroGrad({ setToNone });
        loss(model.call(x())).backward();
        model.linear.weight.grad!.mul_(0.5);
        model.linear.bias!.grad!.zero_();
        const g = hand.gradient();
        await optimizer.step();
        hand.step(0.1, [g[0] * 0.5, g[1] * 0.5, 0]);
        await near(model.linear.weight, hand.w);
      }
  });

  it("are recorded again after overlapping async noGrad calls", async () => {
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const inside: boolean[] = [];
    const evaluate = (ms: number) =>
      noGrad(async () => {
        await wait(ms);
        inside.push(model.call(x()).requiresGrad);
      });
    await Promise.all([evaluate(2), evaluate(12)]);
    expect(inside).toEqual([false, false]);
    expect(model.call(x()).requiresGrad).toBe(true);
  });

  it("leave outputs readable after backward(), but not to go back through", async () => {
    const out = model.call(x());
    loss(out).backward();
    await optimizer.step();
    const total = out.sum();
    expect(await total.item()).toBeCloseTo(
      hand.outputs().reduce((a, b) => a + b, 0),
      4,
    );
    expect(() => total.backward()).toThrow(AutogradError);
  });
});
