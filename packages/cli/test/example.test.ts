/** The example that users copy is compiled against the packages as they are, and does what it says. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { findStateDict, load } from "@kindling/checkpoint";
import { expect, test } from "vitest";
import { folder, fresh, weights } from "./kindling.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Runs a program of Node in the repository. */
function run(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  expect(status, stdout + stderr).toBe(0);
  return stdout;
}

test("examples/finetune.ts compiles, trains and saves", async () => {
  run("node_modules/typescript/bin/tsc", "-b", "examples");
  const pictures = await folder(
    "train/red/16",
    "train/blue/16",
    "train/green/16",
    "val/red/2",
    "val/blue/2",
    "val/green/2",
  );
  const [pretrained, result] = [await weights(), fresh("mine.pth")];
  const lines = run("examples/dist/finetune.js", pictures, pretrained, result).trimEnd().split("\n");
  expect(lines).toHaveLength(5);
  lines.forEach((line, i) => {
    expect(line).toMatch(new RegExp(`^epoch ${i + 1}: [0-6] of 6 pictures right$`));
  });
  const [before, after] = await Promise.all([pretrained, result].map(async (path) => findStateDict(await load(path))));
  expect(after.get("fc.weight")!.shape).toEqual([3, 1024]);
  expect(await after.get("conv1.0.weight")!.data()).toEqual(await before.get("conv1.0.weight")!.data());
});
