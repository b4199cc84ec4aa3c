/**
 * Writes files whole or not at all: into a temporary file beside the target, which is synced and then renamed over it.
 * What a killed process left is removed by the next one that writes into the folder.
 */

import { createHash, randomBytes } from "node:crypto";
import { readlinkSync, type Stats } from "node:fs";
import {
  access,
  constants,
  type FileHandle,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
} from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { CheckpointError } from "../errors.js";

/** One system call writes at most this much. */
const WRITE_CHUNK = 2 ** 26;

/** Pieces below this are written together: an archive has a header and a descriptor to every tensor. */
const GATHERED_BYTES = 2 ** 16;

/** A temporary file that nobody has written to for so long is nobody's, whatever machine it is from. */
const ABANDONED_AFTER_MS = 24 * 3600 * 1000;

/** Links in a row after which they are taken for a circle, as in Linux. */
const MAX_LINKS = 40;

const PERMISSIONS = 0o777;

const errorCode = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** What error codes of the file system mean to whoever saves. */
const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EROFS: "the file system is read-only",
  ENOSPC: "there is no space left",
  EDQUOT: "the quota is used up",
  ENOENT: "the folder does not exist; make it first",
  ENOTDIR: "a part of the path is no folder",
  ELOOP: "symbolic links lead in a circle",
  ENAMETOOLONG: "the name is too long",
};

function failure(path: string, what: string, cause: unknown): CheckpointError {
  const code = errorCode(cause) ?? String(cause);
  const meaning = MEANINGS[code];
  return new CheckpointError("io", `${path}: ${what} (${meaning ? `${meaning}, ${code}` : code})`, { cause });
}

/**
 * Writes the chunks as the file at `path`. A link is followed: what it names is replaced, not the link. The permissions
 * and the owner of a file that is replaced are kept.
 */
export async function writeAtomically(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let target: string;
  let temporary: string;
  let file: FileHandle;
  try {
    target = await followLinks(path);
    const old = await replaceable(path, target);
    const folder = dirname(target);
    await sweep(folder);
    temporary = join(folder, temporaryName());
    file = await open(temporary, "wx", old ? old.mode & PERMISSIONS : undefined);
    if (old) await inherit(file, old);
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw failure(path, "cannot be written", cause);
  }
  try {
    try {
      for await (const piece of gathered(chunks)) await writeAll(file, piece);
      await sync(file);
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (cause) {
    await rm(temporary, { force: true });
    if (cause instanceof Error && "syscall" in cause)
      throw failure(path, "writing failed, what stood there is unchanged", cause);
    throw cause;
  }
  await syncFolder(dirname(target));
}

/** The file that a path means in the end, whether it exists or not. */
async function followLinks(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    try {
      return await realpath(target);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
    const link = await readlink(target).catch(() => undefined);
    if (link === undefined) return target;
    target = resolve(await realpath(dirname(target)), link);
  }
  throw Object.assign(new Error("too many links"), { code: "ELOOP" });
}

/** The facts of the file that will be replaced, if there is one; refuses what is no file, and a file not to be written. */
async function replaceable(path: string, target: string): Promise<Stats | undefined> {
  const old = await stat(target).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (!old) return undefined;
  if (!old.isFile())
    throw new CheckpointError(
      "io",
      `${path}: cannot be written (it is a ${old.isDirectory() ? "folder" : "device"}, no file)`,
    );
  await access(target, constants.W_OK);
  return old;
}

/** Gives a file the owner, as far as that is allowed, and the permissions of the one that it will replace. */
async function inherit(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const own = await file.stat();
  if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid).catch(() => undefined);
  if ((own.mode & PERMISSIONS) !== (mode & PERMISSIONS)) await file.chmod(mode & PERMISSIONS);
}

/** The same bytes in fewer pieces. A piece holds until the next is asked for. */
async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const small = new Uint8Array(GATHERED_BYTES);
  let filled = 0;
  for await (const chunk of chunks) {
    if (filled + chunk.length > small.length) {
      yield small.subarray(0, filled);
      filled = 0;
    }
    if (chunk.length > small.length) yield chunk;
    else {
      small.set(chunk, filled);
      filled += chunk.length;
    }
  }
  yield small.subarray(0, filled);
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done, Math.min(WRITE_CHUNK, chunk.length - done));
    done += bytesWritten;
  }
}

/** Some file systems, as of networks, know no sync; an error of any other kind means that data is lost. */
async function sync(file: FileHandle): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "ENOSYS"].includes(errorCode(error) ?? "")) throw error;
  }
}

/** Makes a rename durable. Some file systems, and Windows, refuse to sync a folder: then there is nothing to do. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

let here: string | undefined;

/** Tells machines, and containers on one machine, apart: a process number means something within one only. */
function processSpace(): string {
  if (here !== undefined) return here;
  let space = "";
  try {
    space = readlinkSync("/proc/self/ns/pid");
  } catch {
    // Only Linux has spaces of processes.
  }
  here = createHash("sha256").update(`${hostname()} ${space}`).digest("hex").slice(0, 8);
  return here;
}

const temporaryName = (): string => `.kindling-${processSpace()}-${process.pid}-${randomBytes(6).toString("hex")}.tmp`;

const TEMPORARY = /^\.kindling-([0-9a-f]{8})-(\d+)-[0-9a-f]{12}\.tmp$/;

/** Removes temporary files whose writers are gone. What cannot be removed is left: it is not in the way. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, space, pid] = TEMPORARY.exec(name) ?? [];
    if (space === undefined) continue;
    const path = join(folder, name);
    const written = await stat(path).catch(() => undefined);
    if (written && isAbandoned(space, Number(pid), written.mtimeMs))
      await rm(path, { force: true }).catch(() => undefined);
  }
}

function isAbandoned(space: string, pid: number, writtenMs: number): boolean {
  if (Date.now() - writtenMs > ABANDONED_AFTER_MS) return true;
  if (space !== processSpace()) return false;
  // An earlier process may have had our number: what it wrote is older than we are.
  if (pid === process.pid) return writtenMs < Date.now() - 1000 * process.uptime();
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === "ESRCH";
  }
}
