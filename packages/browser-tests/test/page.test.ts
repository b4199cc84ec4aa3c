/** The page in a real browser: on each device, cross-origin isolated and not. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PageReport } from "../src/report.js";
import { buildPage, openPage, servePage, startBrowser } from "./browser.js";

/** What the browser says it has, so that threads can be counted on any machine. */
const CORES = 3;

let browser: Browser;
beforeAll(async () => {
  await buildPage();
  browser = await startBrowser();
});
afterAll(() => browser?.close());

const DEVICES = ["cpu"];

describe.each([true, false])("a page whose cross-origin isolation is %s", (isolated) => {
  let server: Awaited<ReturnType<typeof servePage>>;
  beforeAll(async () => {
    server = await servePage(isolated);
  });
  afterAll(() => server?.close());

  it.each(DEVICES)(
    "computes on %s what PyTorch computes",
    async (device) => {
      const { page, complaints } = await openPage(browser, CORES);
      await page.goto(`${server.url}?device=${device}`);
      const { facts, operators, training } = await page.evaluate((): Promise<PageReport> => window.kindling);

      expect(facts).toMatchObject({ device, crossOriginIsolated: isolated, cores: CORES });
      if (device === "cpu") expect(facts.threads).toBe(isolated ? CORES : 1);

      const others = operators.lines.filter((line) => !/^skip .* is not built yet$/.test(line));
      expect(others).toEqual([]);
      expect(operators).toMatchObject({ failed: 0, skipped: operators.lines.length });
      expect(operators.passed).toBeGreaterThanOrEqual(225);

      expect(training.lines).toEqual([expect.stringMatching(/^ok .*training\/small-cnn: error/)]);
      expect(training).toMatchObject({ passed: 1, failed: 0, skipped: 0 });
      expect(training.losses).toHaveLength(20);
      // A collection may leave a tensor that the stack seems to hold, so the lowest counts of two epochs are compared.
      expect(Math.min(...training.tensors.slice(16))).toBe(Math.min(...training.tensors.slice(8, 12)));
      expect(complaints).toEqual([]);
      await page.close();
    },
    120_000,
  );
});

it("says which number is not the one that PyTorch reached", async () => {
  const server = await servePage(true);
  const { page } = await openPage(browser, CORES);
  await page.route(/small-cnn.*json/, async (route) => {
    const golden = await (await route.fetch()).json();
    golden.losses[7] += 0.001;
    await route.fulfill({ json: golden });
  });
  await page.goto(`${server.url}?device=cpu`);
  const { training } = await page.evaluate((): Promise<PageReport> => window.kindling);
  expect(training).toMatchObject({ passed: 0, failed: 1 });
  expect(training.lines[0]).toMatch(/^FAIL {2}training\/small-cnn: loss 7: got 0\.198\d*, want 0\.199\d*/);
  await page.locator("#failures", { hasText: "loss 7" }).waitFor({ state: "visible" });
  await page.close();
  await server.close();
});

it("hears what goes wrong in a page", async () => {
  const { page, complaints } = await openPage(browser, CORES);
  await page.evaluate(() => {
    console.error("one");
    console.warn("two");
    void Promise.reject(new Error("three"));
    setTimeout(() => {
      throw new Error("four");
    });
  });
  await expect.poll(() => complaints.length).toBe(4);
  expect(complaints.sort()).toEqual(["error: one", "uncaught: Error: four", "uncaught: Error: three", "warning: two"]);
  await page.close();
});
