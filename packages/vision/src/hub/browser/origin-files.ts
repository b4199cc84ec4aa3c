/** Weights in the origin private file system (OPFS): on disk, out of the page's memory. */

import type { Draft, Origin, WeightsFile, WeightsStore } from "../store.js";
import { storageFault } from "./fault.js";
import { inTurn } from "./turns.js";

/** The store, or undefined where the browser has none that a page can write to. */
export async function openOriginFiles(modelDir: string): Promise<WeightsStore | undefined> {
  if (!("FileSystemFileHandle" in globalThis) || !("createWritable" in FileSystemFileHandle.prototype))
    return undefined;
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(folderName(modelDir), { create: true });
    return new OriginFiles(folder);
  } catch {
    // Private windows of some browsers have the functions, but refuse.
    return undefined;
  }
}

/** Names here have no slashes. */
const folderName = (modelDir: string): string => `kindling-weights-${encodeURIComponent(modelDir)}`;

class OriginFiles implements WeightsStore {
  constructor(private readonly folder: FileSystemDirectoryHandle) {}

  async find(name: string): Promise<WeightsFile | undefined> {
    try {
      const file = await (await this.folder.getFileHandle(name)).getFile();
      // A download that never ended leaves an empty file.
      return file.size === 0 ? undefined : file;
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotFoundError") return undefined;
      throw storageFault(error, name);
    }
  }

  exclusively<T>(
    name: string,
    task: () => Promise<T>,
    _waiting: (owner: string) => void,
    signal?: AbortSignal,
  ): Promise<T> {
    return inTurn(`${this.folder.name}/${name}`, task, signal);
  }

  async draft(name: string): Promise<Draft> {
    try {
      return new WritableDraft(this.folder, await this.folder.getFileHandle(name, { create: true }));
    } catch (error) {
      throw storageFault(error, name);
    }
  }

  /** The old file stays until a new one is closed over it. */
  async setAside(): Promise<undefined> {}
}

/** Bytes go to a file of the browser's, which takes the place of the old one when it is closed. */
class WritableDraft implements Draft {
  #writable: FileSystemWritableFileStream | undefined;
  received = 0;
  origin: Origin | undefined;

  constructor(
    private readonly folder: FileSystemDirectoryHandle,
    private readonly handle: FileSystemFileHandle,
  ) {}

  async restart(origin: Origin): Promise<void> {
    await this.close();
    this.received = 0;
    this.origin = origin;
    await this.#try(async () => {
      this.#writable = await this.handle.createWritable();
    });
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#try(() => this.#writable?.write(bytes as Uint8Array<ArrayBuffer>));
    this.received += bytes.length;
  }

  async finish(check: (file: WeightsFile) => Promise<void>): Promise<WeightsFile> {
    const file = await this.#try(async () => {
      await this.#writable?.close();
      this.#writable = undefined;
      return this.handle.getFile();
    });
    try {
      await check(file);
      return file;
    } catch (error) {
      this.received = 0;
      this.origin = undefined;
      await this.folder.removeEntry(this.handle.name);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#writable?.abort().catch(() => {});
    this.#writable = undefined;
  }

  async #try<T>(run: () => Promise<T> | T): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw storageFault(error, this.handle.name);
    }
  }
}
