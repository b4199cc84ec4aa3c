/** Variables that are given values made on the host take their memory over: no copy, and no kernel. */

import { afterAll, beforeEach, describe, expect, it } from "vitest";
import * as k from "../dist/index.js";

const N = 4096;
const BYTES = 4 * N;
const numbers = (value: number): Float32Array<ArrayBuffer> => new Float32Array(N).fill(value);
const variable = (): k.Tensor => k.state(k.rand([N]));

/** The first element of each, read one after the other. */
async function firsts(...tensors: k.Tensor[]): Promise<number[]> {
  const values: number[] = [];
  for (const t of tensors) values.push(Number((await t.data())[0]));
  return values;
}

afterAll(async () => {
  await k.init({ threads: 1 });
});

describe.each(["cpu", "webgpu"] as const)("values made on the host, given to variables on %s", (device) => {
  beforeEach(async () => {
    await k.init({ device, threads: 1 });
    k.resetStats();
  });

  it("are uploaded and no more: the initial value is never computed", async () => {
    const [a, b] = [variable(), variable()];
    a.copy_(k.fromHost(numbers(1), [N]));
    b.copy_(k.fromHost(numbers(2), [N / 2, 2]).reshape([N]));
    await k.flush();
    expect(k.stats().dispatches).toBe(0);
    expect(k.memory()).toMatchObject({ bytes: 2 * BYTES, tensors: 2, peak: 2 * BYTES });
    expect(await firsts(a, b)).toEqual([1, 2]);
  });

  it("leave the host at once where nobody else has the array", async () => {
    const [sole, shared, seen] = [numbers(1), numbers(2), numbers(3)];
    const given = [
      k.fromHost(sole, [N], "float32", { exclusive: true }),
      k.fromHost(shared, [N]),
      k.fromHost(seen, [N], "float32", { exclusive: true }),
    ];
    expect(given[2].hostData()).toBe(seen);
    const variables = given.map((t) => variable().copy_(t));
    await k.flush();
    expect([sole, shared, seen].map((array) => array.length)).toEqual([0, N, N]);
    expect(await firsts(...given, ...variables)).toEqual([1, 2, 3, 1, 2, 3]);
  });

  it("stay what they were when the variable is written", async () => {
    const given = k.fromHost(numbers(1), [N], "float32", { exclusive: true });
    const [a, b] = [variable().copy_(given), variable().copy_(given)];
    await k.flush();
    expect(k.memory().bytes).toBe(BYTES);
    a.add_(1);
    await k.flush();
    a.mul_(5);
    expect(await firsts(a, b, given)).toEqual([10, 1, 1]);
    b.copy_(a);
    a.fill_(0);
    expect(await firsts(a, b, given)).toEqual([0, 10, 1]);
  });

  it("replace a value in memory, whose memory comes back, after those who read it before", async () => {
    const a = variable().fill_(3);
    await k.flush();
    const before = a.mul(2);
    a.copy_(k.fromHost(numbers(1), [N]));
    const after = a.mul(2);
    expect(await firsts(before, after, a)).toEqual([6, 2, 1]);
    before.dispose();
    after.dispose();
    expect(k.memory().bytes).toBe(BYTES);
  });

  it("stay what they were when an optimizer moves its parameters together", async () => {
    const given = k.fromHost(numbers(1), [N], "float32", { exclusive: true });
    const parameters = [variable().copy_(given), variable().copy_(k.fromHost(numbers(2), [N]))];
    await k.flush();
    const [arena] = k.flattenParameters(parameters);
    arena.value.add_(1);
    expect(await firsts(given, ...parameters)).toEqual([1, 2, 3]);
    // Loaded again, into a part of the arena.
    parameters[1].copy_(given);
    expect(await firsts(given, ...parameters)).toEqual([1, 2, 1]);
  });

  it("outlive the tensor that gave them", async () => {
    const given = k.fromHost(numbers(1), [N], "float32", { exclusive: true });
    const a = variable().copy_(given);
    await k.flush();
    given.dispose();
    expect(await firsts(a)).toEqual([1]);
  });

  it("follow to another device", async () => {
    const given = k.fromHost(numbers(1), [N], "float32", { exclusive: true });
    const a = variable().copy_(given);
    await k.flush();
    await k.init({ device: "cpu", threads: 1 });
    a.add_(1);
    expect(await firsts(a, given)).toEqual([2, 1]);
  });
});

it("values that do not fit are still given when there is room", async () => {
  await k.init({ device: "cpu", threads: 1, memoryLimit: 1.5 * BYTES });
  const [a, b] = [1, 2].map((value) => variable().copy_(k.fromHost(numbers(value), [N])));
  await expect(k.flush()).rejects.toThrow(k.DeviceError);
  await k.init({ device: "cpu", threads: 1 });
  expect(await firsts(a, b)).toEqual([1, 2]);
});
