/**
 * What downloads need from the platform. `platform.node.ts` and `platform.browser.ts` implement it; the package import
 * `#platform/hub` picks one, so that no Node module reaches a bundle for browsers.
 */

import type { DownloadProgress } from "./options.js";

/** What checkpoints are read from: a path in Node, a `Blob` in a browser. */
export type WeightsFile = string | Blob;

/** What a file is called in messages. */
export const nameOf = (file: WeightsFile): string =>
  typeof file === "string" ? file : file instanceof File ? file.name : "blob";

/** Which version of which file a draft holds the beginning of. */
export interface Origin {
  readonly url: string;
  /** What the server said to know the version by. */
  readonly etag?: string;
  readonly lastModified?: string;
  /** Length of the whole file in bytes, where the server said it. */
  readonly total?: number;
}

/** A file that is being downloaded. Nobody takes it for the whole file before it is finished. */
export interface Draft {
  /** Bytes that are there. */
  readonly received: number;
  /** What they are the beginning of; undefined where that is not known. */
  readonly origin: Origin | undefined;
  /** Begins anew, with nothing. */
  restart(origin: Origin): Promise<void>;
  append(bytes: Uint8Array): Promise<void>;
  /** Makes the draft the file if `check` accepts it; else throws it away and rejects as `check` did. */
  finish(check: (file: WeightsFile) => Promise<void>): Promise<WeightsFile>;
  /** Leaves what there is to the next download, where the platform can. */
  close(): Promise<void>;
}

/** Another process took the draft, believing this one dead. Asking again is the remedy. */
export class DraftTaken extends Error {}

/** A folder of downloaded files. */
export interface WeightsStore {
  /** The finished file of a name. Needs no leave to write. */
  find(name: string): Promise<WeightsFile | undefined>;
  /**
   * Runs a task while no other process runs one for the same name.
   *
   * @param waiting is told, once, who is waited for
   */
  exclusively<T>(
    name: string,
    task: () => Promise<T>,
    waiting: (owner: string) => void,
    signal?: AbortSignal,
  ): Promise<T>;
  /** The draft of a file, with what an earlier download left of it. */
  draft(name: string): Promise<Draft>;
  /** Makes room for a file in place of one that is damaged; says where that one is now, if it was kept. */
  setAside(name: string): Promise<string | undefined>;
}

/** Shows how far a download is. */
export interface ProgressView {
  update(progress: DownloadProgress): void;
  /** Something to know besides. */
  say(line: string): void;
  end(): void;
}

export interface HubPlatform {
  /** @throws DownloadError of kind `storage` if there is nowhere to keep files */
  openStore(modelDir: string | undefined): Promise<WeightsStore>;
  /** `fetch` with the user's proxies. */
  fetch(): Promise<typeof fetch>;
  /** Whether requests may carry `If-Range`; across origins, browsers first ask the server's leave for it. */
  readonly ifRange: boolean;
  environment(name: string): string | undefined;
  /** SHA-256 in hexadecimal. */
  sha256(file: WeightsFile): Promise<string>;
  progress(name: string): Promise<ProgressView>;
}
