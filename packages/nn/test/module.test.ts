/** Modules: what stands in fields, hooks, modes, and what outlives a call. */

import { init, noGrad, randn, type Tensor, tensor, zeros } from "@kindling/core";
import {
  BatchNorm2d,
  Conv2d,
  Dropout,
  type Layer,
  Linear,
  Module,
  ModuleDict,
  ModuleList,
  Parameter,
  ReLU,
  Sequential,
} from "@kindling/nn";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init({ threads: 1 }));

class Block extends Module implements Layer {
  conv = new Conv2d(2, 2, 3, { padding: 1, bias: false });
  bn = new BatchNorm2d(2);
  scale = new Parameter(tensor([1, 1]));

  forward(x: Tensor): Tensor {
    return this.bn.call(this.conv.call(x)).mul(this.scale.reshape([1, 2, 1, 1]));
  }
}

class Net extends Module implements Layer {
  stem: Layer = new Block();
  head = new Sequential(new ReLU(), new Linear(3, 2));
  kept: Tensor | undefined;

  forward(x: Tensor): Tensor {
    const y = this.stem.call(x);
    this.kept = y.mul(2);
    return this.head.call(y);
  }
}

const names = (pairs: [string, unknown][]): string[] => pairs.map(([name]) => name);

describe("the tree", () => {
  it("is what stands in the fields, in their order", () => {
    const net = new Net();
    expect(names(net.namedModules())).toEqual(["", "stem", "stem.conv", "stem.bn", "head", "head.0", "head.1"]);
    expect(names(net.namedChildren())).toEqual(["stem", "head"]);
    expect(names(net.namedParameters())).toEqual([
      "stem.scale",
      "stem.conv.weight",
      "stem.bn.weight",
      "stem.bn.bias",
      "head.1.weight",
      "head.1.bias",
    ]);
    expect(names(net.namedBuffers())).toEqual([
      "stem.bn.running_mean",
      "stem.bn.running_var",
      "stem.bn.num_batches_tracked",
    ]);
    expect([...net.stateDict().keys()]).toEqual([
      "stem.scale",
      "stem.conv.weight",
      "stem.bn.weight",
      "stem.bn.bias",
      "stem.bn.running_mean",
      "stem.bn.running_var",
      "stem.bn.num_batches_tracked",
      "head.1.weight",
      "head.1.bias",
    ]);
  });

  it("follows an assigned field", () => {
    const net = new Net();
    net.head[1] = new Linear(3, 5);
    net.stem = new Conv2d(2, 2, 1);
    expect(names(net.namedParameters())).toEqual(["stem.weight", "stem.bias", "head.1.weight", "head.1.bias"]);
    expect(net.head.at(-1)).toBe(net.head[1]);
    expect(net.stateDict().get("head.1.weight")!.shape).toEqual([5, 3]);
  });

  it("lists shared modules and parameters once, but under all their names in the state dict", () => {
    const shared = new Linear(2, 2, { bias: false });
    const net = new Sequential(shared, new ReLU(), shared);
    expect(net.modules()).toHaveLength(3);
    expect(net.parameters()).toEqual([shared.weight]);
    expect([...net.stateDict().keys()]).toEqual(["0.weight", "2.weight"]);
  });

  it("finds modules by path, and says what there is instead", () => {
    const net = new Net();
    expect(net.getSubmodule("")).toBe(net);
    expect(net.getSubmodule("stem.bn")).toBeInstanceOf(BatchNorm2d);
    expect(() => net.getSubmodule("stem.norm")).toThrow(/Block has no child "norm".*conv, bn/);
  });

  it("prints as PyTorch prints it", () => {
    const net = new Sequential(
      new Map<string, Layer>([
        ["features", new Sequential(new Conv2d(3, 8, 3, { stride: 2, bias: false }), new BatchNorm2d(8))],
        ["drop", new Dropout({ p: 0.5 })],
      ]),
    );
    expect(`${net}`).toBe(
      `Sequential(
  (features): Sequential(
    (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2), bias=False)
    (1): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
  )
  (drop): Dropout(p=0.5, inplace=False)
)`,
    );
  });
});

describe("modes and flags", () => {
  it("train, eval and requiresGrad_ reach every module", () => {
    const net = new Net().eval();
    expect(net.modules().every((m) => !m.training)).toBe(true);
    expect(
      net
        .train()
        .modules()
        .every((m) => m.training),
    ).toBe(true);
    net.requiresGrad_(false);
    expect(net.parameters().some((p) => p.requiresGrad)).toBe(false);
    net.head.requiresGrad_();
    expect(net.parameters().filter((p) => p.requiresGrad)).toHaveLength(2);
  });

  it("apply visits children before parents", () => {
    const seen: string[] = [];
    new Net().apply((m) => seen.push(m.typeName));
    expect(seen).toEqual(["Conv2d", "BatchNorm2d", "Block", "ReLU", "Linear", "Sequential", "Net"]);
  });

  it("to converts floating-point state and leaves integers", () => {
    const net = new Net().to("float16");
    expect(new Set(net.parameters().map((p) => p.dtype))).toEqual(new Set(["float16"]));
    expect(net.parameters().every((p) => p instanceof Parameter && p.requiresGrad)).toBe(true);
    expect(net.stateDict().get("stem.bn.num_batches_tracked")!.dtype).toBe("int64");
  });

  it("zeroGrad forgets gradients", () => {
    const layer = new Linear(2, 1);
    layer
      .call(randn([3, 2]))
      .sum()
      .backward();
    expect(layer.weight.grad).not.toBeNull();
    layer.zeroGrad();
    expect(layer.weight.grad).toBeNull();
  });
});

describe("hooks", () => {
  it("see inputs and outputs, replace them, and go away", async () => {
    const layer = new Linear(2, 2, { bias: false });
    noGrad(() =>
      layer.weight.copy_(
        tensor([
          [1, 0],
          [0, 1],
        ]),
      ),
    );
    const before = layer.registerForwardPreHook((_m, [x]) => [(x as Tensor).mul(10)]);
    const after = layer.registerForwardHook((_m, _inputs, output) => output.add(1));
    const x = tensor([[1, 2]]);
    expect(await layer.call(x).toArray()).toEqual([[11, 21]]);
    before.remove();
    expect(await layer.call(x).toArray()).toEqual([[2, 3]]);
    after.remove();
    expect(await layer.call(x).toArray()).toEqual([[1, 2]]);
  });

  it("may stash what they get, to be read after the parameters have changed", async () => {
    const net = new Net();
    const stash: Tensor[] = [];
    net.stem.registerForwardHook((_m, _i, output) => void stash.push(output));
    const x = randn([4, 2, 3, 3]);
    const expected = net.stem.call(x);
    await expected.data();
    stash.length = 0;
    net.call(x).sum().backward();
    noGrad(() => {
      for (const p of net.parameters()) p.zero_();
    });
    const [a, b] = [await stash[0].data(), await expected.data()];
    a.forEach((v, i) => {
      expect(v).toBeCloseTo(Number(b[i]), 5);
    });
  });
});

describe("what forward keeps in a field", () => {
  it("stays readable after the parameters have changed", async () => {
    const net = new Net().eval();
    const y = net.call(randn([1, 2, 3, 3]));
    noGrad(() => {
      for (const p of net.parameters()) p.zero_();
    });
    expect((await net.kept!.data()).some((v) => v !== 0)).toBe(true);
    expect((await y.data()).some((v) => v !== 0)).toBe(true);
  });
});

describe("containers", () => {
  it("ModuleList numbers its children", () => {
    const list = new ModuleList([new Linear(1, 1), new Linear(1, 2)]);
    list.append(new Linear(1, 3));
    expect(list).toHaveLength(3);
    expect([...list].map((l) => (l as Linear).outFeatures)).toEqual([1, 2, 3]);
    expect([...list.stateDict().keys()].at(-1)).toBe("2.bias");
    expect(() => list.at(3)).toThrow(/no child 3; it has 3/);
    expect(() => list.forward()).toThrow(/ModuleList is not called/);
  });

  it("ModuleDict names them, and keeps members of a module apart", () => {
    const dict = new ModuleDict({ mean: new Linear(1, 1), spread: new ReLU() });
    expect(dict.keys()).toEqual(["mean", "spread"]);
    expect(dict.get("spread")).toBeInstanceOf(ReLU);
    expect(dict.delete("spread")).toBe(true);
    expect(names(dict.namedChildren())).toEqual(["mean"]);
    expect(() => dict.set("forward", new ReLU())).toThrow(/member of every module/);
  });

  it("Sequential runs its layers in order and can be indexed", async () => {
    const net = new Sequential(new ReLU(), new Linear(2, 1));
    expect(net).toHaveLength(2);
    expect(net[1]).toBeInstanceOf(Linear);
    expect([...net].map((l) => l.typeName)).toEqual(["ReLU", "Linear"]);
    net[1] = new ReLU();
    expect(await net.call(tensor([-1, 2])).toArray()).toEqual([0, 2]);
  });
});

describe("buffers", () => {
  it("can stay out of the state dict", () => {
    class Positions extends Module {
      table = this.registerBuffer("table", zeros([3]), { persistent: false });
      forward(x: Tensor): Tensor {
        return x.add(this.table);
      }
    }
    const module = new Positions();
    expect(module.buffers()).toEqual([module.table]);
    expect(module.stateDict().size).toBe(0);
    expect(() => module.registerBuffer("a.b", zeros([1]))).toThrow(/hold no dot/);
  });

  it("BatchNorm2d moves its statistics and counts in training alone", async () => {
    const bn = new BatchNorm2d(2);
    const x = tensor([1, 2, 3, 4, 5, 7, 9, 11], { shape: [2, 2, 2, 1] });
    bn.call(x);
    // Channel 0 holds 1, 2, 5, 7, channel 1 holds 3, 4, 9, 11; variances are unbiased.
    const mean = [0.1 * 3.75, 0.1 * 6.75];
    const variance = [0.9 + 0.1 * (22.75 / 3), 0.9 + 0.1 * (44.75 / 3)];
    for (const [got, want] of [
      [await bn.running_mean!.data(), mean],
      [await bn.running_var!.data(), variance],
    ] as const)
      want.forEach((v, i) => {
        expect(got[i]).toBeCloseTo(v, 5);
      });
    bn.eval().call(x);
    expect(await bn.num_batches_tracked!.item()).toBe(1);
    const cumulative = new BatchNorm2d(2, { momentum: null });
    cumulative.call(x);
    cumulative.call(x.add(2));
    expect((await cumulative.running_mean!.data())[0]).toBeCloseTo(4.75, 5);
    expect(() => bn.call(randn([2, 2]))).toThrow(/BatchNorm2d: the input is \[2, 2\]; it takes 4 dimensions/);
    expect(() => new BatchNorm2d(2).call(randn([1, 2, 1, 1]))).toThrow(/one value a channel/);
  });
});
