/** Builds the page, serves it, and opens it in headless Chromium. */

import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { build, preview } from "vite";
import { findChromium } from "../../../scripts/lib/chromium.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Bundles the page as its `vite.config.ts` says; rejects where a module of Node comes along. */
export async function buildPage(): Promise<void> {
  await build({ root, logLevel: "warn" });
}

/** Serves the bundled page at an address of this machine, its answers with the given headers. */
export async function servePage(headers: Record<string, string>): Promise<{ url: string; close: () => Promise<void> }> {
  const server = await preview({
    root,
    configFile: false,
    logLevel: "warn",
    build: { outDir: "dist/page" },
    preview: { host: "127.0.0.1", port: 0, headers },
  });
  return { url: server.resolvedUrls!.local[0], close: () => server.close() };
}

/** Headless Chromium with WebGPU on its own software adapter, SwiftShader, and with `gc()` in pages. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath) {
    throw new Error("no Chromium found: install it (Debian: apt install chromium), or name one in KINDLING_CHROMIUM");
  }
  const webgpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];
  return chromium.launch({ executablePath, args: [...webgpu, "--js-flags=--expose-gc"] });
}

/** A page, and what went wrong in it: errors and warnings on the console, exceptions and rejections nobody took. */
export interface Visit {
  readonly page: Page;
  readonly complaints: string[];
}

/** An empty page. The browser says that it has `cores`, so that threads can be counted on any machine. */
export async function openPage(browser: Browser, cores: number): Promise<Visit> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error}`));
  const session = await page.context().newCDPSession(page);
  await session.send("Emulation.setHardwareConcurrencyOverride", { hardwareConcurrency: cores });
  return { page, complaints };
}
