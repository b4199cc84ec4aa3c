/**
 * One process at a time, by a file that exists while a process is at work.
 *
 * The owner touches the file every few seconds. Others take it over if the owner is a dead process of this machine, or
 * gave no sign for a while. An owner that merely slept may thus find another at work beside it, and two may take over at
 * once: drafts are made so that this costs a second download, never a wrong file.
 */

import { randomUUID } from "node:crypto";
import { open, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { sleep } from "../waiting.js";
import { codeOf, folderFault } from "./fault.js";

const HEARTBEAT_MS = 3000;

/** An owner that gave no sign for so long counts as dead. */
const SILENCE_MS = 15_000;

const POLL_MS = 100;

interface Owner {
  readonly id: string;
  readonly pid: number;
  readonly host: string;
}

/**
 * Runs a task while holding a lock.
 *
 * @param path the file; its folder is there
 * @param waiting is told, once, who holds the lock meanwhile
 */
export async function withLock<T>(
  path: string,
  task: () => Promise<T>,
  waiting: (owner: string) => void,
  signal?: AbortSignal,
): Promise<T> {
  const self: Owner = { id: randomUUID(), pid: process.pid, host: hostname() };
  await acquire(path, self, waiting, signal);
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await task();
  } finally {
    clearInterval(heartbeat);
    if ((await look(path))?.owner?.id === self.id) await rm(path, { force: true });
  }
}

async function acquire(
  path: string,
  self: Owner,
  waiting: (owner: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  let sign: string | undefined;
  let since = 0;
  while (!(await create(path, self))) {
    const seen = await look(path);
    if (!seen) continue;
    if (sign === undefined) waiting(seen.owner ? `process ${seen.owner.pid} on ${seen.owner.host}` : "another process");
    if (seen.sign !== sign) {
      sign = seen.sign;
      since = performance.now();
    }
    if (isDead(seen.owner) || performance.now() - since > SILENCE_MS) await rm(path, { force: true });
    else await sleep(POLL_MS, signal);
  }
}

/** Makes the lock; false if there is one. */
async function create(path: string, self: Owner): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    try {
      await file.writeFile(JSON.stringify(self));
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw await folderFault(error, path);
  }
}

/** Who holds a lock, and something that changes when the owner gives a sign. The owner may still be writing its name. */
async function look(path: string): Promise<{ owner: Owner | undefined; sign: string } | undefined> {
  try {
    const { mtimeMs } = await stat(path);
    const text = await readFile(path, "utf8");
    return { owner: parse(text), sign: `${mtimeMs} ${text}` };
  } catch {
    return undefined;
  }
}

function parse(text: string): Owner | undefined {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return undefined;
  }
}

function isDead(owner: Owner | undefined): boolean {
  if (owner?.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}
