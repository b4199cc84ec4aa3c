/** Building models costs neither memory nor kernels, however many there are. A file of its own: a flush would compute them. */

import { init, memory, stats } from "@kindling/core";
import { models } from "@kindling/vision";
import { expect, it } from "vitest";

it("computes nothing when all models are built, one after the other", async () => {
  await init({ device: "cpu", threads: 2 });
  const built = models.listModels().map((name) => models.getModel(name));
  expect(built).toHaveLength(80);
  expect(stats().dispatches).toBe(0);
  expect(memory()).toMatchObject({ bytes: 0, peak: 0 });
});
