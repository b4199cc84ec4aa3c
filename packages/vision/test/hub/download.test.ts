/** Downloads from a server that does as it should, or dawdles, moves, or sends something else. */

import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { load } from "@kindling/checkpoint";
import { loadStateDictFromUrl } from "@kindling/vision";
import { describe, expect, it } from "vitest";
import { type DownloadProgress, fetchWeights } from "../../dist/hub/index.js";
import { ask, expectWhole, hurry, other, published, serve, serveFile } from "./harness.js";
import { contentHash, listing, temporaryFolder } from "./weights.js";

describe("a download", () => {
  it("is the file, under its name, and is not repeated", async () => {
    const server = await serveFile({});
    const first = await ask(server);
    expectWhole(first);
    expectWhole(await ask(server, { modelDir: first.folder }));
    expect(server.requests).toHaveLength(1);
  });

  it("is read as a state dict", async () => {
    const server = await serveFile({});
    const state = await loadStateDictFromUrl(server.base + published.name, {
      modelDir: temporaryFolder(),
      progress: false,
    });
    const expected = (await load(published.bytes)) as Map<string, { data(): Promise<ArrayLike<number>> }>;
    expect([...state].map(([key, { shape }]) => [key, shape])).toEqual([["weight", [500, 100]]]);
    const [got, wanted] = [await state.get("weight")!.data(), await expected.get("weight")!.data()];
    expect(Array.from({ length: 50_000 }, (_, i) => got[i] === wanted[i])).not.toContain(false);
  });

  it("has the name that is wanted, which may be without a hash", async () => {
    const server = await serveFile({});
    const { folder, file } = await ask(server, { fileName: "mine.pth" });
    expect(file).toBe(`${folder}/mine.pth`);
    expect(listing(folder)).toEqual(["mine.pth"]);
  });

  it("tells how far it is", async () => {
    const server = await serveFile({ etag: '"1"', cutAfter: 70_000 }, { etag: '"1"' });
    const seen: DownloadProgress[] = [];
    expectWhole(await ask(server, { progress: (progress) => seen.push(progress) }));
    const total = published.bytes.length;
    expect(seen[0]).toEqual({ received: 0, total });
    expect(seen.at(-1)).toEqual({ received: total, total });
    expect(seen.every(({ received }, i) => i === 0 || received >= seen[i - 1].received)).toBe(true);
  });

  it("follows redirects", async () => {
    const server = await serve((request, response) => {
      if (request.url?.startsWith("/far/")) return server.send(request, response, published.bytes);
      response.writeHead(302, { Location: `/far${request.url}` }).end();
    });
    expectWhole(await ask(server));
  });

  it("takes its time when the server does", async () => {
    const server = await serve(async (_, response) => {
      response.writeHead(200, { "Content-Length": published.bytes.length });
      for (let at = 0; at < published.bytes.length; at += 20_000) {
        response.write(published.bytes.subarray(at, at + 20_000));
        await setTimeout(20);
      }
      response.end();
    });
    expectWhole(await ask(server));
    expect(server.requests).toHaveLength(1);
  });

  it("does without a length", async () => {
    expectWhole(await ask(await serveFile({ chunked: true })));
  });

  it("is unpacked where the server packs it, asked or not", async () => {
    const packed = gzipSync(published.bytes);
    const server = await serve((_, response) => {
      response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": packed.length, ETag: '"1"' }).end(packed);
    });
    expectWhole(await ask(server));
  });

  it("uses the fetch that it is given", async () => {
    const asked: string[] = [];
    const give: typeof fetch = async (input) => {
      asked.push(String(input));
      return new Response(published.bytes as BodyInit, {
        headers: { "Content-Length": String(published.bytes.length) },
      });
    };
    const folder = temporaryFolder();
    const file = await fetchWeights(published.name, {
      modelDir: folder,
      fetch: give,
      progress: false,
      mirrors: "mine://here",
    });
    expectWhole({ folder, file });
    expect(asked).toEqual([`mine://here/${published.name}`]);
  });
});

describe("what is not the file", () => {
  it("is refused by its hash, and leaves nothing", async () => {
    const server = await serve((request, response) => server.send(request, response, other.bytes));
    const { error, folder } = await ask(server);
    expect(error).toMatchObject({ kind: "hash" });
    expect(error!.message).toContain(`begin with ${published.sha256.slice(0, 8)}, but is ${other.sha256}`);
    expect(listing(folder)).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ["digits of the caller", { checkHash: "abcdef" }],
    ["what the registry knows", { checkHash: undefined, hashPrefix: "ABCDEF" }],
  ])("is refused by %s", async (_, options) => {
    const { error } = await ask(await serveFile({}), options);
    expect(error).toMatchObject({ kind: "hash", message: expect.stringContaining("begin with abcdef") });
  });

  it("is taken where no hash is asked for", async () => {
    const server = await serve((request, response) => server.send(request, response, other.bytes));
    const { file } = await ask(server, { checkHash: false, hashPrefix: published.sha256 });
    expect(contentHash(file!)).toBe(other.sha256);
  });

  it("is refused as a web page, also without a hash", async () => {
    const page = new TextEncoder().encode("<!DOCTYPE html><title>Log in</title>");
    const server = await serve((request, response) => server.send(request, response, page, { type: "text/html" }));
    const { error, folder } = await ask(server, { checkHash: false });
    expect(error).toMatchObject({ kind: "content", message: expect.stringContaining("web page") });
    expect(listing(folder)).toEqual([]);
    expect((await ask(server)).error).toMatchObject({ kind: "hash", message: expect.stringContaining("web page") });
  });

  it("is refused as half a file, also without a hash and a length", async () => {
    const half = published.bytes.subarray(0, 100_000);
    const server = await serve((request, response) => server.send(request, response, half, { chunked: true }));
    const { error, folder } = await ask(server, { checkHash: false });
    expect(error).toMatchObject({ kind: "content" });
    expect(listing(folder)).toEqual([]);
  });

  it("is refused when it is shorter than promised", async () => {
    hurry();
    const server = await serve(async (_, response) => {
      response.writeHead(200, { "Content-Length": published.bytes.length + 1, Connection: "close" });
      await server.breakOff(response, published.bytes);
    });
    const { error, folder } = await ask(server, { checkHash: false });
    expect(error).toMatchObject({ kind: "network" });
    expect(listing(folder)).not.toContain(published.name);

    const give: typeof fetch = async () =>
      new Response(published.bytes as BodyInit, { headers: { "Content-Length": String(published.bytes.length + 1) } });
    expect((await ask(server, { checkHash: false, fetch: give })).error).toMatchObject({ kind: "length" });
  });

  it("is refused when it is longer than promised", async () => {
    const length = String(published.bytes.length - 1);
    const give: typeof fetch = async () =>
      new Response(published.bytes as BodyInit, { headers: { "Content-Length": length } });
    const server = await serveFile({});
    expect((await ask(server, { checkHash: false, fetch: give })).error).toMatchObject({ kind: "length" });
    server.handler = (_, response) =>
      void response.writeHead(200, { "Content-Length": length }).end(published.bytes.subarray(1));
    expect((await ask(server)).error).toMatchObject({ kind: "hash" });
  });
});

describe("a signal", () => {
  it("ends a download with its reason, and what came stays", async () => {
    const server = await serve(async (_, response) => {
      response.writeHead(200, { ETag: '"1"', "Content-Length": published.bytes.length });
      response.write(published.bytes.subarray(0, 50_000));
    });
    const folder = temporaryFolder();
    const controller = new AbortController();
    const reason = new Error("enough");
    const progress = ({ received }: DownloadProgress): void => {
      if (received === 50_000) controller.abort(reason);
    };
    await expect(ask(server, { modelDir: folder, signal: controller.signal, progress })).rejects.toBe(reason);

    server.handler = (request, response) => server.send(request, response, published.bytes, { etag: '"1"' });
    expectWhole(await ask(server, { modelDir: folder }));
    expect(server.ranges).toEqual([undefined, "bytes=50000-"]);
  });

  it("ends the pause before the next attempt", async () => {
    const server = await serve((_, response) => void response.writeHead(503, { "Retry-After": "50" }).end());
    await expect(ask(server, { signal: AbortSignal.timeout(300) })).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("that has gone off already asks nobody", async () => {
    const server = await serveFile({});
    await expect(ask(server, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    expect(server.requests).toEqual([]);
  });

  it("is heeded where an own fetch does not heed it", async () => {
    const never: typeof fetch = () => new Promise(() => {});
    const server = await serveFile({});
    await expect(ask(server, { fetch: never, signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
  });
});
