/** Asks a server on loopback for a file, and looks at what came of it. */

import { afterEach, expect, vi } from "vitest";
import { DownloadError, type DownloadProgress, fetchWeights, type WeightsOptions } from "../../dist/hub/index.js";
import { type FileOptions, type Handler, WeightsServer } from "./server.js";
import { contentHash, listing, type Published, publish, temporaryFolder } from "./weights.js";

/** The file that is asked for, and another that calls itself the same. */
export const published = await publish("net");
export const other: Published = { ...(await publish("net", 2)), name: published.name };

const servers = new Set<WeightsServer>();
afterEach(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  for (const server of servers) await server.close();
  servers.clear();
});

/** A server that is there until the test ends. */
export async function serve(handler: Handler): Promise<WeightsServer> {
  const server = await WeightsServer.start(handler);
  servers.add(server);
  return server;
}

/** A server that has the file, and how it sends it at its first answers; the last way stays. */
export async function serveFile(...ways: FileOptions[]): Promise<WeightsServer> {
  const server = await serve((request, response, count) =>
    server.send(request, response, published.bytes, ways[count - 1] ?? ways.at(-1)),
  );
  return server;
}

export interface Outcome {
  readonly folder: string;
  readonly file?: string | Blob;
  readonly error?: DownloadError;
}

/** Asks for the file; gives what came of it. */
export async function ask(server: WeightsServer, options: WeightsOptions = {}): Promise<Outcome> {
  const folder = options.modelDir ?? temporaryFolder();
  const progress = (now: DownloadProgress): void => {
    server.seen = now.received;
    if (typeof options.progress === "function") options.progress(now);
  };
  try {
    const url = `${server.base}${published.name}`;
    const file = await fetchWeights(url, { checkHash: true, ...options, progress, modelDir: folder });
    return { folder, file };
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error;
    return { folder, error };
  }
}

/** The file is there, whole, and nothing else is. */
export function expectWhole({ folder, file, error }: Outcome): void {
  expect(error).toBeUndefined();
  expect(contentHash(file!)).toBe(published.sha256);
  expect(listing(folder)).toEqual([published.name]);
}

/** The pauses between attempts, and the silence after which a connection counts as broken, in milliseconds. */
const PAUSES = [250, 500, 1000, 2000, 4000, 60_000];

/** Lets these, and no other timers of the process, pass fifty times as fast. */
export function hurry(): void {
  const real = globalThis.setTimeout;
  const hurried = (run: () => void, wait: number, ...rest: []): unknown =>
    real(run, PAUSES.includes(wait) && rest.length === 0 ? wait / 50 : wait, ...rest);
  vi.stubGlobal("setTimeout", hurried);
}
