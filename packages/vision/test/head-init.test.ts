/** The initial values of a new head. */

import { models } from "@kindling/vision";
import { expect, it } from "vitest";

it("are drawn as torch draws them: uniform within 1 / √inputs", async () => {
  const { layer } = models.replaceHead(models.shufflenet_v2_x0_5(), 50);
  for (const parameter of [layer.weight, layer.bias!]) {
    const values = (await parameter.data()) as Float32Array;
    const bound = 1 / Math.sqrt(1024);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound * (1 + 1e-6));
    expect(Math.max(...values)).toBeGreaterThan(0.8 * bound);
    expect(Math.min(...values)).toBeLessThan(-0.8 * bound);
  }
});
