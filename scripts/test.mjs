// `npm test`: sets up, then runs every check of the repository, to the last even where one fails.
//
// The last line, `N passed, N failed`, counts every unit and property test, every golden fixture and each of the other
// checks (lint, types, packaging; set-up where it fails) as one. The exit code is 0 only where nothing failed.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTestAdapter } from "./lib/adapter.mjs";
import { runNode } from "./lib/process.mjs";

/** @typedef {{ passed: number, failed: number }} Count */

/**
 * A check that counts as one.
 *
 * @param {string[]} args what Node runs
 * @returns {Promise<Count>}
 */
async function one(args) {
  const { code } = await runNode(args);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** All tests of vitest; a file that could not be loaded at all counts as one failure. */
async function unitTests() {
  const folder = mkdtempSync(join(tmpdir(), "kindling-test-"));
  const report = join(folder, "vitest.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const { code } = await runNode(["node_modules/vitest/vitest.mjs", "run", ...reporters]);
    const { numPassedTests: passed, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
    const unloaded = testResults.filter(
      (/** @type {{ status: string, assertionResults: { status: string }[] }} */ file) =>
        file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
    ).length;
    const failed = numFailedTests + unloaded;
    return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
  } catch (error) {
    console.error(`vitest left no report: ${error}`);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The golden runner on the fixtures that live in the repository.
 *
 * @param {string[]} args
 * @returns {Promise<Count>}
 */
async function goldens(args) {
  const env = { ...process.env, KINDLING_FIXTURES: "packages/goldens/fixtures" };
  const { code, stdout } = await runNode(["packages/goldens/dist/main.js", ...args], { env, output: "both" });
  const closing = [...stdout.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1);
  const passed = Number(closing?.[1] ?? 0);
  const failed = Number(closing?.[2] ?? 0);
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

/** A model of each family. */
const FAMILIES = [
  "alexnet",
  "convnext_tiny",
  "densenet121",
  "efficientnet_b0",
  "googlenet",
  "inception_v3",
  "maxvit_t",
  "mnasnet0_75",
  "mobilenet_v2",
  "mobilenet_v3_small",
  "regnet_y_400mf",
  "resnet18",
  "shufflenet_v2_x0_5",
  "squeezenet1_1",
  "swin_t",
  "swin_v2_t",
  "vgg11",
  "vit_b_32",
];

/** Operators, optimizers, each family forward, one network backward and trained: minutes on an adapter in software. */
const onWebGpu = [
  "--device",
  "webgpu",
  "--filter",
  `^(ops|optim)/|^models/(${FAMILIES.join("|")})$|^grads/shufflenet_v2_x0_5$|^sample/`,
];

const checks = [
  { title: "lint and format", check: () => one(["node_modules/@biomejs/biome/bin/biome", "check"]) },
  { title: "types", check: () => one(["node_modules/typescript/bin/tsc", "-p", "tsconfig.test.json"]) },
  { title: "unit and property tests", check: unitTests },
  { title: "goldens", check: () => goldens([]) },
  { title: "goldens on webgpu", check: () => goldens(onWebGpu) },
  { title: "fuzzing", check: () => one(["packages/checkpoint/fuzz/dist/main.js", "--seconds", "3"]) },
  { title: "packaging", check: () => one(["scripts/pack-test.mjs"]) },
];

const { code: unready } = await runNode(["scripts/setup.mjs", "--tests"]);
if (unready !== 0) {
  console.log("\n0 passed, 1 failed");
  process.exit(1);
}
Object.assign(process.env, (await findTestAdapter())?.env);

const total = { passed: 0, failed: 0 };
const summary = [];
for (const { title, check } of checks) {
  console.log(`\n▸ ${title}`);
  const start = performance.now();
  const { passed, failed } = await check();
  total.passed += passed;
  total.failed += failed;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  summary.push(`${failed === 0 ? "✓" : "✗"} ${title}: ${passed} passed, ${failed} failed (${seconds} s)`);
}

console.log(`\n${summary.join("\n")}\n\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
