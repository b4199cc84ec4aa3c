/** Connections that break, on servers with and without ranges, whose file may change meanwhile. */

import { beforeEach, describe, expect, it } from "vitest";
import { ask, expectWhole, hurry, other, published, serve, serveFile } from "./harness.js";
import { listing } from "./weights.js";

beforeEach(hurry);

describe("a connection that breaks", () => {
  it.each([1, 1000, 65_536, 199_000])(
    "is taken up after %i bytes, where the server says the version",
    async (cutAfter) => {
      const server = await serveFile({ etag: '"1"', cutAfter }, { etag: '"1"' });
      expectWhole(await ask(server));
      expect(server.requests.slice(1)).toEqual([
        expect.objectContaining({ range: `bytes=${cutAfter}-`, ifRange: '"1"' }),
      ]);
    },
  );

  it("is taken up as often as it gets further", async () => {
    const server = await serveFile({ etag: '"1"', cutAfter: 20_000 });
    expectWhole(await ask(server));
    expect(server.requests.length).toBeGreaterThan(8);
  });

  it("is taken up by the date, and not by a weak tag", async () => {
    const lastModified = "Tue, 24 Nov 2026 10:00:00 GMT";
    const server = await serveFile({ etag: 'W/"1"', lastModified, cutAfter: 50_000 }, { etag: 'W/"1"', lastModified });
    expectWhole(await ask(server, { checkHash: false }));
    expect(server.requests[1]).toMatchObject({ range: "bytes=50000-", ifRange: lastModified });
  });

  it("is begun anew where neither version nor hash would tell a mixture", async () => {
    const server = await serveFile({ cutAfter: 50_000 }, {});
    expectWhole(await ask(server, { checkHash: false }));
    expect(server.ranges).toEqual([undefined, undefined]);
  });

  it("is taken up without a version where the hash is known", async () => {
    const server = await serveFile({ cutAfter: 50_000 }, {});
    expectWhole(await ask(server));
    expect(server.ranges).toEqual([undefined, "bytes=50000-"]);
  });

  it("is begun anew where the server has no ranges", async () => {
    const server = await serveFile({ etag: '"1"', ranges: false, cutAfter: 50_000 }, { etag: '"1"', ranges: false });
    expectWhole(await ask(server));
    expect(server.ranges).toEqual([undefined, "bytes=50000-"]);
  });

  it("never gives a mixture of two versions, if the server minds If-Range", async () => {
    const server = await serve((request, response, count) =>
      count === 1
        ? server.send(request, response, other.bytes, { etag: '"old"', cutAfter: 50_000 })
        : server.send(request, response, published.bytes, { etag: '"new"' }),
    );
    expectWhole(await ask(server, { checkHash: false }));
  });

  it("never gives a mixture of two versions, if the server does not mind it but says the version", async () => {
    const server = await serve((request, response, count) => {
      delete request.headers["if-range"];
      return count === 1
        ? server.send(request, response, other.bytes, { etag: '"old"', cutAfter: 50_000 })
        : server.send(request, response, published.bytes, { etag: '"new"' });
    });
    expectWhole(await ask(server, { checkHash: false }));
    expect(server.ranges).toEqual([undefined, "bytes=50000-", undefined]);
  });

  it("never gives a mixture of two versions, if only the hash can tell", async () => {
    const server = await serve((request, response, count) =>
      server.send(
        request,
        response,
        count === 1 ? other.bytes : published.bytes,
        count === 1 ? { cutAfter: 50_000 } : {},
      ),
    );
    expectWhole(await ask(server));
    expect(server.ranges).toEqual([undefined, "bytes=50000-", undefined]);
  });

  it("never leads past the end of a file that became shorter", async () => {
    const short = published.bytes.subarray(0, 30_000);
    const server = await serve((request, response, count) =>
      count === 2
        ? server.send(request, response, short)
        : server.send(request, response, published.bytes, count === 1 ? { cutAfter: 50_000 } : {}),
    );
    expectWhole(await ask(server));
  });

  it("leaves what came to the next call", async () => {
    const server = await serveFile({ etag: '"1"', cutAfter: 50_000 }, { etag: '"1"', cutAfter: 0 });
    const { folder, error } = await ask(server);
    expect(error).toMatchObject({ kind: "network", message: expect.stringContaining(server.base + published.name) });
    expect(listing(folder)).toEqual([expect.stringMatching(/\.partial$/), expect.stringMatching(/\.partial\.json$/)]);

    server.requests.length = 0;
    server.handler = (request, response) => server.send(request, response, published.bytes, { etag: '"1"' });
    expectWhole(await ask(server, { modelDir: folder }));
    expect(server.ranges).toEqual(["bytes=50000-"]);
  });

  it("is noticed when nothing comes any more", async () => {
    const server = await serve(async (request, response, count) => {
      if (count > 1) return server.send(request, response, published.bytes, { etag: '"1"' });
      response.writeHead(200, { ETag: '"1"', "Content-Length": published.bytes.length });
      response.write(published.bytes.subarray(0, 50_000));
    });
    expectWhole(await ask(server));
    expect(server.ranges).toEqual([undefined, "bytes=50000-"]);
  });
});
