/** The page in a real browser: on each device, cross-origin isolated and not, and where something is missing. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PageReport } from "../src/report.js";
import { isolation } from "../vite.config.js";
import { buildPage, openPage, servePage, startBrowser, type Visit } from "./browser.js";

const CORES = 3;
const DEVICES = ["cpu", "webgpu"];

let browser: Browser;
beforeAll(async () => {
  await buildPage();
  browser = await startBrowser();
});
afterAll(() => browser?.close());

let visit: Visit;
beforeEach(async () => {
  visit = await openPage(browser, CORES);
});
afterEach(() => visit?.page.close());

/** Serves the page with headers, opens it, and gives what it found. */
async function report(page: Page, device: string, headers: Record<string, string>): Promise<PageReport> {
  const server = await servePage(headers);
  try {
    await page.goto(`${server.url}?device=${device}`);
    return await page.evaluate((): Promise<PageReport> => window.kindling);
  } finally {
    await server.close();
  }
}

describe.each(DEVICES)("on %s", (device) => {
  const losses: (readonly number[])[] = [];

  it.each([
    { isolated: true, headers: isolation },
    { isolated: false, headers: {} },
  ])(
    "computes what PyTorch computes, cross-origin isolated: $isolated",
    async ({ isolated, headers }) => {
      const { facts, operators, training } = await report(visit.page, device, headers);

      expect(facts).toMatchObject({ device, crossOriginIsolated: isolated, cores: CORES });
      if (device === "cpu") expect(facts.threads).toBe(isolated ? CORES : 1);
      else expect(facts.adapter).toMatch(/swiftshader/i);

      expect(operators.lines.filter((line) => !/^skip .* is not built yet$/.test(line))).toEqual([]);
      expect(operators).toMatchObject({ failed: 0, skipped: operators.lines.length });
      expect(operators.passed).toBeGreaterThanOrEqual(225);

      expect(training.lines).toEqual([expect.stringMatching(/^ok .*training\/small-cnn: error/)]);
      expect(training).toMatchObject({ passed: 1, failed: 0, skipped: 0 });
      expect(training.losses).toHaveLength(20);
      losses.push(training.losses);
      // A collection may leave a tensor that the stack seems to hold, so the lowest counts of two epochs are compared.
      expect(Math.min(...training.tensors.slice(16))).toBe(Math.min(...training.tensors.slice(8, 12)));
      expect(visit.complaints).toEqual([]);
    },
    120_000,
  );

  it("computes the same bits with and without cross-origin isolation", () => {
    expect(losses).toHaveLength(2);
    expect(losses[0]).toEqual(losses[1]);
  });
});

it.each([
  { workers: "blob:", threads: CORES },
  { workers: "'none'", threads: 1 },
])("threads under a policy whose worker-src is $workers: $threads", async ({ workers, threads }) => {
  const policy = `default-src 'self'; img-src data:; script-src 'self' 'wasm-unsafe-eval'; worker-src ${workers}`;
  const { facts, operators, training } = await report(visit.page, "cpu", {
    ...isolation,
    "Content-Security-Policy": policy,
  });
  expect(facts).toMatchObject({ device: "cpu", threads, crossOriginIsolated: true });
  expect(operators.failed + training.failed).toBe(0);
});

it("the device auto is cpu where the only adapter is in software", async () => {
  const { facts } = await report(visit.page, "auto", {});
  expect(facts.device).toBe("cpu");
});

describe("where the browser has no WebGPU", () => {
  beforeEach(() => visit.page.addInitScript(() => Object.defineProperty(navigator, "gpu", { value: undefined })));

  it("the device webgpu is refused with what to do", async () => {
    await expect(report(visit.page, "webgpu", {})).rejects.toThrow(
      /NoAdapterError.*use a current .*, or the cpu device/,
    );
    await visit.page.locator("#status", { hasText: "NoAdapterError" }).waitFor();
  });

  it("the device auto is cpu", async () => {
    const { facts, training } = await report(visit.page, "auto", {});
    expect(facts.device).toBe("cpu");
    expect(training.failed).toBe(0);
    expect(visit.complaints).toEqual([]);
  });
});

it("a device that is lost is an error in every check after it, and none goes unheard", async () => {
  await visit.page.addInitScript(() => {
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      const device = await requestDevice.call(this, descriptor);
      const { submit } = GPUQueue.prototype;
      let left = 50;
      device.queue.submit = function (commands) {
        submit.call(this, commands);
        if (--left === 0) device.destroy();
        return undefined;
      };
      return device;
    };
  });
  const { operators, training } = await report(visit.page, "webgpu", {});
  const failures = [...operators.lines, ...training.lines].filter((line) => !line.startsWith("skip"));
  expect(failures.filter((line) => !/^FAIL .*: DeviceError: .*lost/.test(line))).toEqual([]);
  expect(operators.passed).toBeGreaterThan(0);
  expect(operators.failed).toBeGreaterThan(operators.passed);
  expect(training).toMatchObject({ passed: 0, failed: 1 });
  expect(visit.complaints).toEqual([]);
});

describe("the page", () => {
  it("says which number is not the one that PyTorch reached", async () => {
    await visit.page.route(/small-cnn.*json/, async (route) => {
      const golden = await (await route.fetch()).json();
      golden.losses[7] += 0.001;
      await route.fulfill({ json: golden });
    });
    const { training } = await report(visit.page, "cpu", isolation);
    expect(training).toMatchObject({ passed: 0, failed: 1 });
    expect(training.lines[0]).toMatch(/^FAIL {2}training\/small-cnn: loss 7: got 0\.198\d*, want 0\.199\d*/);
    await visit.page.locator("#failures", { hasText: "loss 7" }).waitFor();
  });

  it("is heard when something goes wrong in it", async () => {
    await visit.page.evaluate(() => {
      console.error("one");
      console.warn("two");
      void Promise.reject(new Error("three"));
      setTimeout(() => {
        throw new Error("four");
      });
    });
    await expect.poll(() => visit.complaints.length).toBe(4);
    const expected = ["error: one", "uncaught: Error: four", "uncaught: Error: three", "warning: two"];
    expect(visit.complaints.sort()).toEqual(expected);
  });
});
