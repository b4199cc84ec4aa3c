/** Files of real torch, hand-made ones and hostile ones: each loads to the listed value or is refused by kind and name. */

import { readFileSync } from "node:fs";
import { CheckpointError, load } from "@kindling/checkpoint";
import type { Tensor } from "@kindling/core";
import { describe, expect, it } from "vitest";
import { describeValue, elementsOf } from "./described.js";

interface Listed {
  file: string;
  expect: "ok" | "error" | "ok_or_error";
  kind?: string;
  global_name?: string;
  value?: unknown;
}

const folder = new URL("./fixtures/", import.meta.url).pathname;
const { files } = JSON.parse(readFileSync(`${folder}expected.json`, "utf8")) as { files: Listed[] };

/** A claim of 2^40 elements with less behind it is a file that was cut off, as far as anyone can know. */
const OTHER_KINDS: Readonly<Record<string, string>> = { "hostile/huge_numel.legacy.pth": "truncated" };

async function refusal(path: string): Promise<CheckpointError> {
  const error: unknown = await load(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  return error as CheckpointError;
}

describe("files that must load", () => {
  for (const { file, value } of files.filter((listed) => listed.expect === "ok")) {
    it(file, async () => {
      expect(describeValue(await load(folder + file))).toEqual(value);
    });
  }
});

describe("files that must be refused", () => {
  for (const { file, kind, global_name } of files.filter((listed) => listed.expect === "error")) {
    it(`${file}: ${kind}`, async () => {
      const error = await refusal(folder + file);
      expect(error.kind).toBe(OTHER_KINDS[file] ?? kind);
      expect(error.message).toContain(global_name ?? "");
    });
  }
});

describe("files that this reader chooses to load", () => {
  const chosen = files.filter((listed) => listed.expect === "ok_or_error");
  const refused: Readonly<Record<string, string>> = {
    "made/cycle.zip.pth": "cycle",
    "made/leading_bytes.zip.pth": "not-a-checkpoint",
    "hostile/expand_bomb.zip.pth": "limit",
    "hostile/storage_long.zip.pth": "storage-size",
    "hostile/frame_huge.zip.pth": "bad-pickle",
    "hostile/traversal_names.zip.pth": "zip",
    "hostile/duplicate_members.zip.pth": "zip",
    "hostile/two_roots.zip.pth": "zip",
  };
  for (const { file, value } of chosen.filter(({ file }) => !(file in refused))) {
    it(file, async () => {
      const loaded = await load(folder + file);
      if (value) expect(describeValue(loaded)).toEqual(value);
      else expect(loaded).toBeDefined();
    });
  }
  for (const [file, kind] of Object.entries(refused)) {
    it(`${file}, refused: ${kind}`, async () => {
      expect((await refusal(folder + file)).kind).toBe(kind);
    });
  }

  it("numpy values", async () => {
    const value = (await load(`${folder}objects/numpy.pth`)) as Map<string, Tensor>;
    expect(value.get("acc")).toBe(71.5);
    expect(value.get("arr")?.shape).toEqual([3]);
    expect(elementsOf(value.get("arr") as Tensor)).toEqual(Float64Array.of(0, 1, 2));
  });

  it("an argparse.Namespace beside the weights", async () => {
    const value = (await load(`${folder}objects/namespace.pth`)) as Map<string, never>;
    expect(describeValue(value.get("args") as never)).toEqual({
      t: "argparse.Namespace",
      items: [
        [
          { t: "str", v: "lr" },
          { t: "float", v: 0.1 },
        ],
        [
          { t: "str", v: "model" },
          { t: "str", v: "resnet18" },
        ],
      ],
    });
  });
});
