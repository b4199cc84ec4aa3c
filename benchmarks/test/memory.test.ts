// Loading a model: its weights are in memory once, and not twice.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { LoadCost } from "../dist/memory-process.js";

/** What the cpu device lets transformed filters take (winograd-plan.ts). */
const MOST_FILTERS = 48 * 2 ** 20;
const program = fileURLToPath(new URL("../dist/memory.js", import.meta.url));

test("peak memory of load, loadStateDict and a first pass is little more than the file", () => {
  const printed = execFileSync(process.execPath, [program, "--model", "resnet101", "--json"], { encoding: "utf8" });
  const { fileBytes, buildBytes, peakBytes }: LoadCost = JSON.parse(printed);
  expect(fileBytes).toBeGreaterThan(170 * 2 ** 20);
  expect(peakBytes / fileBytes).toBeGreaterThan(0.9);
  // The pass itself takes some: activations, threads, code; and one layer's filters in Winograd's form.
  expect((peakBytes - MOST_FILTERS) / fileBytes).toBeLessThan(1.5);
  expect(buildBytes).toBeLessThan(0.2 * fileBytes);
});
