/** The runner as `pnpm test:goldens` starts it: it counts what ran, fails on a wrong number, and never passes nothing. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const bundled = fileURLToPath(new URL("../fixtures", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "kindling-goldens-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** Runs the command; gives its exit code, its lines and the closing line. */
function run(set: string, ...args: string[]): { code: number | null; output: string; closing: string } {
  const env = { ...process.env, KINDLING_FIXTURES: set };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { env, encoding: "utf8" });
  return { code: status, output: stdout + stderr, closing: stdout.trimEnd().split("\n").at(-1)! };
}

/** A set with only the schedulers, whose JSON is changed by `edit`. */
function schedulerSet(name: string, edit: (json: string) => string): string {
  const set = join(temporary, name);
  mkdirSync(join(set, "ops"), { recursive: true });
  const json = gunzipSync(readFileSync(join(bundled, "ops/schedulers.json.gz"))).toString();
  writeFileSync(join(set, "ops/schedulers.json.gz"), gzipSync(edit(json)));
  return set;
}

describe("the runner", () => {
  test("counts each case of the operators, and names what is not built", () => {
    const { code, output, closing } = run(bundled, "ops", "--filter", "ops/(add|matmul|conv2d|sort|nms)\\.");
    expect(output).toContain("skip  ops/nms.0: the operator nms is not built yet");
    expect(closing).toBe("21 passed, 0 failed, 2 skipped");
    expect(code).toBe(0);
  });

  test("runs a model, its gradients and its training", () => {
    const { code, output, closing } = run(
      bundled,
      "models",
      "grads",
      "train",
      "--filter",
      "shufflenet_v2_x0_5$|frozen",
    );
    expect(output).toMatch(/ok {4}models\/shufflenet_v2_x0_5: error/);
    expect(closing).toBe("3 passed, 0 failed, 0 skipped");
    expect(code).toBe(0);
  }, 180_000);

  test("passes the schedules as they are, and fails with names and numbers where one rate is another", () => {
    expect(run(schedulerSet("same", (json) => json)).closing).toMatch(/^[1-9]\d* passed, 0 failed, 0 skipped$/);
    const wrong = schedulerSet("wrong", (json) => json.replace("[0.05,0.1]", "[0.05,0.11]"));
    const { code, output, closing } = run(wrong);
    expect(output).toMatch(
      /FAIL {2}schedulers\/StepLR\.0: rate of group 1 at step 3: got 0\.1, want 0\.11; error .*tolerance/,
    );
    expect(closing).toMatch(/ 1 failed, 0 skipped$/);
    expect(code).toBe(1);
  });

  test("reads a copy of a set elsewhere, and leaves out the parts that it lacks", () => {
    const set = join(temporary, "optim-only");
    mkdirSync(join(set, "ops"), { recursive: true });
    for (const file of ["optim.json.gz", "optim.safetensors.gz"])
      cpSync(join(bundled, "ops", file), join(set, "ops", file));
    const { code, closing } = run(set);
    expect(closing).toBe("22 passed, 0 failed, 0 skipped");
    expect(code).toBe(0);
  });

  test("on webgpu leaves large models out unless it is told --slow, and names them", () => {
    const { code, output, closing } = run(bundled, "models", "--device", "webgpu", "--filter", "vit_l");
    expect(output).toContain("slow  models/vit_l_32: left out; --slow runs it");
    expect(closing).toBe("0 passed, 0 failed, 0 skipped, 1 left out");
    expect(code).toBe(1);
  });

  test("does not pass where nothing ran, or for a part that is none", () => {
    const empty = join(temporary, "empty");
    mkdirSync(empty);
    expect(run(empty)).toMatchObject({ code: 1, closing: "0 passed, 0 failed, 0 skipped" });
    expect(run(bundled, "ops", "--filter", "no such case").code).toBe(1);
    expect(run(bundled, "opps")).toMatchObject({ code: 2, output: expect.stringContaining("unknown part opps") });
    expect(run(join(temporary, "missing"))).toMatchObject({ code: 1 });
  });
});
