/** `kindling inspect`, run as a process: on good files, on bad ones, and on files that would like to drive the terminal. */

import { writeFileSync } from "node:fs";
import { save, saveSafetensors } from "@kindling/checkpoint";
import { fromHost, type Tensor } from "@kindling/core";
import { expect, test } from "vitest";
import { fresh, kindling } from "./kindling.js";

const zeros = (length: number): Tensor => fromHost(new Float32Array(length), [length]);

/** Bytes that a terminal acts on: escapes, 8-bit controls, bidirectional overrides. */
const HOSTILE = "\u001b]0;title\u0007\u009b2J\u202egnp.exe\r\n";
const ACTIVE = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u;

test("lists tensors, what they share, and what else there is", async () => {
  const path = fresh("model.pth");
  const tied = zeros(8).requiresGrad_();
  await save({ epoch: 3, model: new Map<string, unknown>([["a", tied]]), b: tied }, path);
  const { code, stdout } = await kindling("inspect", path);
  expect(code).toBe(0);
  expect(stdout).toMatch(/model\.a +\[8\] +float32 +32/);
  expect(stdout).toMatch(/b +\[8\] +float32 +32 .*shares the storage of model\.a\n/);
  expect(stdout).toContain("epoch = 3\n");
  expect(stdout).toMatch(/2 tensors, 32 B, in a zip file of torch\.save of /);
});

test("gives data with --json", async () => {
  const path = fresh("model.safetensors");
  await saveSafetensors({ [HOSTILE]: zeros(2) }, path, { metadata: { format: "pt" } });
  const { code, stdout } = await kindling("inspect", path, "--json");
  expect(code).toBe(0);
  expect(stdout).not.toMatch(ACTIVE);
  expect(JSON.parse(stdout)).toMatchObject({
    format: "safetensors",
    storageBytes: 8,
    tensors: [{ name: HOSTILE, shape: [2], dtype: "float32", bytes: 8, requiresGrad: false }],
    values: [{ name: "__metadata__.format", text: '"pt"' }],
  });
});

test("shows names and values without what a terminal would act on", async () => {
  const path = fresh("hostile.pth");
  await save(
    new Map<string, unknown>([
      [HOSTILE, zeros(1)],
      ["note", HOSTILE],
      [`${HOSTILE}2`, 1],
    ]),
    path,
  );
  const { code, stdout } = await kindling("inspect", path);
  expect(code).toBe(0);
  expect(stdout).toContain("\\u{1b}]0;title");
  expect(stdout).not.toMatch(ACTIVE);
});

test("lists ten thousand tensors", async () => {
  const path = fresh("many.safetensors");
  await saveSafetensors(new Map(Array.from({ length: 10_000 }, (_, i) => [`layer.${i}.weight`, zeros(1)])), path);
  const { code, stdout } = await kindling("inspect", path);
  expect(code).toBe(0);
  expect(stdout.split("\n").length).toBeGreaterThan(10_000);
  expect(stdout).toContain("10,000 tensors");
});

test.each([
  ["a file that is missing", undefined, /cannot be opened/],
  ["an empty one", "", /empty/],
  ["a web page", "<!doctype html>", /web page/],
  ["a pickle that asks for a hostile name", "\u0080\u0002cos\u001b[31m\nsystem\n.", /./],
])("says in one line what is wrong with %s", async (_what, content, message) => {
  const path = fresh("bad.pth");
  if (content !== undefined) writeFileSync(path, Buffer.from(content, "latin1"));
  const { code, stdout, stderr } = await kindling("inspect", path);
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^error: [^\n]+\n$/);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(ACTIVE);
});
