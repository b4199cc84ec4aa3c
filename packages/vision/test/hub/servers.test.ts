/** Servers that are busy, do not have the file, or are not there; and others in their place. */

import { describe, expect, it, vi } from "vitest";
import { fetchWeights } from "../../dist/hub/index.js";
import { ask, expectWhole, hurry, other, published, serve, serveFile } from "./harness.js";
import type { WeightsServer } from "./server.js";
import { listing, temporaryFolder } from "./weights.js";

describe("a server that is busy", () => {
  it("is asked again when it said so", async () => {
    const server = await serve((request, response, count) => {
      if (count > 2) return server.send(request, response, published.bytes);
      response
        .writeHead(count === 1 ? 503 : 429, { "Retry-After": count === 1 ? "0" : new Date(0).toUTCString() })
        .end();
    });
    const start = performance.now();
    expectWhole(await ask(server));
    expect(server.requests).toHaveLength(3);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it("is waited for as long as it said, not shorter", async () => {
    const server = await serve((request, response, count) => {
      if (count > 1) return server.send(request, response, published.bytes);
      response.writeHead(503, { "Retry-After": "1" }).end();
    });
    const start = performance.now();
    expectWhole(await ask(server));
    expect(performance.now() - start).toBeGreaterThan(990);
  });

  it("is given up when it stays so, or wants to be left alone for long", async () => {
    hurry();
    const server = await serve((_, response) => void response.writeHead(503).end());
    const { error, folder } = await ask(server);
    expect(error).toMatchObject({ kind: "http", message: expect.stringContaining("503") });
    expect(server.requests).toHaveLength(6);
    expect(listing(folder)).toEqual([]);

    server.requests.length = 0;
    server.handler = (_, response) => void response.writeHead(429, { "Retry-After": "3600" }).end();
    expect((await ask(server)).error).toMatchObject({ kind: "http", message: expect.stringContaining("3600 seconds") });
    expect(server.requests).toHaveLength(1);
  });
});

describe("servers", () => {
  const absent: WeightsServer["handler"] = (_, response) => void response.writeHead(404).end("no");

  it("without the file are named in the error", async () => {
    const server = await serve(absent);
    const { error } = await ask(server);
    expect(error).toMatchObject({ kind: "not-found" });
    expect(error!.message).toContain(`${server.base}${published.name}: the server answered 404 Not Found`);
    expect(server.requests).toHaveLength(1);
  });

  it("are tried in turn for files of PyTorch's, and all named in the error", async () => {
    const [first, second] = [await serve(absent), await serveFile({})];
    vi.stubEnv("KINDLING_WEIGHTS_URL", `${first.base} , ${second.base.slice(0, -1)}`);
    const folder = temporaryFolder();
    const options = { modelDir: folder, progress: false };
    const file = await fetchWeights(`https://download.pytorch.org/models/${published.name}`, options);
    expectWhole({ folder, file });
    expect(first.requests[0].url).toBe(second.requests[0].url);

    second.handler = absent;
    const wanted = fetchWeights("other.pth", options);
    await expect(wanted).rejects.toMatchObject({ kind: "not-found" });
    await expect(wanted).rejects.toThrow(`${first.base}other.pth`);
    await expect(wanted).rejects.toThrow(`${second.base}other.pth`);
  });

  it("are tried in turn after any failure, and go on with what another sent where the hash is known", async () => {
    hurry();
    const cut = await serveFile({ etag: '"1"', cutAfter: 50_000 }, { etag: '"1"', cutAfter: 0 });
    const wrong = await serve((request, response) => wrong.send(request, response, other.bytes, { etag: '"2"' }));
    const right = await serveFile({ etag: '"3"' });
    const folder = temporaryFolder();
    const file = await fetchWeights(published.name, {
      modelDir: folder,
      mirrors: [cut.base, wrong.base, right.base],
      hashPrefix: published.sha256.slice(0, 8),
      progress: ({ received }) => {
        cut.seen = received;
      },
    });
    expectWhole({ folder, file });
    // What two servers sent does not fit together: the second is asked again for all of it, then the third.
    expect(wrong.requests.map(({ range, ifRange }) => [range, ifRange])).toEqual([
      ["bytes=50000-", undefined],
      [undefined, undefined],
    ]);
    expect(right.ranges).toEqual([undefined]);
  });

  it("that are not there are an error of the network", async () => {
    hurry();
    const server = await serveFile({});
    const url = server.base + published.name;
    await server.close();
    const refused = fetchWeights(url, { modelDir: temporaryFolder(), progress: false });
    await expect(refused).rejects.toMatchObject({ name: "DownloadError", kind: "network" });
    await expect(refused).rejects.toThrow("ECONNREFUSED");
  });
});
