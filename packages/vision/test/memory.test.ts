/** Building and loading models: initial values that are loaded over are never computed, weights are in memory once. */

import { toBytes } from "@kindling/checkpoint";
import {
  flush,
  fromHost,
  init,
  memory,
  noGrad,
  resetPeak,
  resetStats,
  stats,
  type Tensor,
  zeros,
} from "@kindling/core";
import { type Module, init as nnInit, Parameter, StateDictError } from "@kindling/nn";
import { models } from "@kindling/vision";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { loadWeights } from "../dist/weights/load-into.js";

afterAll(() => init());

/** A device with nothing in its memory: what earlier tests left goes to the host. */
async function start(device: "cpu" | "webgpu"): Promise<void> {
  await flush();
  await init({ device, threads: 2 });
  resetStats();
  resetPeak();
}

/** A state dict for a model, with one number in all of it. */
function weightsFor(model: Module, number = 0.25): Map<string, Tensor> {
  const value = ({ shape, dtype, numel }: Tensor): Tensor =>
    dtype === "int64"
      ? fromHost(new BigInt64Array(numel).fill(7n), shape)
      : fromHost(new Float32Array(numel).fill(number), shape);
  return new Map([...model.stateDict()].map(([key, tensor]) => [key, value(tensor)]));
}

const blob = async (state: Map<string, Tensor>): Promise<Blob> => new Blob([await toBytes(state)]);

/** Bytes of the state that a device holds: what is not float32 here stays on the host. */
const stateBytes = (model: Module): number =>
  [...model.stateDict().values()].reduce((sum, t) => sum + (t.dtype === "float32" ? 4 * t.numel : 0), 0);

/** Builders whose initial values are made in every way that there is. */
const BUILDERS = ["resnet50", "vit_b_16", "swin_t", "convnext_tiny", "efficientnet_b0", "mnasnet0_5", "googlenet"];

describe("a model that is loaded", () => {
  beforeEach(() => start("cpu"));

  it.each(BUILDERS)("never has initial values: %s", async (name) => {
    const model = models.getModel(name).eval();
    expect(memory().bytes).toBe(0);
    model.loadStateDict(weightsFor(model));
    await flush();
    expect(stats().dispatches).toBe(0);
    expect(memory()).toMatchObject({ bytes: stateBytes(model), peak: stateBytes(model) });
  });

  it("computes nothing in its first inference but the inference", async () => {
    const model = models.resnet50().eval();
    model.loadStateDict(weightsFor(model));
    const x = fromHost(new Float32Array(3 * 64 * 64).fill(0.5), [1, 3, 64, 64]);
    const kernels: number[] = [];
    for (let pass = 0; pass < 2; pass++) {
      resetStats();
      await noGrad(() => model.call(x)).data();
      kernels.push(stats().dispatches);
    }
    expect(kernels[0]).toBe(kernels[1]);
    expect(stats().plansBuilt).toBe(0);
  });

  it("has no initial values, however many operators make them", async () => {
    const parameters = Array.from({ length: 1000 }, () => nnInit.truncNormal_(new Parameter(zeros([2000]))));
    expect(stats().dispatches).toBe(0);
    noGrad(() => {
      for (const p of parameters) p.copy_(fromHost(new Float32Array(2000), [2000]));
    });
    await flush();
    expect(stats().dispatches).toBe(0);
    expect(memory().peak).toBe(1000 * 8000);
  });
});

describe.each(["cpu", "webgpu"] as const)("a file of weights on %s", (device) => {
  beforeEach(() => start(device));

  it("becomes the values of the model, and its counts", async () => {
    const model = models.mobilenet_v3_small();
    await loadWeights(model, await blob(weightsFor(model)));
    await flush();
    expect(memory().bytes).toBe(stateBytes(model));
    for (const tensor of model.stateDict().values())
      expect(Number((await tensor.data()).at(-1))).toBe(tensor.dtype === "int64" ? 7 : 0.25);
  });

  it("may be from before batches were counted, and may use a model's older names", async () => {
    const model = models.densenet121();
    const state = [...weightsFor(model)].filter(([key]) => !key.endsWith("num_batches_tracked"));
    const older = state.map(([key, t]) => [key.replace(/(denselayer\d+\.(?:norm|conv))(\d)/, "$1.$2"), t] as const);
    expect(older.filter(([key], i) => key !== state[i][0]).length).toBeGreaterThan(500);
    await loadWeights(model, await blob(new Map(older)));
    await flush();
    expect(memory().bytes).toBe(stateBytes(model));
    expect((await model.stateDict().get("features.denseblock4.denselayer16.conv2.weight")!.data())[0]).toBe(0.25);
  });

  it("that is damaged, or for another model, leaves the model as it was", async () => {
    const model = models.shufflenet_v2_x0_5({ numClasses: 10 });
    model.loadStateDict(weightsFor(model, 3));
    const bytes = await toBytes(weightsFor(model));
    bytes[bytes.length >> 1] ^= 1;
    await expect(loadWeights(model, new Blob([bytes]))).rejects.toMatchObject({ kind: "crc" });
    const other = weightsFor(model).set("fc.bias", zeros([11]));
    await expect(loadWeights(model, await blob(other))).rejects.toThrow(StateDictError);
    for (const p of model.parameters()) expect((await p.data()).every((value) => value === 3)).toBe(true);
  });
});
