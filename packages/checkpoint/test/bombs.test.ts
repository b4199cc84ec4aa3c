/** Small files that ask for much: time is bounded by the size of the file, memory by the limits. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CheckpointError, findStateDict, inspect, load, type PythonValue } from "@kindling/checkpoint";
import { afterAll, describe, expect, it } from "vitest";
import { bombs } from "./bombs.js";

const all = await bombs();

/** What people do with a file; each ends in a value or a `CheckpointError`. */
const USES: Readonly<Record<string, (bytes: Uint8Array) => Promise<unknown>>> = {
  inspect: (bytes) => inspect(bytes),
  "load and findStateDict": async (bytes) => findStateDict((await load(bytes)) as PythonValue),
};

/** Milliseconds of processor. What is linear takes a fraction of it, what is not takes minutes. */
const MOST_MS = 3000;

describe("time", () => {
  for (const [name, bytes] of all)
    it(name, async () => {
      for (const [use, run] of Object.entries(USES)) {
        const start = process.cpuUsage();
        await run(bytes).catch((error: unknown) => {
          expect(error, String((error as Error).stack)).toBeInstanceOf(CheckpointError);
          expect((error as Error).message.length).toBeLessThan(2000);
        });
        const { user, system } = process.cpuUsage(start);
        expect((user + system) / 1000, use).toBeLessThan(MOST_MS);
      }
    });
});

/** Linux tells how large a process has been, and forgets it when told to. */
describe.skipIf(!existsSync("/proc/self/clear_refs"))("memory", () => {
  const folder = mkdtempSync(join(tmpdir(), "kindling-bombs-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  const MIB = 2 ** 20;
  const LIMITS = { maxTensorBytes: 32 * MIB, maxObjectBytes: 32 * MIB };
  /** What the documentation of `LoadLimits` calls the engine's own. */
  const ENGINE = 64 * MIB;
  const entry = new URL("../dist/index.js", import.meta.url).href;

  /** Loads files one after the other; tells of each how much larger the process was than before the first. */
  const program = `
    import { readFileSync, writeFileSync } from "node:fs";
    import { load } from ${JSON.stringify(entry)};
    const size = (line) => 1024 * Number(new RegExp(line + ":\\\\s+(\\\\d+)").exec(readFileSync("/proc/self/status", "utf8"))[1]);
    const before = size("VmRSS");
    for (const path of process.argv.slice(1)) {
      gc();
      writeFileSync("/proc/self/clear_refs", "5");
      await load(readFileSync(path), ${JSON.stringify(LIMITS)}).catch((error) => {
        if (error.name !== "CheckpointError") throw error;
      });
      console.log(size("VmHWM") - before);
    }`;

  it("grows by what the limits allow, and a small heap is enough", () => {
    const paths = [...all.values()].map((bytes, i) => {
      const path = join(folder, `${i}.pth`);
      writeFileSync(path, bytes);
      return path;
    });
    const flags = ["--expose-gc", "--max-old-space-size=128", "--max-semi-space-size=8", "--input-type=module"];
    const child = spawnSync(process.execPath, [...flags, "--eval", program, ...paths], { encoding: "utf8" });
    expect(child.status, child.stderr).toBe(0);
    const grown = child.stdout.trim().split("\n").map(Number);
    for (const [i, [name, bytes]] of [...all].entries()) {
      const bound = LIMITS.maxTensorBytes + LIMITS.maxObjectBytes + bytes.length + ENGINE;
      expect(grown[i], `${name} grew by ${Math.round(grown[i] / MIB)} MiB`).toBeLessThan(bound);
    }
  });
});
