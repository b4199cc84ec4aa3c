/** Weights in a real browser: a page of this machine that asks for them, with and without the stores browsers have. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { rolldown } from "rolldown";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findChromium } from "../../../../scripts/lib/chromium.mjs";
import { noNodeModules } from "../../../../scripts/pack/browser.mjs";
import type * as Hub from "../../dist/hub/index.js";
import { other, published } from "./harness.js";
import { WeightsServer } from "./server.js";

/** The hub as a browser gets it. */
async function bundle(): Promise<string> {
  const hub = fileURLToPath(new URL("../../dist/hub/index.js", import.meta.url));
  const build = await rolldown({ input: hub, platform: "browser", plugins: [noNodeModules()] });
  const { output } = await build.generate({ format: "esm", codeSplitting: false });
  await build.close();
  return output[0].code;
}

const HTML = `<!doctype html><script type="module">import * as hub from "/hub.js"; globalThis.hub = hub;</script>`;

/** What the page has beside what every page has. */
interface PageScope {
  readonly hub: typeof Hub;
  seen(received: number): void;
}

let browser: Browser;
let script: string;
beforeAll(async () => {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("no Chromium found: apt install chromium, or name one in KINDLING_CHROMIUM");
  [browser, script] = await Promise.all([chromium.launch({ executablePath }), bundle()]);
});
afterAll(() => browser?.close());

let server: WeightsServer;
/** What the server does about files of weights. */
let answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
/** The server that hears what the page has received. */
let sender: WeightsServer;
let page: Page;
beforeEach(async () => {
  server = await WeightsServer.start((request, response) => {
    if (request.url === "/") response.writeHead(200, { "Content-Type": "text/html" }).end(HTML);
    else if (request.url === "/hub.js") response.writeHead(200, { "Content-Type": "text/javascript" }).end(script);
    else if (request.url === "/favicon.ico") response.writeHead(404).end();
    else return answer(request, response);
  });
  answer = (request, response) => server.send(request, response, published.bytes, { etag: '"1"' });
  const context = await browser.newContext();
  sender = server;
  await context.exposeFunction("seen", (received: number) => {
    sender.seen = received;
  });
  page = await context.newPage();
  await page.goto(server.base);
});
afterEach(async () => {
  await page.context().close();
  await server.close();
});

/** Requests for weights. */
const asked = (): (string | undefined)[] =>
  server.requests.filter(({ url }) => url.endsWith(".pth")).map(({ range }) => range);

interface Found {
  readonly sha256?: string;
  readonly kind?: string;
}

/** Gets the file in a tab, reads it, and says what it found. */
const get = (
  options: Pick<Hub.WeightsOptions, "checkHash" | "modelDir"> = { checkHash: true },
  tab = page,
  base = server.base,
): Promise<Found> =>
  tab.evaluate(
    async ({ url, options }) => {
      const { hub, seen } = globalThis as unknown as PageScope;
      const progress = ({ received }: Hub.DownloadProgress): void => seen(received);
      try {
        const file = (await hub.fetchWeights(url, { ...options, progress })) as Blob;
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
        return { sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") };
      } catch (error) {
        if (error instanceof hub.DownloadError) return { kind: error.kind };
        throw error;
      }
    },
    { url: base + published.name, options },
  );

/** Where the page's files are: in how many private files, and how many answers in caches. */
const stored = (): Promise<{ files: number; cached: number }> =>
  page.evaluate(async () => {
    let files = 0;
    for await (const folder of (await navigator.storage.getDirectory()).values()) {
      for await (const file of (folder as FileSystemDirectoryHandle).values()) files += file.kind === "file" ? 1 : 0;
    }
    const caching = (await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).length);
    return { files, cached: (await Promise.all(caching)).reduce((sum, count) => sum + count, 0) };
  });

/** Takes away the stores that are better than the wanted one. */
const STORES: [store: string, prepare: () => void, holds: { files: number; cached: number }][] = [
  ["the origin's private files", () => {}, { files: 1, cached: 0 }],
  [
    "the Cache API",
    () => {
      delete (FileSystemFileHandle.prototype as Partial<FileSystemFileHandle>).createWritable;
    },
    { files: 0, cached: 1 },
  ],
];

describe.each(STORES)("%s", (_, prepare, holds) => {
  beforeEach(() => page.evaluate(prepare));

  it("keep a file from visit to visit", async () => {
    expect(await get()).toEqual({ sha256: published.sha256 });
    expect(await stored()).toEqual(holds);
    await page.reload();
    await page.evaluate(prepare);
    expect(await get()).toEqual({ sha256: published.sha256 });
    expect(asked()).toEqual([undefined]);
  });

  it("hold a file that came in pieces", async () => {
    let count = 0;
    answer = (request, response) =>
      server.send(request, response, published.bytes, { etag: '"1"', cutAfter: count++ === 0 ? 50_000 : undefined });
    expect(await get()).toEqual({ sha256: published.sha256 });
    expect(asked()).toEqual([undefined, "bytes=50000-"]);
  });

  it("keep nothing of what is not the file, or breaks off", async () => {
    answer = (request, response) => server.send(request, response, other.bytes);
    expect(await get()).toEqual({ kind: "hash" });
    answer = (_request, response) => void response.writeHead(404).end();
    expect(await get()).toEqual({ kind: "not-found" });
    answer = (request, response) => server.send(request, response, published.bytes);
    expect(await get()).toEqual({ sha256: published.sha256 });
  });

  it("keep folders apart", async () => {
    await get({ modelDir: "a/b" });
    await get({ modelDir: "a/b" });
    await get({ modelDir: "c" });
    expect(asked()).toHaveLength(2);
  });

  it("get one download for two tabs", async () => {
    let proceed = (): void => {};
    const told = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    answer = async (request, response) => {
      await told;
      return server.send(request, response, published.bytes);
    };
    const tab = await page.context().newPage();
    await tab.goto(server.base);
    await tab.evaluate(prepare);
    const both = Promise.all([get(), get(undefined, tab)]);
    setTimeout(proceed, 200);
    expect(await both).toEqual([{ sha256: published.sha256 }, { sha256: published.sha256 }]);
    expect(asked()).toHaveLength(1);
  });
});

describe("a server of another origin", () => {
  it("needs to allow reading only, also for the rest of a file", async () => {
    let count = 0;
    const far = await WeightsServer.start((request, response) => {
      response.setHeader("Access-Control-Allow-Origin", "*");
      return far.send(request, response, published.bytes, {
        etag: '"1"',
        cutAfter: count++ === 0 ? 50_000 : undefined,
      });
    });
    sender = far;
    expect(await get({ checkHash: true }, page, far.base)).toEqual({ sha256: published.sha256 });
    // Leave is asked for with OPTIONS.
    expect(far.requests.map(({ method, range }) => [method, range])).toEqual([
      ["GET", undefined],
      ["GET", "bytes=50000-"],
    ]);
    await far.close();
  });
});

describe("a page that is refused", () => {
  it("its private files takes the Cache API", async () => {
    await page.evaluate(() => {
      const refused = StorageManager.prototype as { getDirectory?: unknown };
      refused.getDirectory = () => Promise.reject(new DOMException("no", "SecurityError"));
    });
    expect(await get()).toEqual({ sha256: published.sha256 });
    expect(await page.evaluate(() => caches.has("kindling-weights"))).toBe(true);
  });

  it("every store has the file as long as it lives", async () => {
    const prepare = (): void => {
      delete (FileSystemFileHandle.prototype as Partial<FileSystemFileHandle>).createWritable;
      CacheStorage.prototype.open = () => Promise.reject(new DOMException("no", "SecurityError"));
    };
    await page.evaluate(prepare);
    expect(await get()).toEqual({ sha256: published.sha256 });
    expect(await get()).toEqual({ sha256: published.sha256 });
    expect(asked()).toHaveLength(1);
    await page.reload();
    await page.evaluate(prepare);
    await get();
    expect(asked()).toHaveLength(2);
  });
});
