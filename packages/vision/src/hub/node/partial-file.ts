/**
 * A draft on disk: `<name>.<id>.partial`, and beside it `<name>.<id>.partial.json`, which says what it is the beginning
 * of.
 *
 * Each process writes to a name of its own, and goes on with what another left by renaming it. So even where two are at
 * work on one file (see lock.ts), neither renames nor empties what the other believes to be its own; and bytes are
 * written at their place, so that one that still holds a file that was taken from it writes there what belongs there.
 */

import { randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Draft, DraftTaken, type Origin, type WeightsFile } from "../store.js";
import { codeOf, folderFault, fullDisk, isFull, storageFault } from "./fault.js";

export class PartialFile implements Draft {
  #file: FileHandle | undefined;
  #received = 0;
  #origin: Origin | undefined;

  private constructor(
    private readonly folder: string,
    private readonly name: string,
    private readonly path: string,
  ) {}

  /** A draft with what is left of earlier ones: of several, the longest. */
  static async open(folder: string, name: string): Promise<PartialFile> {
    const draft = new PartialFile(folder, name, join(folder, `${name}.${randomBytes(4).toString("hex")}.partial`));
    try {
      const left = await longestDraft(folder, name);
      if (left !== undefined) await draft.#adopt(left);
    } catch (error) {
      throw await folderFault(error, folder);
    }
    return draft;
  }

  get received(): number {
    return this.#received;
  }

  get origin(): Origin | undefined {
    return this.#origin;
  }

  async #adopt(left: string): Promise<void> {
    try {
      await rename(left, this.path);
      await rename(sidecar(left), sidecar(this.path));
      this.#origin = JSON.parse(await readFile(sidecar(this.path), "utf8")) as Origin;
    } catch (error) {
      // Nothing says what it is the beginning of, so nothing can be put behind it.
      if (codeOf(error) !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
      return;
    }
    this.#file = await open(this.path, "r+");
    this.#received = (await this.#file.stat()).size;
  }

  async restart(origin: Origin): Promise<void> {
    await this.#discard();
    this.#origin = origin;
    try {
      await writeFile(sidecar(this.path), JSON.stringify(origin));
      this.#file = await open(this.path, "wx");
    } catch (error) {
      throw isFull(error) ? await this.#fault(error) : await folderFault(error, this.folder);
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (!this.#file) throw new TypeError("a draft is restarted before it is appended to");
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#received);
        done += bytesWritten;
        this.#received += bytesWritten;
      }
    } catch (error) {
      throw await this.#fault(error);
    }
  }

  async finish(check: (file: WeightsFile) => Promise<void>): Promise<WeightsFile> {
    const target = join(this.folder, this.name);
    try {
      await this.#file?.sync();
    } catch (error) {
      throw await this.#fault(error);
    }
    await this.close();
    try {
      await check(this.path);
    } catch (error) {
      if (!(await isThere(this.path))) throw new DraftTaken();
      await this.#discard();
      throw error;
    }
    try {
      await rename(this.path, target);
    } catch (error) {
      if (codeOf(error) === "ENOENT") throw new DraftTaken();
      throw storageFault(error, target);
    }
    await syncFolder(this.folder);
    await removeLeftovers(this.folder, this.name);
    return target;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #discard(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
    await rm(sidecar(this.path), { force: true });
    this.#received = 0;
    this.#origin = undefined;
  }

  /** A full disk gets its room back: what the download took would help nobody else. */
  async #fault(error: unknown): Promise<Error> {
    if (!isFull(error)) return storageFault(error, this.path);
    const total = this.#origin?.total;
    const missing = total === undefined ? undefined : total - this.#received;
    await this.#discard();
    return fullDisk(error, join(this.folder, this.name), missing);
  }
}

const sidecar = (partial: string): string => `${partial}.json`;

/** What downloads of a name left in a folder: drafts, and what is beside them. */
async function leftovers(folder: string, name: string): Promise<string[]> {
  const entries = await readdir(folder);
  return entries
    .filter(
      (entry) => entry.startsWith(`${name}.`) && /^\.[0-9a-f]{8}\.partial(\.json)?$/.test(entry.slice(name.length)),
    )
    .map((entry) => join(folder, entry));
}

/** The longest draft that was left. */
async function longestDraft(folder: string, name: string): Promise<string | undefined> {
  const drafts = (await leftovers(folder, name)).filter((path) => path.endsWith(".partial"));
  const sizes = await Promise.all(drafts.map(async (path) => (await stat(path).catch(() => undefined))?.size ?? -1));
  return drafts[sizes.indexOf(Math.max(...sizes))];
}

async function removeLeftovers(folder: string, name: string): Promise<void> {
  for (const path of await leftovers(folder, name)) await rm(path, { force: true });
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Makes a rename durable. Some file systems, and Windows, refuse to sync a folder: then there is nothing to do. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
