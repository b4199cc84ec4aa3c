/** Weights as `Blob`s, kept in the Cache API, or for as long as the page lives where there is none. */

import type { Draft, Origin, WeightsFile, WeightsStore } from "../store.js";
import { storageFault } from "./fault.js";
import { inTurn } from "./turns.js";

/** Where finished files stay. */
interface Shelf {
  get(key: string): Promise<Blob | undefined>;
  put(key: string, blob: Blob): Promise<void>;
}

/** The store, or undefined where the page has no Cache API: it is for https and localhost only. */
export async function openCache(modelDir: string): Promise<WeightsStore | undefined> {
  try {
    return new Blobs(cacheShelf(await caches.open("kindling-weights")), modelDir);
  } catch {
    return undefined;
  }
}

const memory = new Map<string, Blob>();

export function openMemory(modelDir: string): WeightsStore {
  const shelf = {
    get: async (key: string) => memory.get(key),
    put: async (key: string, blob: Blob) => void memory.set(key, blob),
  };
  return new Blobs(shelf, modelDir);
}

/** Caches know addresses only; these lead nowhere. */
function cacheShelf(cache: Cache): Shelf {
  const address = (key: string): string => `https://weights.kindling.invalid/${key}`;
  return {
    get: async (key) => (await cache.match(address(key)))?.blob(),
    put: (key, blob) => cache.put(address(key), new Response(blob)),
  };
}

class Blobs implements WeightsStore {
  constructor(
    private readonly shelf: Shelf,
    private readonly modelDir: string,
  ) {}

  #key(name: string): string {
    return `${encodeURIComponent(this.modelDir)}/${encodeURIComponent(name)}`;
  }

  find(name: string): Promise<WeightsFile | undefined> {
    return this.shelf.get(this.#key(name));
  }

  exclusively<T>(
    name: string,
    task: () => Promise<T>,
    _waiting: (owner: string) => void,
    signal?: AbortSignal,
  ): Promise<T> {
    return inTurn(this.#key(name), task, signal);
  }

  async draft(name: string): Promise<Draft> {
    return new BlobDraft(async (blob) => {
      try {
        await this.shelf.put(this.#key(name), blob);
      } catch (error) {
        throw storageFault(error, name);
      }
    });
  }

  /** A new file is put in place of the old one. */
  async setAside(): Promise<undefined> {}
}

class BlobDraft implements Draft {
  #parts: Uint8Array<ArrayBuffer>[] = [];
  received = 0;
  origin: Origin | undefined;

  constructor(private readonly keep: (blob: Blob) => Promise<void>) {}

  async restart(origin: Origin | undefined): Promise<void> {
    this.#parts = [];
    this.received = 0;
    this.origin = origin;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes as Uint8Array<ArrayBuffer>);
    this.received += bytes.length;
  }

  async finish(check: (file: WeightsFile) => Promise<void>): Promise<WeightsFile> {
    const blob = new Blob(this.#parts);
    try {
      await check(blob);
    } catch (error) {
      await this.restart(undefined);
      throw error;
    }
    await this.keep(blob);
    return blob;
  }

  async close(): Promise<void> {}
}
