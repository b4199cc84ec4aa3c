/** Folders that cannot be written to, and disks that are full. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ask, published, serveFile } from "./harness.js";
import { temporaryFolder } from "./weights.js";
import { runWorker } from "./worker.js";

/** Runs a command with file systems of its own, which no other process sees. */
const UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"];
const canMount = spawnSync(UNSHARE[0], [...UNSHARE.slice(1), "true"]).status === 0;

describe("a folder that cannot be written to", () => {
  it("is an error that says what to do", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    const server = await serveFile({});
    const { error } = await ask(server, { modelDir: join(file, "below") });
    expect(error).toMatchObject({ kind: "read-only" });
    expect(error!.message).toMatch(/cannot be written to.*modelDir.*TORCH_HOME/);
    expect(server.requests).toEqual([]);
  });

  it.runIf(process.platform === "linux")("is an error also where it exists", async () => {
    const { error } = await ask(await serveFile({}), { modelDir: "/proc/self" });
    expect(error).toMatchObject({ kind: "read-only" });
  });

  it.runIf(canMount)("gives what it has", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, published.name), published.bytes);
    const server = await serveFile({});
    const mount = `mount --bind ${folder} ${folder} && mount -o remount,ro,bind ${folder} && exec "$@"`;
    const within = [...UNSHARE, "sh", "-c", mount, "sh"];
    const found = await runWorker({ url: server.base + published.name, modelDir: folder }, within);
    expect(found).toMatchObject({ file: join(folder, published.name) });
    expect(server.requests).toEqual([]);

    const lacking = await runWorker({ url: `${server.base}lacking.pth`, modelDir: folder }, within);
    expect(lacking).toMatchObject({ kind: "read-only", message: expect.stringContaining("EROFS") });
  });
});

describe("a full disk", () => {
  it.runIf(canMount)("is an error with the room that is needed, and gets back what the download took", async () => {
    const folder = temporaryFolder();
    const server = await serveFile({ etag: '"1"' });
    const mount = `mount -t tmpfs -o size=100k tmpfs ${folder} && "$@"; ls ${folder} >&2`;
    const within = [...UNSHARE, "sh", "-c", mount, "sh"];
    const outcome = await runWorker({ url: server.base + published.name, modelDir: folder }, within);
    expect(outcome).toMatchObject({ kind: "disk-full", stderr: "" });
    const [, free, needed] = /: (\d+) bytes are free; (\d+) more bytes are needed/.exec(outcome.message!)!.map(Number);
    expect(free).toBeGreaterThan(90_000);
    expect(needed).toBeGreaterThan(published.bytes.length - 100_000);
    expect(needed).toBeLessThanOrEqual(published.bytes.length);
  });
});
