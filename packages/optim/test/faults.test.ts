/** What goes wrong on a device while a network trains, and how the process goes on. */

import {
  createWebGpuDevice,
  type Device,
  DeviceError,
  fromHost,
  init,
  manualSeed,
  memory,
  noGrad,
  synchronize,
  type Tensor,
} from "@kindling/core";
import * as nn from "@kindling/nn";
import { type OptimizerStateDict, SGD } from "@kindling/optim";
import { afterAll, describe, expect, it } from "vitest";

const BATCH = 8;

const network = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(3, 6, 3, { padding: 1 }),
    new nn.BatchNorm2d(6),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(6 * 16, 5),
  );

const images = (step: number, n = BATCH, size = 8): Tensor =>
  fromHost(
    Float32Array.from({ length: n * 3 * size * size }, (_, i) => Math.sin(i * 0.37 + step)),
    [n, 3, size, size],
  );
const labels = (step: number): Tensor =>
  fromHost(
    Int32Array.from({ length: BATCH }, (_, i) => (i * 3 + step) % 5),
    [BATCH],
  );

/** A network that trains, and what is needed to go on from where it was. */
class Run {
  readonly model = network();
  readonly optimizer = new SGD(this.model.parameters(), { lr: 0.05, momentum: 0.9 });

  /** The loss before the step; the step may not have run yet. */
  async step(number: number): Promise<Tensor> {
    this.optimizer.zeroGrad();
    const loss = nn.functional.crossEntropy(this.model.call(images(number)), labels(number));
    loss.backward();
    await this.optimizer.step();
    return loss;
  }

  /** Losses of the steps from `first` to `last`. */
  async steps(first: number, last: number): Promise<number[]> {
    const losses: number[] = [];
    for (let i = first; i <= last; i++) losses.push(await (await this.step(i)).item());
    return losses;
  }

  /** A checkpoint in the memory of the host. */
  async save(): Promise<Checkpoint> {
    const model = new Map<string, Tensor>();
    for (const [name, t] of this.model.stateDict()) model.set(name, await onHost(t));
    const optimizer = this.optimizer.stateDict();
    for (const record of optimizer.state.values())
      for (const [name, value] of Object.entries(record)) record[name] = await onHost(value as Tensor);
    return { model, optimizer };
  }

  restore({ model, optimizer }: Checkpoint): void {
    this.model.loadStateDict(model);
    this.optimizer.loadStateDict(optimizer);
  }
}

interface Checkpoint {
  readonly model: Map<string, Tensor>;
  readonly optimizer: OptimizerStateDict;
}

const onHost = async (t: Tensor): Promise<Tensor> => fromHost((await t.data()).slice(), t.shape, t.dtype);

const started: Device[] = [];
async function start(options: Parameters<typeof createWebGpuDevice>[0] = {}): Promise<Device & { gpu: GPUDevice }> {
  const device = await createWebGpuDevice(options);
  started.push(device);
  await init({ device });
  return device as Device & { gpu: GPUDevice };
}
afterAll(() => {
  for (const device of started) device.close();
});

const failure = async (act: () => Promise<unknown>): Promise<Error> => {
  try {
    await act();
  } catch (error) {
    expect(error).toBeInstanceOf(DeviceError);
    return error as Error;
  }
  throw new Error("nothing was thrown");
};

describe("a device that is lost in the middle of a step", () => {
  it("is an error at the next await, and training goes on from the checkpoint on a new device", async () => {
    await start();
    manualSeed(3);
    const whole = new Run();
    const undisturbed = await whole.steps(0, 5);

    const device = await start();
    manualSeed(3);
    const run = new Run();
    await run.steps(0, 2);
    const saved = await run.save();
    run.optimizer.zeroGrad();
    const loss = nn.functional.crossEntropy(run.model.call(images(3)), labels(3));
    loss.backward();
    const step = run.optimizer.step();
    device.gpu.destroy();
    const error = await failure(async () => {
      await step;
      await loss.item();
    });
    expect(error.message).toMatch(/lost|destroyed/);
    expect(error.message).toMatch(/new device/);
    await failure(() => synchronize());
    await failure(() => run.model.parameters()[0].data());

    await start();
    // What was on the device alone is gone, and says so.
    expect((await failure(() => run.model.parameters()[0].data())).message).toMatch(/lost with its device/);
    run.restore(saved);
    const resumed = await run.steps(3, 5);
    resumed.forEach((l, i) => {
      expect(l).toBeCloseTo(undisturbed[3 + i], 5);
    });
  });
});

describe("memory that runs out", () => {
  it("names what was asked for, and a smaller batch goes on", async () => {
    const device = await start({ memoryLimit: 6 * 2 ** 20 });
    manualSeed(3);
    const run = new Run();
    await run.steps(0, 1);
    const large = new nn.Conv2d(3, 6, 3, { padding: 1 });
    const error = await failure(async () => {
      const out = noGrad(() => large.call(images(0, 64, 64)));
      await out.data();
    });
    expect(error.message).toMatch(/out of memory on the webgpu device/);
    expect(error.message).toMatch(/6\.0 MiB asked for the result of add, \[64,6,64,64\] float32/);
    const losses = await run.steps(2, 4);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(memory().reserved).toBeLessThanOrEqual(6 * 2 ** 20);
    expect(device.memory().peak).toBeLessThanOrEqual(6 * 2 ** 20);
  });
});
