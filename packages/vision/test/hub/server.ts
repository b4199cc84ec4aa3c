/** A real server on loopback that serves files of weights, and fails in the ways that servers and networks do. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout } from "node:timers/promises";

export interface Request {
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

export interface FileOptions {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Answers `Range`. Default true. */
  readonly ranges?: boolean;
  /** Breaks the connection after so many bytes of the answer's body. */
  readonly cutAfter?: number;
  /** Sends no Content-Length. */
  readonly chunked?: boolean;
  readonly type?: string;
}

export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void | Promise<void>;

export class WeightsServer {
  /** What was asked, in order. */
  readonly requests: Request[] = [];
  /** Bytes of the file that the client says to have. */
  seen = 0;
  handler: Handler;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(handler: Handler) {
    this.handler = handler;
    this.#server = createServer((request, response) => {
      const { method = "", url = "", headers } = request;
      this.requests.push({ method, url, range: headers.range, ifRange: headers["if-range"] as string | undefined });
      void this.handler(request, response, this.requests.length);
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(handler: Handler): Promise<WeightsServer> {
    const server = new WeightsServer(handler);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The folder of its files, with the slash. */
  get base(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** The ranges that were asked for, in order. */
  get ranges(): (string | undefined)[] {
    return this.requests.map(({ range }) => range);
  }

  /** Answers a request as a good file server does, or breaks off on the way. */
  async send(
    request: IncomingMessage,
    response: ServerResponse,
    bytes: Uint8Array,
    { etag, lastModified, ranges = true, cutAfter, chunked, type = "application/octet-stream" }: FileOptions = {},
  ): Promise<void> {
    const condition = request.headers["if-range"];
    const same = condition === undefined || condition === etag || condition === lastModified;
    const asked = ranges && same ? /^bytes=(\d+)-$/.exec(request.headers.range ?? "") : null;
    const start = Number(asked?.[1] ?? 0);
    if (asked && start >= bytes.length) {
      response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
      return;
    }
    response.writeHead(asked ? 206 : 200, {
      "Content-Type": type,
      ...(etag && { ETag: etag }),
      ...(lastModified && { "Last-Modified": lastModified }),
      ...(!chunked && { "Content-Length": bytes.length - start }),
      ...(asked && { "Content-Range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (cutAfter === undefined || start + cutAfter >= bytes.length) response.end(bytes.subarray(start));
    else await this.breakOff(response, bytes.subarray(start, start + cutAfter), start + cutAfter);
  }

  /** Sends bytes and breaks the connection. What the client has not read by then would be lost, so it is waited for. */
  async breakOff(response: ServerResponse, bytes: Uint8Array, until = bytes.length): Promise<void> {
    response.write(bytes);
    while (this.seen < until && !response.destroyed) await setTimeout(5);
    response.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
