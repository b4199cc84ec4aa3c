/** The main job from end to end: from a folder of pictures to a folder of results, and what `predict` makes of it. */

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findStateDict, load, save } from "@kindling/checkpoint";
import type { Tensor } from "@kindling/core";
import { models } from "@kindling/vision";
import { beforeAll, describe, expect, test } from "vitest";
import type { EpochRecord } from "../dist/index.js";
import { divided, folder, fresh, kindling, MODEL, quick, readJson, start, weights } from "./kindling.js";

const PYTHON = "/usr/bin/python3";
const hasTorch =
  spawnSync(PYTHON, [
    "-c",
    "import importlib.util as u; exit(any(u.find_spec(m) is None for m in ('torch', 'torchvision')))",
  ]).status === 0;

const state = async (path: string): Promise<Map<string, Tensor>> => findStateDict(await load(path));
const history = (out: string): EpochRecord[] => readJson(out, "history.json") as EpochRecord[];
const isHead = (key: string): boolean => key.startsWith("fc.");
const isStatistic = (key: string): boolean => /running_|num_batches/.test(key);

describe("a run", () => {
  const out = fresh("out");
  let pretrained: string;
  let stdout: string;

  beforeAll(async () => {
    pretrained = await weights();
    const options = [...quick(out), "--weights", pretrained, "--epochs", "2", "--lr", "0.05"];
    const outcome = await kindling("finetune", await divided(), ...options);
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    stdout = outcome.stdout;
  });

  test("says what it found and what it did", () => {
    expect(stdout).toContain("matched 336 of 338 keys: conv1 6, stage2 84, stage3 156, stage4 84, conv5 6");
    expect(stdout).toContain("left out, because the head is new: fc.weight [6, 1024], fc.bias [6]");
    expect(stdout).toContain("20 for training, 8 for validation");
    expect(stdout).toContain("2: blue, red");
    expect(stdout).toContain("2,050 of 343,842 parameters train");
    expect(stdout).toMatch(/epoch +training loss +validation loss +accuracy +time\n +1 .*\n +2 /);
  });

  test("leaves a state dict, the classes, the history and the curves", async () => {
    const shapes = [...(await state(join(out, "model.pth")))].map(([key, { shape }]) => [key, ...shape]);
    const expected = [...models.getModel(MODEL, { numClasses: 2 }).stateDict()];
    expect(shapes).toEqual(expected.map(([key, { shape }]) => [key, ...shape]));
    expect(readJson(out, "classes.json")).toEqual(["blue", "red"]);
    expect(history(out).map(({ epoch }) => epoch)).toEqual([1, 2]);
    for (const record of history(out)) {
      expect(Object.keys(record)).toEqual(["epoch", "trainLoss", "valLoss", "valAccuracy", "seconds"]);
      expect(record.trainLoss).toBeGreaterThan(0);
      expect(record.valLoss).toBeGreaterThan(0);
      expect(record.valAccuracy * 8).toBeCloseTo(Math.round(record.valAccuracy * 8), 10);
      expect(record.seconds).toBeGreaterThan(0);
    }
    expect(readFileSync(join(out, "curves.svg"), "utf8")).toMatch(/^<svg.*<\/svg>\n$/s);
  });

  test("frozen, changes only the head and the statistics of batch norm", async () => {
    const [before, after] = [await state(pretrained), await state(join(out, "model.pth"))];
    for (const [key, tensor] of after) {
      if (isHead(key) || isStatistic(key)) continue;
      expect(await tensor.data(), key).toEqual(await before.get(key)!.data());
    }
    expect(Number((await after.get("conv1.1.num_batches_tracked")!.data())[0])).toBe(4);
  });

  test("can be used: predict gives the likeliest classes, and goes on after a file that is no picture", async () => {
    const pictures = await folder("red/1", "blue/1");
    const [red, blue, bad] = [join(pictures, "red/0.png"), join(pictures, "blue/0.png"), join(pictures, "bad.png")];
    writeFileSync(bad, "no picture");
    const outcome = await kindling("predict", red, bad, blue, "--checkpoint", out, "--top", "2");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/^error: .*bad\.png cannot be decoded/);
    expect(outcome.stderr.trim().split("\n")).toHaveLength(1);
    const shares = [...outcome.stdout.matchAll(/^ +([\d.]+) % {2}(red|blue)$/gm)].map(([, share]) => Number(share));
    expect(shares).toHaveLength(4);
    expect(shares[0] + shares[1]).toBeCloseTo(100, 0);
    expect(shares[0]).toBeGreaterThanOrEqual(shares[1]);
    expect(outcome.stdout.indexOf(red)).toBeLessThan(outcome.stdout.indexOf(blue));
  });

  test("can be inspected", async () => {
    const { code, stdout: listing } = await kindling("inspect", join(out, "model.pth"));
    expect(code).toBe(0);
    expect(listing).toMatch(/fc\.weight +\[2, 1024\] +float32 +8,192\n/);
    expect(listing).toContain("338 tensors, 1.3 MiB");
  });

  test.runIf(hasTorch)("is read by real PyTorch", () => {
    const script = [
      "import torch, torchvision, sys",
      `model = torchvision.models.${MODEL}(num_classes=2)`,
      "model.load_state_dict(torch.load(sys.argv[1]))",
      "print(model.fc.weight.double().sum().item())",
    ].join("\n");
    const { status, stderr } = spawnSync(PYTHON, ["-c", script, join(out, "model.pth")], { encoding: "utf8" });
    expect(status, stderr).toBe(0);
  });
});

test("one level of class folders is split 80/20, and a folder smaller than a batch trains", async () => {
  const out = fresh("out");
  const { code, stdout } = await kindling(
    "finetune",
    await folder("red/5", "blue/10"),
    ...quick(out),
    "--batch-size",
    "64",
  );
  expect(code).toBe(0);
  expect(stdout).toContain("12 for training, 3 for validation");
  expect(stdout).toContain("1 step of 12 pictures");
  expect(history(out)).toHaveLength(1);
});

test("the seed decides everything, whatever the number of threads", async () => {
  const pictures = await folder("red/8", "green/8");
  const run = async (...options: string[]): Promise<Buffer> => {
    const out = fresh("out");
    expect((await kindling("finetune", pictures, ...quick(out), "--augment", "imagenet", ...options)).code).toBe(0);
    return readFileSync(join(out, "model.pth"));
  };
  const first = await run("--seed", "7", "--threads", "1");
  expect(first.equals(await run("--seed", "7", "--threads", "2", "--workers", "0"))).toBe(true);
  expect(first.equals(await run("--seed", "8", "--threads", "1"))).toBe(false);
});

test("weights inside a training checkpoint, with the names of a data-parallel model, are found, and all layers can train", async () => {
  const path = fresh("nested.pth");
  const wrapped = [...(await state(await weights()))].map(([key, tensor]) => [`module.${key}`, tensor] as const);
  await save(
    new Map<string, unknown>([
      ["epoch", 3],
      ["state_dict", new Map(wrapped)],
    ]) as never,
    path,
  );
  const { code, stdout } = await kindling(
    "finetune",
    await divided(),
    ...quick(fresh("out")),
    "--no-freeze",
    "--weights",
    path,
  );
  expect(code).toBe(0);
  expect(stdout).toContain("matched 336 of 338 keys");
  expect(stdout).toContain("343,842 of 343,842 parameters train");
});

test("Ctrl-C saves what is there", async () => {
  const out = fresh("out");
  const { child, outcome } = start("finetune", await divided(), ...quick(out), "--epochs", "100000");
  child.stdout!.on("data", (text: string) => {
    if (text.includes("epoch 1  ")) child.kill("SIGINT");
  });
  const { code, stdout } = await outcome;
  expect(code).toBe(130);
  expect(stdout).toContain(`wrote ${out}`);
  const records = history(out);
  expect(records.map(({ epoch }) => epoch)).toEqual(records.map((_, i) => i + 1));
  expect(records.length).toBeGreaterThan(0);
  expect((await state(join(out, "model.pth"))).get("fc.weight")!.shape).toEqual([2, 1024]);
  expect(readJson(out, "classes.json")).toEqual(["blue", "red"]);
});
