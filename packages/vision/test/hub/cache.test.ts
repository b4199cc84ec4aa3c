/** Files that are there already: used as they are, replaced where they are damaged, and read where nothing can be written. */

import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { fetchWeights } from "../../dist/hub/index.js";
import { ask, expectWhole, other, published, serve, serveFile } from "./harness.js";
import { contentHash, listing, temporaryFolder } from "./weights.js";

/** A folder in which there is a file of the published one's name. */
function folderWith(bytes: Uint8Array): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, published.name), bytes);
  return folder;
}

describe("a file that is there", () => {
  it("is used, in the folder that PyTorch uses", async () => {
    const home = temporaryFolder();
    const folder = join(home, "hub", "checkpoints");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, published.name), published.bytes);
    vi.stubEnv("TORCH_HOME", home);
    expect(await fetchWeights(published.name, { mirrors: "http://127.0.0.1:1" })).toBe(join(folder, published.name));
  });

  it("is put in the folder that PyTorch uses", async () => {
    const cache = temporaryFolder();
    vi.stubEnv("TORCH_HOME", undefined);
    vi.stubEnv("XDG_CACHE_HOME", cache);
    const server = await serveFile({});
    const file = await fetchWeights(published.name, { mirrors: server.base, progress: false });
    expect(file).toBe(join(cache, "torch", "hub", "checkpoints", published.name));
  });

  it("is trusted as torch trusts it, whatever its name says, unless the caller asks for the hash", async () => {
    const server = await serveFile({});
    const trusted = await ask(server, {
      modelDir: folderWith(other.bytes),
      checkHash: undefined,
      hashPrefix: published.sha256,
    });
    expect(contentHash(trusted.file!)).toBe(other.sha256);
    expect(server.requests).toEqual([]);

    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const checked = await ask(server, { modelDir: folderWith(other.bytes), checkHash: true });
    expect(contentHash(checked.file!)).toBe(published.sha256);
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });

  it("needs nobody who could write", async () => {
    const folder = folderWith(published.bytes);
    const before = statSync(folder).mtimeMs;
    const server = await serveFile({});
    expectWhole(await ask(server, { modelDir: folder }));
    expect(statSync(folder).mtimeMs).toBe(before);
    expect(server.requests).toEqual([]);
  });
});

describe("a damaged file", () => {
  const half = published.bytes.subarray(0, 100_000);

  it.each([
    ["half of it", half],
    ["nothing", new Uint8Array(0)],
    ["a web page", new TextEncoder().encode("<html>404</html>")],
  ])("(%s) is downloaded again, and kept aside with a warning", async (_, bytes) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const folder = folderWith(bytes);
    const { file, error } = await ask(await serveFile({}), { modelDir: folder, checkHash: undefined });
    expect(error).toBeUndefined();
    expect(contentHash(file!)).toBe(published.sha256);
    expect(listing(folder)).toEqual([published.name, `${published.name}.damaged`]);
    expect(readFileSync(join(folder, `${published.name}.damaged`)).equals(bytes)).toBe(true);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining(`${published.name}.damaged`));
    warn.mockRestore();
  });

  it("stays where it is, and is told of, if there is no other to be had", async () => {
    const folder = folderWith(half);
    const server = await serve((_, response) => void response.writeHead(404).end());
    const { error } = await ask(server, { modelDir: folder });
    expect(error).toMatchObject({ kind: "not-found" });
    expect(error!.message).toContain(`cannot be used: ${join(folder, published.name)}`);
    expect(listing(folder)).toEqual([published.name]);
  });

  it("is none if its hash is right: the reader of checkpoints may know less than its author", async () => {
    const bytes = new TextEncoder().encode("not of torch.save");
    const folder = temporaryFolder();
    writeFileSync(join(folder, "x.bin"), bytes);
    const checkHash = contentHash(join(folder, "x.bin"));
    const options = { modelDir: folder, mirrors: "http://127.0.0.1:1", hashPrefix: checkHash.slice(0, 8) };
    expect(await fetchWeights("x.bin", options)).toBe(join(folder, "x.bin"));
  });
});

describe("what an earlier download left", () => {
  const id = "0123abcd";
  const leave = (folder: string, bytes: Uint8Array, sidecar: string | undefined, as = id): void => {
    writeFileSync(join(folder, `${published.name}.${as}.partial`), bytes);
    if (sidecar !== undefined) writeFileSync(join(folder, `${published.name}.${as}.partial.json`), sidecar);
  };

  it("is gone on with, the longest of several, and the others go", async () => {
    const server = await serveFile({ etag: '"1"' });
    const folder = temporaryFolder();
    const sidecar = JSON.stringify({ url: server.base + published.name, etag: '"1"', total: published.bytes.length });
    leave(folder, published.bytes.subarray(0, 1000), sidecar, "00000000");
    leave(folder, published.bytes.subarray(0, 70_000), sidecar);
    leave(folder, published.bytes.subarray(0, 2000), sidecar, "ffffffff");
    expectWhole(await ask(server, { modelDir: folder, checkHash: false }));
    expect(server.ranges).toEqual(["bytes=70000-"]);
  });

  it("is finished without a request if all of it is there", async () => {
    const server = await serveFile({ etag: '"1"' });
    const folder = temporaryFolder();
    leave(
      folder,
      published.bytes,
      JSON.stringify({ url: server.base + published.name, etag: '"1"', total: published.bytes.length }),
    );
    expectWhole(await ask(server, { modelDir: folder }));
    expect(server.requests).toEqual([]);
  });

  it.each([
    ["nothing says of what", undefined],
    ["what says so is cut off", '{"url":'],
    ["it is of another address", JSON.stringify({ url: "http://other/", etag: '"1"' })],
    ["it has no version", JSON.stringify({ url: "here" })],
  ])("is begun anew where %s", async (_, sidecar) => {
    const server = await serveFile({ etag: '"1"' });
    const folder = temporaryFolder();
    leave(folder, other.bytes.subarray(0, 70_000), sidecar?.replace("here", server.base + published.name));
    expectWhole(await ask(server, { modelDir: folder, checkHash: false }));
    expect(server.ranges).toEqual([undefined]);
  });

  it.each([
    ["other bytes", other.bytes.subarray(0, 70_000)],
    ["zeros, as after a power cut", new Uint8Array(70_000)],
    ["more bytes than there are", new Uint8Array(300_000)],
  ])("is found out by the hash if it holds %s", async (_, bytes) => {
    const server = await serveFile({ etag: '"1"' });
    const folder = temporaryFolder();
    leave(
      folder,
      bytes,
      JSON.stringify({ url: server.base + published.name, etag: '"1"', total: published.bytes.length }),
    );
    expectWhole(await ask(server, { modelDir: folder }));
  });
});
