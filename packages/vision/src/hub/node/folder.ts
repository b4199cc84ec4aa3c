/** A folder of weights on disk, shared with PyTorch and with other processes. */

import { mkdir, rename, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Draft, WeightsFile, WeightsStore } from "../store.js";
import { codeOf, folderFault, storageFault } from "./fault.js";
import { withLock } from "./lock.js";
import { PartialFile } from "./partial-file.js";
import { checkpointsFolder, expandUser } from "./torch-home.js";

export class WeightsFolder implements WeightsStore {
  private readonly path: string;

  /** @param modelDir default: PyTorch's folder */
  constructor(modelDir: string | undefined) {
    this.path = resolve(modelDir === undefined ? checkpointsFolder() : expandUser(modelDir));
  }

  async find(name: string): Promise<WeightsFile | undefined> {
    const path = join(this.path, name);
    try {
      await stat(path);
      return path;
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
      throw storageFault(error, path);
    }
  }

  async exclusively<T>(
    name: string,
    task: () => Promise<T>,
    waiting: (owner: string) => void,
    signal?: AbortSignal,
  ): Promise<T> {
    try {
      await mkdir(this.path, { recursive: true });
    } catch (error) {
      throw await folderFault(error, this.path);
    }
    return withLock(join(this.path, `${name}.lock`), task, waiting, signal);
  }

  draft(name: string): Promise<Draft> {
    return PartialFile.open(this.path, name);
  }

  async setAside(name: string): Promise<string | undefined> {
    const path = join(this.path, name);
    const aside = `${path}.damaged`;
    try {
      await rename(path, aside);
      return aside;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw storageFault(error, path);
    }
  }
}
