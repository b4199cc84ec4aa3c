// The command itself: what it lists, measures and refuses, and that its figures' programs start.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { StartParts } from "../dist/figures/start-process.js";
import type { Report } from "../dist/report.js";

function run(program: string, ...args: string[]) {
  const path = fileURLToPath(new URL(`../dist/${program}.js`, import.meta.url));
  return spawnSync(process.execPath, ["--expose-gc", path, ...args], { encoding: "utf8" });
}

test("lists what it measures", () => {
  const { status, stdout } = run("main", "--list");
  expect(status).toBe(0);
  expect(stdout.split("\n")).toEqual(expect.arrayContaining(["  matmul 1024", "  process start"]));
});

test("measures what was chosen, in a process of its own, and says what it was", () => {
  const options = ["--only", "^matmul 128$", "--runs", "2", "--rounds", "2", "--threads", "1", "--no-peers", "--json"];
  const { status, stdout } = run("main", ...options);
  expect(status).toBe(0);
  const report: Report = JSON.parse(stdout);
  expect(report.engines).toHaveLength(1);
  expect(report.engines[0].title).toBe(`Kindling on cpu, Node ${process.versions.node}, 1 threads`);
  expect(report.results).toHaveLength(1);
  expect(report.results[0].engines[0]).toMatchObject({ check: "[128,128]", kernels: 1 });
  expect(report.results[0].engines[0].gflops).toBeGreaterThan(0);
});

test("refuses a pattern that nothing matches, and tells what there is", () => {
  const { status, stderr } = run("main", "--only", "no such thing");
  expect(status).toBe(2);
  expect(stderr).toContain('nothing matches "no such thing"');
  expect(stderr).toContain("matmul 1024");
});

test("the program that starts, computes and ends tells what each took", () => {
  const parts: StartParts = JSON.parse(run("figures/start-process", "1").stdout);
  expect(Object.keys(parts)).toEqual(["import", "init", "matmul"]);
  for (const ms of Object.values(parts)) expect(ms).toBeGreaterThan(0);
});
