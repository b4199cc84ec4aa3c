/** Several processes that want the same file, some of which are killed, stopped or gone. */

import { once } from "node:events";
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchWeights } from "../../dist/hub/index.js";
import { ask, expectWhole, published, serve, serveFile } from "./harness.js";
import type { WeightsServer } from "./server.js";
import { contentHash, listing, temporaryFolder } from "./weights.js";
import { answerOf, startWorker } from "./worker.js";

const HALF = 100_000;

/** A server that sends half of the file, then nothing more until it is told to go on. Ranges it serves at once. */
async function hesitant(): Promise<{ server: WeightsServer; proceed: () => void }> {
  let proceed = (): void => {};
  const told = new Promise<void>((resolve) => {
    proceed = resolve;
  });
  const server = await serve(async (request, response) => {
    if (request.headers.range) return server.send(request, response, published.bytes, { etag: '"1"' });
    response.writeHead(200, { ETag: '"1"', "Content-Length": published.bytes.length });
    response.write(published.bytes.subarray(0, HALF));
    await told;
    response.end(published.bytes.subarray(HALF));
  });
  return { server, proceed };
}

/** Waits for a draft of the file with all that a hesitant server sends. */
async function halfThere(folder: string): Promise<void> {
  const isHalf = (name: string): boolean => name.endsWith(".partial") && statSync(join(folder, name)).size === HALF;
  while (!listing(folder).some(isHalf)) await setTimeout(20);
}

const lockOf = (folder: string): string => join(folder, `${published.name}.lock`);

const leaveLock = (folder: string, owner: object | string): void =>
  writeFileSync(lockOf(folder), typeof owner === "string" ? owner : JSON.stringify(owner));

afterEach(() => void vi.restoreAllMocks());

describe("two processes", () => {
  it("download once", async () => {
    const { server, proceed } = await hesitant();
    const modelDir = temporaryFolder();
    const order = { url: server.base + published.name, modelDir, checkHash: true };
    const first = startWorker(order);
    await halfThere(modelDir);
    const second = startWorker({ ...order, progress: true });
    const said = once(second.stderr, "data");
    const answers = Promise.all([answerOf(first), answerOf(second)]);
    // The second waits, and says for whom.
    expect(String((await said)[0])).toContain(`process ${first.pid}`);
    proceed();
    const file = join(modelDir, published.name);
    expect(await answers).toMatchObject([{ file }, { file }]);
    expectWhole({ folder: modelDir, file });
    expect(server.requests).toHaveLength(1);
  });

  it("download once also when they are one", async () => {
    const server = await serveFile({});
    const modelDir = temporaryFolder();
    const outcomes = await Promise.all([1, 2, 3].map(() => ask(server, { modelDir })));
    for (const outcome of outcomes) expectWhole(outcome);
    expect(server.requests).toHaveLength(1);
  });

  it("get the file each if the server fails the first", async () => {
    const server = await serve((request, response, count) => {
      if (count > 1) return server.send(request, response, published.bytes);
      response.writeHead(404).end();
    });
    const modelDir = temporaryFolder();
    const outcomes = await Promise.all([1, 2].map(() => ask(server, { modelDir })));
    expect(outcomes.filter(({ error }) => error?.kind === "not-found")).toHaveLength(1);
    expectWhole(outcomes.find(({ error }) => !error)!);
  });
});

describe("a process that is killed", () => {
  it("leaves its part to the next, which neither waits nor begins anew", async () => {
    const { server } = await hesitant();
    const modelDir = temporaryFolder();
    const worker = startWorker({ url: server.base + published.name, modelDir });
    await halfThere(modelDir);
    worker.kill("SIGKILL");
    await once(worker, "exit");
    expect(existsSync(lockOf(modelDir))).toBe(true);

    // The clock stands: that the lock is of a dead process is seen, not waited for.
    vi.spyOn(performance, "now").mockReturnValue(0);
    expectWhole(await ask(server, { modelDir }));
    expect(server.ranges).toEqual([undefined, `bytes=${HALF}-`]);
  });

  it("does not hold up the next with its number in use by another process, or on another machine", async () => {
    const server = await serveFile({});
    // Half a minute passes between two looks at the clock.
    let clock = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (clock += 30_000));
    for (const owner of [
      { id: "a", pid: process.ppid, host: hostname() },
      { id: "b", pid: 1, host: "elsewhere" },
      "",
      "{",
    ]) {
      const modelDir = temporaryFolder();
      leaveLock(modelDir, owner);
      expectWhole(await ask(server, { modelDir }));
    }
  });
});

describe("a process that is alive", () => {
  it("is waited for as long as it gives signs, and no longer than the caller wants", async () => {
    const server = await serveFile({});
    const modelDir = temporaryFolder();
    let clock = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (clock += 10_000));
    let beats = 0;
    leaveLock(modelDir, { id: "a", pid: 1, host: "elsewhere", beats });
    const beating = setInterval(() => leaveLock(modelDir, { id: "a", pid: 1, host: "elsewhere", beats: beats++ }), 20);
    try {
      const signal = AbortSignal.timeout(1000);
      await expect(ask(server, { modelDir, signal })).rejects.toMatchObject({ name: "TimeoutError" });
    } finally {
      clearInterval(beating);
    }
    expect(server.requests).toEqual([]);
    expect(existsSync(lockOf(modelDir))).toBe(true);
  });

  it("but was believed dead, does no harm to the one that took its place, nor to itself", async () => {
    const { server, proceed } = await hesitant();
    const modelDir = temporaryFolder();
    const url = server.base + published.name;
    const sleeper = fetchWeights(url, { modelDir, progress: false });
    await halfThere(modelDir);
    rmSync(lockOf(modelDir));

    const taker = await fetchWeights(url, { modelDir, progress: false });
    expect(contentHash(taker)).toBe(published.sha256);
    expect(server.ranges).toEqual([undefined, `bytes=${HALF}-`]);
    proceed();
    expect(await sleeper).toBe(taker);
    expectWhole({ folder: modelDir, file: taker });
    expect(server.requests).toHaveLength(2);
  });
});
