/** A file is written whole or not at all: whatever kills the writer, whatever the file system says. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CheckpointError, load, save, toBytes } from "@kindling/checkpoint";
import { fromHost, type Tensor } from "@kindling/core";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { platform } from "../dist/platform/node.js";

const root = mkdtempSync(join(tmpdir(), "kindling-atomic-"));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, "t"));
  path = join(folder, "model.pth");
});

const isRoot = process.getuid?.() === 0;

async function errorOf(promise: Promise<unknown>): Promise<CheckpointError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  return error as CheckpointError;
}

/** Starts a process of Node that runs a script in which `save` and `value(n)` are known. */
function start(script: string): ChildProcess {
  const prelude = `
    import { fromHost } from ${JSON.stringify(import.meta.resolve("@kindling/core"))};
    import { save } from ${JSON.stringify(import.meta.resolve("@kindling/checkpoint"))};
    const value = (n) => ({ n, weight: fromHost(new Float32Array(500_000).fill(n), [500_000]) });
    const path = ${JSON.stringify(path)};
  `;
  return spawn(process.execPath, ["--input-type=module", "-e", prelude + script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

const ended = (child: ChildProcess): Promise<unknown> => new Promise((done) => child.once("exit", done));
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Reads the file, which must be one of those that were written, whole; gives its number. */
async function whole(): Promise<number> {
  const loaded = (await load(path)) as Map<string, Tensor | number>;
  const [n, weight] = [loaded.get("n") as number, loaded.get("weight") as Tensor];
  expect((weight.hostData() as Float32Array).every((x) => x === n)).toBe(true);
  return n;
}

describe("a process killed while it saves", () => {
  it("leaves the old file or the new one, and what it left beside it goes with the next save", async () => {
    await save({ n: -1, weight: fromHost(new Float32Array(500_000).fill(-1), [500_000]) }, path);
    for (let round = 0; round < 8; round++) {
      const child = start(`for (let n = 0; ; n++) { await save(value(n), path); if (n === 0) console.log("saving"); }`);
      await new Promise((started) => child.stdout?.once("data", started));
      await wait(Math.random() * 60);
      child.kill("SIGKILL");
      await ended(child);
      expect(await whole()).toBeGreaterThanOrEqual(0);
      expect(readdirSync(folder).length).toBeLessThanOrEqual(2);
    }
    await save({}, path);
    expect(readdirSync(folder)).toEqual(["model.pth"]);
  }, 60_000);
});

describe("several writers", () => {
  it("two processes that save to one path leave one of their files, whole", async () => {
    const script = (first: number) => `for (let n = ${first}; n < ${first + 20}; n++) await save(value(n), path);`;
    const children = [start(script(100)), start(script(200))];
    for (const code of await Promise.all(children.map(ended))) expect(code).toBe(0);
    expect([119, 219]).toContain(await whole());
    expect(readdirSync(folder)).toEqual(["model.pth"]);
  }, 60_000);

  it("saves at the same time in one process leave one of the files, whole", async () => {
    await Promise.all(Array.from({ length: 20 }, (_, n) => save({ n }, path)));
    expect((await load(path)) as Map<string, number>).toHaveProperty("size", 1);
    expect(readdirSync(folder)).toEqual(["model.pth"]);
  });
});

describe("temporary files", () => {
  const left = (space: string, pid: number, ageMs = 0): string => {
    const name = `.kindling-${space}-${pid}-0123456789ab.tmp`;
    writeFileSync(join(folder, name), "half");
    const time = (Date.now() - ageMs) / 1000;
    utimesSync(join(folder, name), time, time);
    return name;
  };

  it("of writers that live, and of other machines for a day, are left alone; all others go", async () => {
    let finish: () => void = () => undefined;
    const held = new Promise<void>((done) => {
      finish = done;
    });
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1);
      await held;
      yield Uint8Array.of(2);
    }
    const slowPath = join(folder, "slow");
    const writing = platform.writeAtomically(slowPath, slow());
    const live = left("00000000", 1);
    left("00000001", 1, 24 * 3600 * 1000 + 1000);
    writeFileSync(join(folder, ".kindling-notes.tmp"), "mine");
    await save({}, path);
    const names = readdirSync(folder);
    expect(names).toHaveLength(4);
    expect(names).toEqual(expect.arrayContaining([live, ".kindling-notes.tmp", "model.pth"]));
    finish();
    await writing;
    expect([...readFileSync(slowPath)]).toEqual([1, 2]);
  });

  it("of this process's number, but older than it, go", async () => {
    await save({}, path);
    const [space] = await ownSpace();
    left(space, process.pid, 1000 * process.uptime() + 60_000);
    left(space, 2 ** 22 + 1);
    await save({}, path);
    expect(readdirSync(folder)).toEqual(["model.pth"]);
  });

  /** What stands in the names of temporary files for this machine. */
  async function ownSpace(): Promise<string[]> {
    const names: string[] = [];
    async function* look(): AsyncGenerator<Uint8Array> {
      names.push(...readdirSync(folder));
      yield new Uint8Array(1);
    }
    await platform.writeAtomically(path, look());
    return names.flatMap((name) => /^\.kindling-(\w{8})-/.exec(name)?.slice(1) ?? []);
  }
});

describe("permissions and links", () => {
  it("a new file has those that the umask leaves, a replaced one its own", async () => {
    const umask = process.umask(0o027);
    try {
      await save({}, path);
      expect(statSync(path).mode & 0o777).toBe(0o640);
      chmodSync(path, 0o606);
      await save({ n: 1 }, path);
      expect(statSync(path).mode & 0o777).toBe(0o606);
    } finally {
      process.umask(umask);
    }
  });

  it("a link to nothing leads to the new file", async () => {
    mkdirSync(join(folder, "runs"));
    symlinkSync("runs/1.pth", join(folder, "latest.pth"));
    symlinkSync("latest.pth", path);
    await save({ n: 1 }, path);
    expect(readlinkSync(path)).toBe("latest.pth");
    expect(await load(join(folder, "runs/1.pth"))).toEqual(new Map([["n", 1]]));
  });

  it("links in a circle are an error", async () => {
    symlinkSync("b.pth", join(folder, "a.pth"));
    symlinkSync("a.pth", join(folder, "b.pth"));
    expect((await errorOf(save({}, join(folder, "a.pth")))).message).toContain("circle");
  });

  it("a name as long as the file system allows is no problem", async () => {
    const long = join(folder, `${"n".repeat(251)}.pth`);
    await save({ n: 1 }, long);
    expect(new Uint8Array(readFileSync(long))).toEqual(await toBytes({ n: 1 }));
  });
});

describe("what cannot be written is said", () => {
  it("a folder that is missing, a file in the place of a folder, a folder in the place of a file", async () => {
    const missing = await errorOf(save({}, join(folder, "no", "model.pth")));
    expect(missing.kind).toBe("io");
    expect(missing.message).toContain("the folder does not exist; make it first, ENOENT");
    writeFileSync(path, "");
    expect((await errorOf(save({}, join(path, "model.pth")))).message).toContain("no folder, ENOTDIR");
    mkdirSync(join(folder, "runs"));
    expect((await errorOf(save({}, join(folder, "runs")))).message).toContain("it is a folder");
    expect((await errorOf(save({}, ""))).kind).toBe("io");
    expect((await errorOf(save({}, "a\0b"))).kind).toBe("io");
  });

  it.runIf(existsSync("/dev/null"))("a device is not replaced by a file", async () => {
    expect((await errorOf(save({}, "/dev/null"))).message).toContain("device");
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  it.skipIf(isRoot)("a file or a folder that must not be written", async () => {
    await save({ n: 1 }, path);
    chmodSync(path, 0o444);
    expect((await errorOf(save({}, path))).message).toContain("permission is denied, EACCES");
    chmodSync(path, 0o644);
    chmodSync(folder, 0o555);
    expect((await errorOf(save({}, path))).message).toContain("permission is denied, EACCES");
    chmodSync(folder, 0o755);
    expect(await load(path)).toEqual(new Map([["n", 1]]));
  });

  it.runIf(isRoot)("a full disk: what stood there stays, and nothing is left", async ({ skip }) => {
    const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
    skip(status !== 0, "file systems cannot be mounted here");
    try {
      await save({ n: 1 }, path);
      const error = await errorOf(save({ big: new Uint8Array(2 ** 21) }, path));
      expect(error.message).toContain("what stood there is unchanged (there is no space left, ENOSPC)");
      expect(await load(path)).toEqual(new Map([["n", 1]]));
      expect(readdirSync(folder)).toEqual(["model.pth"]);
    } finally {
      spawnSync("umount", [folder]);
    }
  });
});
