/** A training step gives the same bits on any number of threads. */

import {
  createCpuDevice,
  manualSeed,
  randn,
  resetStats,
  setDefaultDevice,
  stats,
  type Tensor,
  tensor,
} from "@kindling/core";
import * as nn from "@kindling/nn";
import { Adam } from "@kindling/optim";
import { expect, it } from "vitest";

/** Convolutions of every family, norms, pools, attention over channels: tasks of all kinds of kernels. */
const network = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(3, 16, 7, { stride: 2, padding: 3 }),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.Conv2d(16, 16, 3, { padding: 1, groups: 16 }),
    new nn.Conv2d(16, 32, 1),
    new nn.GroupNorm(4, 32),
    new nn.GELU(),
    new nn.Conv2d(32, 32, 3, { padding: 1 }),
    new nn.Conv2d(32, 32, 3, { padding: 1, stride: 2, groups: 4 }),
    new nn.MaxPool2d(2),
    new nn.Dropout({ p: 0.2 }),
    new nn.Flatten(),
    new nn.Linear(32 * 4 * 4, 64),
    new nn.LayerNorm(64),
    new nn.SiLU(),
    new nn.Linear(64, 10),
  );

/** The bits of the losses of three steps, of a sorted running sum, and of all parameters and buffers then. */
async function train(threads: number): Promise<{ bits: Uint8Array[]; kinds: string[] }> {
  const device = await createCpuDevice({ threads, patience: 0 });
  await setDefaultDevice(device);
  manualSeed(7);
  resetStats();
  const model = network();
  const optimizer = new Adam(model.parameters(), { lr: 0.01 });
  const pictures = randn([6, 3, 32, 32]).retain();
  const labels = tensor([0, 3, 9, 1, 1, 7], { dtype: "int32" });
  const bitsOf = async (t: Tensor): Promise<Uint8Array> => new Uint8Array((await t.data()).buffer);
  const bits: Uint8Array[] = [];
  for (let step = 0; step < 3; step++) {
    optimizer.zeroGrad();
    const outputs = model.call(pictures);
    const loss = nn.functional.crossEntropy(outputs, labels);
    loss.backward();
    await optimizer.step();
    bits.push(await bitsOf(loss), await bitsOf(outputs.detach().cumsum(1).argsort(1)));
  }
  for (const t of model.stateDict().values()) bits.push(await bitsOf(t));
  const kinds = Object.keys(stats().byOp).sort();
  await device.settle(0);
  device.close();
  return { bits, kinds };
}

it("a training step gives the same bits on 1, 2, 3, 5 and 8 threads", async () => {
  const { bits, kinds } = await train(1);
  expect(kinds).toEqual(["conv2d", "conv2dInputGrad", "conv2dWeightGrad", "loop", "matmul", "scan", "sort"]);
  expect(bits.length).toBeGreaterThan(20);
  // What was never computed would be equal as well.
  expect(new Set(bits.slice(0, 6).map(String)).size).toBeGreaterThan(3);
  for (const threads of [2, 3, 5, 8]) expect((await train(threads)).bits, `${threads} threads`).toEqual(bits);
}, 60_000);
