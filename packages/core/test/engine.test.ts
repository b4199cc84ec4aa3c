import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as k from "../dist/index.js";
import { PlanningDevice } from "../dist/testing/planning-device.js";

beforeEach(async () => {
  await k.init({ threads: 1 });
});
afterEach(() => {
  k.resetStats();
});

describe("the engine", () => {
  it("computes chains of thousands of operators", async () => {
    // Large enough to be virtual: nothing but the end is in memory.
    let x = k.zeros([1500]);
    for (let i = 0; i < 6000; i++) x = x.add(1);
    expect((await x.data())[1499]).toBe(6000);
    const leaf = k.ones([1500], { requiresGrad: true });
    let y = leaf;
    for (let i = 0; i < 2000; i++) y = y.mul(1);
    y.sum().backward();
    expect((await leaf.grad!.data())[0]).toBe(1);
  });

  it("takes views of a view whose values were read", async () => {
    const view = k.tensor([1, 2, 3, 4]).reshape([2, 2]).t();
    expect([...(await view.data())]).toEqual([1, 3, 2, 4]);
    expect([...(await view.flatten().slice(0, 1, 3).data())]).toEqual([3, 2]);
  });

  it("makes no kernel of more buffers than every WebGPU adapter binds", async () => {
    const parts = Array.from({ length: 30 }, (_, i) =>
      k
        .full([4, 500], i)
        .add(k.rand([4, 500]))
        .mul(0)
        .add(i),
    );
    const inputs = await Promise.all(parts.map(async (p) => k.fromHost((await p.data()).slice(), [4, 500])));
    const combine = (): k.Tensor[] => {
      const sum = inputs.reduce((a, b) => a.add(b));
      const nested = inputs.slice(0, 12).reduce((a, b) => a.mul(0.5).relu().add(b));
      return [sum, nested, nested.sum(1), k.cat([sum, nested, sum.add(nested)], 0)];
    };
    const values = (results: k.Tensor[]) =>
      Promise.all(results.map(async (t) => [...((await t.data()) as Float32Array)]));
    const fused = await values(combine());
    const planning = new PlanningDevice(4);
    await k.init({ device: planning });
    await values(combine());
    const kernels = planning.plans.flatMap((plan) => plan.kernels);
    expect(Math.max(...kernels.map(({ buffers }) => buffers.length))).toBeLessThanOrEqual(8);
    expect(kernels.length).toBeLessThanOrEqual(14);
    expect(fused[0].every((x) => x === (29 * 30) / 2)).toBe(true);
    expect(fused[2].every((x) => Math.abs(x - 500 * fused[1][0]) < 1e-2)).toBe(true);
  });

  it("reads variables at once, of which one was given the other's value before that changed", async () => {
    const [a, b] = [k.state(k.zeros([2000])), k.state(k.zeros([2000]))];
    a.fill_(3);
    await k.flush();
    b.copy_(a);
    a.fill_(4);
    const read = await Promise.all([a.data(), b.data()]);
    expect(read.map((values) => values[0])).toEqual([4, 3]);
  });

  it("does not compile another kernel for another number", async () => {
    const run = async (v: number): Promise<void> => {
      const x = k.tensor([1, 2, 3]);
      await x.add(v).mul(v).clamp(-v, v).leakyRelu(v).maximum(v).pow(v).data();
      await k.full([3], v).add(x).data();
    };
    await run(0.3);
    k.resetStats();
    for (const v of [0.25, 0.75, 3, 17]) await run(v);
    expect(k.stats().plansBuilt).toBe(0);
    expect(k.stats().kernelsCompiled).toBe(0);
  });

  it("reads a virtual tensor later by computing it again", async () => {
    const x = k.tensor(Array.from({ length: 2000 }, (_, i) => i));
    const hidden = x.mul(2);
    const total = hidden.sum();
    expect(await total.item()).toBe(2000 * 1999);
    expect((await hidden.data())[7]).toBe(14);
  });

  it("says retain() where a virtual tensor's leaf was overwritten", async () => {
    const w = k.state(k.ones([2000]));
    w.name = "w";
    await w.data();
    const hidden = w.mul(2);
    const sum = hidden.sum();
    w.mul_(3);
    expect(await sum.item()).toBe(4000);
    await expect(hidden.data()).rejects.toThrow(/retain\(\)/);
    const kept = w.mul(2).retain();
    const other = kept.sum();
    w.mul_(5);
    expect(await other.item()).toBe(12000);
    expect((await kept.data())[0]).toBe(6);
  });

  it("goes on with the values from before when memory runs out", async () => {
    await k.init({ threads: 1, memoryLimit: 64 * 2 ** 20 });
    const w = k.state(k.ones([1000]));
    await w.data();
    w.add_(
      k
        .rand([40, 2 ** 20])
        .retain()
        .mean(),
    );
    await expect(w.data()).rejects.toThrow(/out of memory.*memoryLimit/s);
    expect((await w.data())[0]).toBe(1);
    w.add_(1);
    expect((await w.data())[0]).toBe(2);
  });

  it("takes tensors along to another device, also what was not computed yet", async () => {
    const w = k.state(k.tensor([1, 2]));
    const sum = w.add(k.tensor([10, 20]));
    await w.data();
    await k.init({ threads: 2 });
    w.mul_(3);
    expect([...(await sum.data())]).toEqual([11, 22]);
    expect([...(await w.data())]).toEqual([3, 6]);
  });

  it("refuses a second backward() through a consumed history", () => {
    const x = k.tensor([1, 2], { requiresGrad: true });
    const y = x.square().sum();
    y.backward(undefined, { retainGraph: true });
    y.backward();
    expect(() => y.backward()).toThrow(k.AutogradError);
  });

  it("refuses what autograd can not do, with reasons", async () => {
    expect(() => k.tensor([1, 2], { dtype: "int32", requiresGrad: true })).toThrow(/floating-point/);
    const x = k.tensor([1, 2], { requiresGrad: true });
    expect(() => x.mul(2).backward()).toThrow(/scalar.*\[2\]/s);
    expect(() => k.tensor([1, 2]).sum().backward()).toThrow(k.AutogradError);
    expect(() => x.zero_()).toThrow(/noGrad/);
    x.mul(2).backward(k.tensor([1, 10]));
    expect([...(await x.grad!.data())]).toEqual([2, 20]);
  });

  it("differentiates twice", async () => {
    const x = k.tensor([1, 2, 3], { requiresGrad: true });
    const g = k.grad(x.pow(3).sum(), x, { createGraph: true });
    const h = k.grad(g.mul(k.tensor([1, 10, 100])).sum(), x);
    const second = (await h.data()) as Float32Array;
    expect([...second].map((v) => Math.round(v * 1000) / 1000)).toEqual([6, 120, 1800]);
    const s = k.grad(x.softmax(0).square().sum(), x, { createGraph: true });
    const t = k.grad(s.square().sum(), x);
    expect((await t.data()).every(Number.isFinite)).toBe(true);
  });

  it("takes diagonals where einsum names a dimension twice", async () => {
    const x = k.arange(9).float().reshape([3, 3]);
    expect([...(await k.einsum("ii->i", x).data())]).toEqual([0, 4, 8]);
    expect(await k.einsum("ii", x).item()).toBe(12);
    const y = k.arange(24).float().reshape([2, 3, 2, 2]);
    expect(await k.einsum("abac->bca", y).toArray()).toEqual([
      [
        [0, 14],
        [1, 15],
      ],
      [
        [4, 18],
        [5, 19],
      ],
      [
        [8, 22],
        [9, 23],
      ],
    ]);
  });

  it("gives memory back on dispose, and says so afterwards", async () => {
    const x = k.rand([1000]).retain();
    await x.data();
    const before = k.memory().bytes;
    x.dispose();
    expect(k.memory().bytes).toBeLessThan(before);
    await expect(x.add(1).data()).rejects.toThrow(k.DeviceError);
  });

  it("neither computes nor keeps a variable that was disposed of", async () => {
    const before = k.memory().bytes;
    const written = k.state(k.zeros([1000])).normal_();
    await k.flush();
    const never = k.state(k.zeros([1000])).normal_();
    k.resetStats();
    written.dispose();
    never.dispose();
    await k.flush();
    expect(k.stats().dispatches).toBe(0);
    expect(k.memory().bytes).toBe(before);
    await expect(written.add(1).data()).rejects.toThrow(k.DeviceError);
  });

  it("leaves initial values for later that nothing uses", async () => {
    k.manualSeed(3);
    const expected = await k.randn([5000]).data();
    k.manualSeed(3);
    const unused = k.state(k.zeros([5000])).normal_();
    const used = k.state(k.zeros([5000])).normal_();
    const before = k.memory().bytes;
    await used.mul(2).sum().item();
    expect(k.memory().bytes - before).toBeLessThan(2 * 20_000);
    expect(await unused.data()).toEqual(expected);
  });

  it("collects what the program dropped before it runs out of memory", async () => {
    await k.init({ device: "cpu", threads: 1, memoryLimit: 8 * 2 ** 20 });
    for (let i = 0; i < 30; i++) {
      const large = k.state(k.zeros([2 ** 19])).normal_();
      await large.sum().item();
    }
    const kept: k.Tensor[] = [];
    const hoard = async (): Promise<void> => {
      for (let i = 0; i < 30; i++) {
        kept.push(k.state(k.zeros([2 ** 19])).normal_());
        await kept[i].sum().item();
      }
    };
    await expect(hoard()).rejects.toThrow(k.OutOfMemoryError);
    await k.init({ device: "cpu", threads: 2 });
  });

  it("draws the same numbers for the same seed, and others for the next draw", async () => {
    k.manualSeed(7);
    const a = await k.rand([50]).data();
    const b = await k.rand([50]).data();
    k.manualSeed(7);
    expect(await k.rand([50]).data()).toEqual(a);
    expect(b).not.toEqual(a);
    const n = (await k.randn([20_000]).data()) as Float32Array;
    const mean = n.reduce((s, v) => s + v, 0) / n.length;
    const variance = n.reduce((s, v) => s + (v - mean) ** 2, 0) / n.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
    const r = (await k.randint(2, 5, [1000]).data()) as Int32Array;
    expect(new Set(r)).toEqual(new Set([2, 3, 4]));
  });

  it("prints shape, dtype and device before a read, and values after", async () => {
    const x = k.tensor([[1.5, 2]]).mul(2);
    expect(String(x)).toBe("Tensor(shape=[1, 2], dtype=float32, device=cpu)");
    await x.data();
    expect(String(x)).toContain("3.0000, 4.0000");
  });

  it("checks positions on the host, and counts negative ones from the end where torch does", async () => {
    const x = k.arange(6);
    expect([...((await x.index([k.tensor([-1, -2], { dtype: "int32" })]).data()) as Int32Array)]).toEqual([5, 4]);
    expect(() => x.indexSelect(0, k.tensor([6], { dtype: "int32" }))).toThrow(/index 6.*size 6/);
    expect(() => x.gather(0, k.tensor([-1], { dtype: "int32" }))).toThrow(k.ArgumentError);
  });

  it("copies where torch copies, and refuses what does not fit in place", async () => {
    const a = k.tensor([1, 2, 3]);
    const flipped = a.flip([0]);
    const square = k.arange(4).float().reshape([2, 2]);
    const turned = square.t().reshape([4]);
    a.mul_(10);
    square.zero_();
    expect([...((await flipped.data()) as Float32Array)]).toEqual([3, 2, 1]);
    expect([...((await turned.data()) as Float32Array)]).toEqual([0, 2, 1, 3]);
    expect(() => k.tensor([1], { dtype: "int32" }).add_(1.5)).toThrow(k.DTypeError);
  });

  it("gives zeros, not nothing, as gradients of empty batches", async () => {
    const w = k.ones([3, 2], { requiresGrad: true });
    k.zeros([0, 3]).matmul(w).square().sum().backward();
    expect([...((await w.grad!.data()) as Float32Array)]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(k.zeros([0, 3]).softmax(0).shape).toEqual([0, 3]);
    expect(await k.zeros([0]).bool().all().item()).toBe(1);
    expect(await k.zeros([0]).bool().any().item()).toBe(0);
  });

  it("scatters and finds extremes in every dtype", async () => {
    for (const dtype of ["float32", "int32", "uint8", "bool"] as const) {
      const x = k.tensor([0, 0, 0, 0], { dtype });
      const index = k.tensor([2, 0], { dtype: "int32" });
      const scattered = x.scatter(0, index, k.tensor([1, 1], { dtype }));
      expect(scattered.dtype).toBe(dtype);
      expect([...(await scattered.data())].map(Number)).toEqual([1, 0, 1, 0]);
      expect(
        await x
          .scatter(0, index, k.tensor([1, 0], { dtype }))
          .argmax()
          .item(),
      ).toBe(2);
    }
    const sum = k
      .zeros([3], { dtype: "uint8" })
      .scatterAdd(0, k.tensor([1, 1], { dtype: "int32" }), k.tensor([2, 3], { dtype: "uint8" }));
    expect([...(await sum.data())].map(Number)).toEqual([0, 5, 0]);
  });
});
