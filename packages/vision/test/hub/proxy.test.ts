/** Proxies, as the environment names them. */

import { createServer, request as forward, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchWeights } from "../../dist/hub/index.js";
import { ask, expectWhole, published, serveFile } from "./harness.js";
import { temporaryFolder } from "./weights.js";

/** A proxy that notes whom it was asked for, by CONNECT or with a whole address. */
class TestProxy {
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((request, response) => {
      this.asked.push(request.url!);
      const onward = forward(request.url!, { headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        // Breaks are passed on.
        pipeline(answer, response, () => {});
      });
      request.pipe(onward);
    });
    this.#server.on("connect", (request: IncomingMessage, client: Socket) => {
      this.asked.push(`CONNECT ${request.url}`);
      const { hostname, port } = new URL(`http://${request.url}`);
      const server = connect(Number(port), hostname, () => {
        client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        server.pipe(client).pipe(server);
      });
      for (const socket of [server, client]) this.#sockets.add(socket.on("error", () => socket.destroy()));
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let proxy: TestProxy | undefined;
afterEach(() => proxy?.close());

/** Names a proxy in the environment, and no other. */
async function nameProxy(variable: string, exceptions?: string): Promise<TestProxy> {
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]) {
    vi.stubEnv(name, undefined);
    vi.stubEnv(name.toLowerCase(), undefined);
  }
  proxy = new TestProxy();
  vi.stubEnv(variable, await proxy.start());
  if (exceptions) vi.stubEnv("NO_PROXY", exceptions);
  return proxy;
}

describe("a proxy", () => {
  it.each(["HTTP_PROXY", "http_proxy"])("in %s is asked in the server's place", async (variable) => {
    const { asked } = await nameProxy(variable);
    const server = await serveFile({});
    expectWhole(await ask(server));
    expect(asked).toEqual([server.base + published.name]);
  });

  it("is asked for https as well", async () => {
    const { asked } = await nameProxy("HTTPS_PROXY");
    const server = await serveFile({});
    // The server speaks no TLS, so nothing comes of it; but the proxy was asked.
    const url = `https://127.0.0.1:${server.port}/x.pth`;
    const options = { modelDir: temporaryFolder(), progress: false, signal: AbortSignal.timeout(300) };
    await expect(fetchWeights(url, options)).rejects.toMatchObject({ name: "TimeoutError" });
    expect(asked[0]).toBe(`CONNECT 127.0.0.1:${server.port}`);
  });

  it("is taken up again after a break", async () => {
    const { asked } = await nameProxy("HTTP_PROXY");
    const server = await serveFile({ etag: '"1"', cutAfter: 50_000 }, { etag: '"1"' });
    expectWhole(await ask(server));
    expect(server.ranges).toEqual([undefined, "bytes=50000-"]);
    expect(asked).toHaveLength(2);
  });

  it("is left alone for the hosts in NO_PROXY, and by a fetch of the caller's", async () => {
    const { asked } = await nameProxy("HTTP_PROXY", "127.0.0.1");
    expectWhole(await ask(await serveFile({})));
    vi.stubEnv("NO_PROXY", undefined);
    expectWhole(await ask(await serveFile({}), { fetch }));
    expect(asked).toEqual([]);
  });
});
