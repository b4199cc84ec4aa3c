// Loading a model: its weights are in memory once, and not twice.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { LoadCost } from "../dist/memory-process.js";

const program = fileURLToPath(new URL("../dist/memory.js", import.meta.url));

test("peak memory of load, loadStateDict and a first pass is little more than the file", () => {
  const printed = execFileSync(process.execPath, [program, "--model", "resnet101", "--json"], { encoding: "utf8" });
  const { fileBytes, buildBytes, peakBytes }: LoadCost = JSON.parse(printed);
  expect(fileBytes).toBeGreaterThan(170 * 2 ** 20);
  // The pass itself takes some: activations, threads, code.
  expect(peakBytes / fileBytes).toBeGreaterThan(0.9);
  expect(peakBytes / fileBytes).toBeLessThan(1.6);
  expect(buildBytes).toBeLessThan(0.2 * fileBytes);
});
