import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as k from "../dist/index.js";
import { BASELINE } from "../dist/testing/baseline.js";
import { PlanningDevice } from "../dist/testing/planning-device.js";
import { printKernel } from "../dist/webgpu/wgsl/print.js";

it("docs/webgpu.md shows the kernel that is compiled", async () => {
  const device = new PlanningDevice(4);
  await k.init({ device });
  const x = k.fromHost(new Float32Array(8 * 1000), [8, 1000]);
  const b = k.fromHost(new Float32Array(1000), [1000]);
  await x.mul(2).add(b).softmax(1).data();
  const [{ kernels, externals }] = device.plans;
  expect(kernels.length).toBe(1);
  const elements = kernels[0].buffers.map(({ index }) => externals[index] / 4);
  const { passes } = printKernel(kernels[0].kernel, elements, BASELINE);
  expect(passes.length).toBe(1);
  const page = readFileSync(new URL("../../../docs/webgpu.md", import.meta.url), "utf8");
  expect(page.match(/```wgsl\n(.*?)```/s)?.[1]).toBe(passes[0].code);
});
