/** Layouts of views, snapshots, and reading parts of memory. */

import {
  flattenParameters,
  fromHost,
  init,
  noGrad,
  resetStats,
  state,
  stats,
  type Tensor,
  zeros,
} from "@kindling/core";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init({ threads: 1 }));

const counted = (...shape: number[]): Tensor =>
  fromHost(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    shape,
  );

describe("viewOf", () => {
  const base = counted(4, 6);
  const views: [string, (t: Tensor) => Tensor][] = [
    ["reshape", (t) => t.reshape([2, 2, 6])],
    ["transpose", (t) => t.transpose(0, 1)],
    ["slice with steps", (t) => t.slice(0, 1, 4, 2).slice(1, 1, 6, 3)],
    ["select", (t) => t.select(1, 3)],
    ["expand", (t) => t.select(0, 2).unsqueeze(0).expand([3, 6])],
    ["reshape of a slice", (t) => t.slice(1, 0, 4).reshape([4, 2, 2])],
    ["reshape within transposed dimensions", (t) => t.transpose(0, 1).unsqueeze(1)],
    ["one element", (t) => t.select(0, 3).select(0, 5)],
    ["nothing", (t) => t.slice(0, 2, 2)],
  ];

  it.each(views)("%s: offset and strides lead to the elements", async (_name, of) => {
    const view = of(base);
    const at = view.viewOf!;
    expect(at.base).toBe(base);
    expect(at.strides).toHaveLength(view.ndim);
    const want: number[] = [];
    const walk = (d: number, position: number): void => {
      if (d === view.ndim) want.push(position);
      else for (let i = 0; i < view.shape[d]; i++) walk(d + 1, position + i * at.strides[d]);
    };
    walk(0, at.offset);
    expect(Array.from(await view.data(), Number)).toEqual(want);
  });

  it("is undefined for tensors of their own, copies, and what no steps describe", () => {
    expect(base.viewOf).toBeUndefined();
    expect(base.clone().viewOf).toBeUndefined();
    expect(base.add(1).viewOf).toBeUndefined();
    expect(base.slice(1, 0, 4).reshape([16]).viewOf).toBeUndefined();
  });

  it("takes a parameter in an arena for a tensor of its own", () => {
    const params = [counted(2, 3), counted(4)].map((t) => t.requiresGrad_());
    const before = params[1].detach();
    flattenParameters(params);
    expect(params.map((p) => p.viewOf)).toEqual([undefined, undefined]);
    for (const view of [before, params[1].detach()]) {
      expect(view.viewOf).toEqual({ base: params[1], offset: 0, strides: [1] });
      expect(view.viewOf!.base).toBe(params[1]);
    }
  });
});

describe("reading", () => {
  it("parts of an arena takes no kernel", async () => {
    const params = [counted(2, 3), counted(4)].map((t) => t.requiresGrad_());
    flattenParameters(params);
    await params[0].data();
    resetStats();
    expect([...(await params[1].data())]).toEqual([0, 1, 2, 3]);
    expect([...(await params[0].data())]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(stats().dispatches).toBe(0);
  });
});

describe("snapshot", () => {
  const numbers = async (read: { read(): Promise<ArrayLike<number | bigint>> }): Promise<number[]> =>
    Array.from(await read.read(), Number);

  it("is the value at the time, however often it is written over before it is read", async () => {
    const t = state(zeros([3]));
    noGrad(() => t.fill_(1));
    const [one, part] = [t.snapshot(), t.slice(0, 1).snapshot()];
    noGrad(() => t.fill_(2));
    await t.data();
    const two = t.snapshot();
    noGrad(() => t.fill_(3));
    expect(await numbers(two)).toEqual([2, 2, 2]);
    await t.data();
    expect(await numbers(one)).toEqual([1, 1, 1]);
    expect(await numbers(part)).toEqual([1, 1]);
    expect(await numbers(t.snapshot())).toEqual([3, 3, 3]);
  });

  it("of values on the host is these values", async () => {
    const data = Float32Array.of(1, 2);
    expect(await fromHost(data, [2]).snapshot().read()).toBe(data);
  });

  it("outlives the tensor's memory", async () => {
    const t = state(zeros([2]));
    noGrad(() => t.fill_(4));
    await t.data();
    const snapshot = t.snapshot();
    t.dispose();
    expect(await numbers(snapshot)).toEqual([4, 4]);
  });
});
