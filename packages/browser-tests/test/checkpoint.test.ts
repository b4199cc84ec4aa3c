/** Checkpoints in a real browser: from blobs, streams and addresses, of servers that behave and of servers that do not. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint, toBytes, toSafetensorsBytes } from "@kindling/checkpoint";
import { fromHost, type Tensor } from "@kindling/core";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBrowser } from "./browser.js";

const library = fileURLToPath(new URL("../../checkpoint/dist/index.js", import.meta.url));
const recorded = fileURLToPath(new URL("../../checkpoint/test/recorded/reading/files", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "kindling-browser-"));

/** How a server answers a request for `[start, end)` of a file; `end` may lie beyond the file. */
type Behaviour = (response: ServerResponse, file: Uint8Array, start: number, end: number) => void;

const part = (headers: Record<string, string> = {}, change = (bytes: Uint8Array): Uint8Array => bytes): Behaviour => {
  return (response, file, start, end) => {
    const last = Math.min(end, file.length);
    response.writeHead(206, { "Content-Range": `bytes ${start}-${last - 1}/${file.length}`, ...headers });
    response.end(change(file.subarray(start, last)));
  };
};
let answers = 0;

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  ranges: part(),
  whole: (response, file) => void response.writeHead(200).end(file),
  wrong: part({ "Content-Range": "bytes 5-9/100" }),
  nonsense: part({ "Content-Range": "bytes x" }),
  more: part({}, (bytes) => Buffer.concat([bytes, new Uint8Array(10)])),
  less: part({}, (bytes) => bytes.subarray(1)),
  changing: (response, file, start, end) => part({ ETag: `"${answers++}"` })(response, file, start, end),
  encoded: part({ "Content-Encoding": "gzip" }),
  // What a page of another origin may not see unless the server says so: `Content-Range`, `ETag`.
  hidden: part({ "Access-Control-Allow-Origin": "*" }),
  missing: (response) => void response.writeHead(404).end(),
  unsatisfiable: (response) => void response.writeHead(416).end(),
  broken: (response) => void response.writeHead(500).end(),
  silent: () => {},
  reset: (response) => void response.destroy(),
};

let browser: Browser;
let page: Page;
let server: Server;
let requests = 0;
const files = new Map<string, Uint8Array>();
beforeAll(async () => {
  const state = {
    "fc.weight": fromHost(new Float32Array(500_000).fill(0.5), [500_000]),
    "fc.bias": fromHost(Float32Array.of(1, 2), [2]),
  };
  files.set("model.pth", await toBytes({ epoch: 3, state }));
  files.set("model.safetensors", await toSafetensorsBytes(state));
  writeFileSync(
    join(folder, "entry.js"),
    `import * as checkpoint from ${JSON.stringify(library)}; window.checkpoint = checkpoint;`,
  );
  await build({
    root: folder,
    logLevel: "error",
    build: {
      outDir: "out",
      rolldownOptions: { input: join(folder, "entry.js"), output: { entryFileNames: "entry.js" } },
    },
  });
  server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://x");
    if (url.pathname === "/")
      return void response
        .writeHead(200, { "Content-Type": "text/html" })
        .end("<!doctype html><script type=module src=entry.js></script>");
    if (url.pathname === "/entry.js")
      return void response
        .writeHead(200, { "Content-Type": "text/javascript" })
        .end(readFileSync(join(folder, "out/entry.js")));
    const [, behaviour, name] = url.pathname.split("/");
    const file = files.get(name);
    if (behaviour === "moved") return void response.writeHead(302, { Location: `/ranges/${name}` }).end();
    if (!file || !BEHAVIOURS[behaviour]) return void response.writeHead(404).end();
    requests++;
    if (request.method === "HEAD") {
      const headers = { "Access-Control-Allow-Origin": "*", "Content-Length": file.length };
      return void response.writeHead(200, headers).end();
    }
    const [, start = "0", end = String(file.length - 1)] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    BEHAVIOURS[behaviour](response, file, Number(start), Number(end) + 1);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  browser = await startBrowser();
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => "checkpoint" in window);
});
afterAll(async () => {
  await browser?.close();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What is read of an address, a blob or a stream of it: names of the tensors, and the elements of the bias; or the kind of error. */
const read = (path: string, how = "url") =>
  page.evaluate(
    async ([path, how]) => {
      const { openCheckpoint } = (window as unknown as { checkpoint: typeof import("@kindling/checkpoint") })
        .checkpoint;
      const url = new URL(path, location.href);
      try {
        const input = how === "url" ? url : how === "blob" ? await (await fetch(url)).blob() : (await fetch(url)).body!;
        const checkpoint = await openCheckpoint(input);
        const name = checkpoint.tensors.find((tensor) => tensor.name.endsWith("bias"))!.name;
        const elements = [...(await checkpoint.read(name)).hostData()!].map(Number);
        const big = await checkpoint.read(name.replace("bias", "weight"));
        return { format: checkpoint.format, elements, big: big.shape };
      } catch (error) {
        return { kind: (error as { kind?: string }).kind ?? String(error) };
      }
    },
    [path, how] as const,
  );

describe.each(["model.pth", "model.safetensors"])("%s", (name) => {
  const expected = { format: name.endsWith("pth") ? "zip" : "safetensors", elements: [1, 2], big: [500_000] };

  it.each([
    ["an address by range", "ranges", "url"],
    ["an address without ranges", "whole", "url"],
    ["an address that has moved", "moved", "url"],
    ["a blob", "whole", "blob"],
    ["a stream", "whole", "stream"],
  ])("is read from %s", async (_what, behaviour, how) => {
    requests = 0;
    expect(await read(`/${behaviour}/${name}`, how)).toEqual(expected);
    expect(requests).toBeLessThanOrEqual(4);
  });

  it("is read from another origin that hides Content-Range", async () => {
    const { port } = server.address() as AddressInfo;
    expect(await read(`http://localhost:${port}/hidden/${name}`)).toEqual(expected);
  });

  it.each(["wrong", "nonsense", "more", "less", "changing", "encoded", "missing", "unsatisfiable", "broken", "reset"])(
    "is refused from a server that is %s",
    async (behaviour) => {
      expect(await read(`/${behaviour}/${name}`)).toEqual({ kind: "io" });
    },
  );
});

it.each([
  "archive.deflated.pth",
  "archive.streamed_deflated.pth",
  "archive.deflated_zip64.pth",
  "checkpoint.legacy.pth",
])("%s, as torch wrote it, is the same as in Node", async (name) => {
  const bytes = readFileSync(join(recorded, name));
  files.set(name, bytes);
  const here: unknown[] = [];
  for await (const [key, tensor] of await openCheckpoint(bytes)) here.push([key, tensor.dtype, textOf(tensor)]);
  const there = await page.evaluate(async (path) => {
    const { openCheckpoint } = (window as unknown as { checkpoint: typeof import("@kindling/checkpoint") }).checkpoint;
    const found: unknown[] = [];
    for await (const [key, tensor] of await openCheckpoint(new URL(path, location.href)))
      found.push([key, tensor.dtype, Array.from(tensor.hostData() as ArrayLike<unknown>, String).join()]);
    return found;
  }, `/ranges/${name}`);
  expect(here.length).toBeGreaterThan(0);
  expect(there).toEqual(here);
});

const textOf = (tensor: Tensor): string => Array.from(tensor.hostData() as ArrayLike<unknown>, String).join();

it("waits for a stream that brings nothing, or a server that does not answer, only until the signal", async () => {
  const reasons = await page.evaluate(async () => {
    const { load } = (window as unknown as { checkpoint: typeof import("@kindling/checkpoint") }).checkpoint;
    const ended = (input: ReadableStream<Uint8Array> | URL) =>
      load(input, { signal: AbortSignal.timeout(100) }).catch((error: Error) => error.name);
    return [await ended(new ReadableStream()), await ended(new URL("/silent/model.pth", location.href))];
  });
  expect(reasons).toEqual(["TimeoutError", "TimeoutError"]);
});
