/** Files whose directory is whole, and whose damage shows only when they are read. */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError, toBytes } from "@kindling/checkpoint";
import { loadStateDictFromUrl } from "@kindling/vision";
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import { type DownloadOptions, fetchWeights } from "../../dist/hub/index.js";
import { published, serve, serveFile } from "./harness.js";
import type { WeightsServer } from "./server.js";
import { contentHash, listing, temporaryFolder } from "./weights.js";

/** With other bytes in the middle, as downloaders leave it that get a file in several parts. */
function holed(bytes: Uint8Array): Uint8Array {
  const half = bytes.length >> 1;
  return bytes.map((byte, i) => (i >= half && i < half + 8 ? byte ^ 0xff : byte));
}

let folder: string;
let warn: MockInstance;
beforeEach(() => {
  folder = temporaryFolder();
  warn = vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => warn.mockRestore());

/** Puts bytes under a name into the folder, and reads them as the file of an address. */
function read(server: WeightsServer, bytes: Uint8Array, name: string, options: DownloadOptions = {}) {
  writeFileSync(join(folder, name), bytes);
  return loadStateDictFromUrl(server.base + name, { modelDir: folder, progress: false, ...options });
}

describe("a file with a hole", () => {
  it("looks whole until it is read", async () => {
    writeFileSync(join(folder, published.name), holed(published.bytes));
    const file = await fetchWeights(published.name, { modelDir: folder, mirrors: "http://127.0.0.1:1" });
    expect(file).toBe(join(folder, published.name));
  });

  it.each<[string, string, DownloadOptions]>([
    ["its name", published.name, {}],
    ["its name, when asked", published.name, { checkHash: true }],
    ["the caller", "net.pth", { checkHash: published.sha256.slice(0, 8) }],
  ])("is downloaded again where %s tells its hash, and kept aside with a warning", async (_, name, options) => {
    const server = await serveFile({});
    const bytes = holed(published.bytes);
    const state = await read(server, bytes, name, options);
    expect(state.get("weight")!.shape).toEqual([500, 100]);
    expect(server.requests).toHaveLength(1);
    expect(listing(folder)).toEqual([name, `${name}.damaged`]);
    expect(contentHash(join(folder, name))).toBe(published.sha256);
    expect(readFileSync(join(folder, `${name}.damaged`)).equals(bytes)).toBe(true);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(`${name}.damaged`));
  });

  it.each<[string, string, DownloadOptions]>([
    ["there are no digits in its name", "net.pth", {}],
    ["those in its name are a number", "net-10.pth", {}],
    ["the caller wants no hash checked", published.name, { checkHash: false }],
  ])("is left, with an error that says what to do, where %s", async (_, name, options) => {
    const server = await serveFile({});
    const error = await read(server, holed(published.bytes), name, options).catch((error) => error);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ kind: "crc", cause: { kind: "crc" } });
    expect(error.message).toContain(`Remove ${join(folder, name)} to download it again`);
    expect(error.message).toContain("checkHash");
    expect(server.requests).toEqual([]);
    expect(listing(folder)).toEqual([name]);
  });

  it("is left where its hash is right: the published one has the hole", async () => {
    const server = await serveFile({});
    const bytes = holed(published.bytes);
    const name = `net-${createHash("sha256").update(bytes).digest("hex").slice(0, 8)}.pth`;
    const error = await read(server, bytes, name).catch((error) => error);
    expect(error).toMatchObject({ name: "CheckpointError", kind: "crc" });
    expect(error.message).toContain(`The SHA-256 of ${join(folder, name)} begins with`);
    expect(server.requests).toEqual([]);
    expect(listing(folder)).toEqual([name]);
  });

  it("stays, and is told of, if there is no other to be had", async () => {
    const server = await serve((_, response) => void response.writeHead(404).end());
    const error = await read(server, holed(published.bytes), published.name).catch((error) => error);
    expect(error).toMatchObject({ name: "DownloadError", kind: "not-found" });
    expect(error.message).toContain(`cannot be used: ${join(folder, published.name)}`);
    expect(listing(folder)).toEqual([published.name]);
  });
});

it("a file that is whole but holds no state dict is not downloaded again for digits in its name", async () => {
  const server = await serveFile({});
  const bytes = await toBytes(new Map([["epoch", 3]]));
  const error = await read(server, bytes, "run-20240131.pth").catch((error) => error);
  expect(error).toMatchObject({ name: "CheckpointError", kind: "unsupported" });
  expect(error.message).toContain(`Remove ${join(folder, "run-20240131.pth")}`);
  expect(server.requests).toEqual([]);
});
