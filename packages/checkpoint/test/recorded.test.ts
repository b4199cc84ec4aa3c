/**
 * What `recorded/reading/make.py` writes with real torch loads to what torch says it holds, or is refused by name. The
 * files are recorded; where torch is installed, it writes them anew.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { CheckpointError, load } from "@kindling/checkpoint";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeValue } from "./described.js";
import { hasTorch, PYTHON } from "./torch-oracle.js";

interface Loaded {
  readonly file: string;
  readonly value: unknown;
}

interface Refused {
  readonly file: string;
  readonly kind: string;
  readonly words: readonly string[];
}

type Listed = Loaded | Refused;

const scripts = new URL("./recorded/reading/", import.meta.url).pathname;
const recorded = join(scripts, "files");

const listing = (folder: string): Listed[] =>
  JSON.parse(gunzipSync(readFileSync(join(folder, "expected.json.gz"))).toString()) as Listed[];

async function check(folder: string, listed: Listed): Promise<void> {
  const loading = load(join(folder, listed.file));
  if ("value" in listed) return expect(describeValue(await loading)).toEqual(listed.value);
  const error: unknown = await loading.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CheckpointError);
  const { kind, message } = error as CheckpointError;
  expect({ kind, message }).toEqual({ kind: listed.kind, message: expect.stringContaining(listed.words[0]) });
  for (const word of [join(folder, listed.file), ...listed.words]) expect(message).toContain(word);
}

describe("recorded files", () => {
  for (const listed of listing(recorded)) {
    const what = "value" in listed ? "loads" : `is refused: ${listed.kind}`;
    it(`${listed.file} ${what}`, async () => {
      await check(recorded, listed);
    });
  }
});

describe.runIf(hasTorch)("files that torch writes now", () => {
  const folder = mkdtempSync(join(tmpdir(), "kindling-reading-"));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  // Importing torch takes seconds on a busy machine.
  beforeAll(() => {
    execFileSync(PYTHON, ["-B", "-W", "ignore", "make.py", folder], { cwd: scripts });
  }, 300_000);

  it("are those that were recorded", () => {
    const names = (files: readonly Listed[]) => files.map(({ file }) => file);
    expect(names(listing(folder))).toEqual(names(listing(recorded)));
  });

  it("load, or are refused, as listed", async () => {
    for (const listed of listing(folder)) await check(folder, listed);
  });
});
