/** What is wrong with the input is said in one message, without a stack, and loses nothing. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findStateDict, load, save } from "@kindling/checkpoint";
import { models } from "@kindling/vision";
import { describe, expect, test } from "vitest";
import { divided, folder, fresh, kindling, MODEL, quick, weights } from "./kindling.js";

/** Runs a command line that must fail; gives what it says. */
async function failure(code: number, ...args: string[]): Promise<string> {
  const outcome = await kindling(...args);
  expect(outcome.code, outcome.stdout + outcome.stderr).toBe(code);
  expect(outcome.stderr).toMatch(/^error: /);
  expect(outcome.stderr).not.toMatch(/\n\s+at /);
  return outcome.stderr.trimEnd();
}

/** A run that must fail before it trains, and so leaves nothing behind. */
async function refused(pictures: string, ...options: string[]): Promise<string> {
  const out = fresh("out");
  const message = await failure(1, "finetune", pictures, ...quick(out), ...options);
  expect(existsSync(join(out, "model.pth"))).toBe(false);
  return message;
}

describe("the command line", () => {
  test("an unknown command, option or value is named", async () => {
    expect(await failure(2, "finetun")).toContain("Did you mean finetune?");
    expect(await failure(2, "finetune", ".", "--model", MODEL, "--epocs", "3")).toContain("Did you mean --epochs?");
    expect(await failure(2, "finetune", ".", "--model", MODEL, "--lr", "fast")).toContain("a number above 0");
    expect(await failure(2, "finetune", ".")).toContain("--model");
  });

  test("of an unknown model, the nearest names are given", async () => {
    expect(await refused(".", "--model", "resnett18")).toContain('unknown model "resnett18"; did you mean resnet18');
  });

  test("an unknown device is refused", async () => {
    expect(await refused(".", "--device", "gpu")).toMatch(/no device "gpu".*"cpu"/);
  });

  test("bench outside a clone says where it belongs", async () => {
    expect(await failure(1, "bench")).toContain("inside a clone");
  });
});

describe("pictures", () => {
  test("a folder that is missing, empty, or without class folders", async () => {
    expect(await refused(fresh("nowhere"))).toContain("ENOENT");
    expect(await refused(await folder())).toContain("is empty; expected one folder a class");
    expect(await refused(await folder("train/red/0", "train/blue/0", "val/red/0", "val/blue/0"))).toContain(
      "no pictures in the class folders",
    );
  });

  test("one class only", async () => {
    expect(await refused(await folder("red/5"))).toContain("has one class (red)");
  });

  test("a class that only one part has", async () => {
    const pictures = await folder("train/red/3", "train/blue/3", "val/red/3", "val/green/3");
    expect(await refused(pictures)).toContain("only train has blue; only val has green");
  });

  test("corrupt and zero-byte pictures are named, and left out only with --skip-bad", async () => {
    const pictures = await divided();
    writeFileSync(
      join(pictures, "train/red/broken.png"),
      readFileSync(join(pictures, "train/red/0.png")).subarray(0, 60),
    );
    expect(await refused(pictures)).toMatch(/^error: .*train\/red\/broken\.png is truncated.*--skip-bad$/);
    writeFileSync(join(pictures, "val/blue/empty.jpg"), "");
    const both = await refused(pictures);
    expect(both).toMatch(/2 pictures cannot be read.*--skip-bad/);
    expect(both).toMatch(/val\/blue\/empty\.jpg is empty \(0 bytes\)/);

    const { code, stdout } = await kindling("finetune", pictures, ...quick(fresh("out")), "--skip-bad");
    expect(code).toBe(0);
    expect(stdout).toMatch(/left out {2}.*broken\.png is truncated/);
    expect(stdout).toContain("20 for training, 8 for validation");
  });

  test("a class whose pictures are all left out", async () => {
    const pictures = await divided();
    for (let i = 0; i < 10; i++) writeFileSync(join(pictures, `train/red/${i}.png`), "");
    expect(await refused(pictures, "--skip-bad")).toContain("no readable training picture is left of the class red");
  });
});

describe("weights", () => {
  test("a file that is missing, truncated or something else", async () => {
    const pictures = await divided();
    expect(await refused(pictures, "--weights", fresh("nothing.pth"))).toContain("ENOENT");
    const whole = readFileSync(await weights());
    const cut = fresh("cut.pth");
    for (const length of [1000, whole.length - 1]) {
      writeFileSync(cut, whole.subarray(0, length));
      expect(await refused(pictures, "--weights", cut)).toContain(cut);
    }
    writeFileSync(cut, "<html>404</html>");
    expect(await refused(pictures, "--weights", cut)).toContain("web page");
  });

  test("for another model: keys and shapes that differ", async () => {
    const pictures = await divided();
    const wider = fresh("wider.pth");
    await save(models.getModel("shufflenet_v2_x1_0").stateDict(), wider);
    expect(await refused(pictures, "--weights", wider)).toMatch(
      /of another shape: stage2\.0\.branch1\.2\.weight \(\[58, 24, 1, 1\] in the file, \[24, 24, 1, 1\] in the model\)/,
    );
    const other = await refused(pictures, "--weights", await weights(), "--model", "resnet18");
    expect(other).toMatch(/is not for resnet18: 338 entries there, 122 in the model/);
    expect(other).toMatch(/120 missing in the file: conv1\.weight, /);
    expect(other).toMatch(/only in the file: conv1\.0\.weight, /);
  });
});

describe("results", () => {
  test("an --out that cannot be written is found before training", async () => {
    const file = fresh("file");
    writeFileSync(file, "");
    const pictures = await divided();
    const { code, stdout, stderr } = await kindling("finetune", pictures, ...quick(join(file, "out")));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: --out .* cannot be written: ENOTDIR/);
    expect(stdout).not.toContain("epoch");
    // Where folders can not be made at all, recursion must end.
    expect(await failure(1, "finetune", pictures, ...quick("/proc/no/such"))).toMatch(/cannot be written/);
  });

  test("a loss that is NaN stops the run at its step, and the last good checkpoint stays", async () => {
    const pictures = await divided();
    const out = fresh("out");
    const diverging = ["finetune", pictures, ...quick(out), "--lr", "1e38"];
    expect(await failure(1, ...diverging)).toMatch(
      /the loss is (NaN|Infinity) at step 2 of epoch 1, so training stopped/,
    );
    for (const [key, tensor] of findStateDict(await load(join(out, "model.pth"))))
      expect(Array.from(await tensor.data(), Number).every(Number.isFinite), key).toBe(true);

    expect((await kindling("finetune", pictures, ...quick(out))).code).toBe(0);
    const trained = readFileSync(join(out, "model.pth"));
    await failure(1, ...diverging);
    expect(readFileSync(join(out, "model.pth")).equals(trained)).toBe(true);
  });

  test("predict says what is wrong with its folder", async () => {
    const out = fresh("out");
    mkdirSync(out);
    expect(await failure(1, "predict", "x.png", "--checkpoint", out)).toContain("config.json cannot be read: ENOENT");
    writeFileSync(join(out, "config.json"), "{");
    expect(await failure(1, "predict", "x.png", "--checkpoint", out)).toContain("config.json is no JSON");
    writeFileSync(join(out, "config.json"), "{}");
    writeFileSync(join(out, "classes.json"), "[]");
    expect(await failure(1, "predict", "x.png", "--checkpoint", out)).toContain("names no model");
  });
});
