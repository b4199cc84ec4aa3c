/** The doctor tells what computes here, and says what to do where something does not. */

import { afterEach, describe, expect, test, vi } from "vitest";
import type { Diagnosis } from "../dist/commands/diagnosis.js";
import { kindling } from "./kindling.js";

afterEach(() => vi.unstubAllEnvs());

async function diagnosis(): Promise<Diagnosis> {
  const { code, stdout } = await kindling("doctor", "--json");
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

/** Leaves Dawn without a driver. */
function hideAdapters(): void {
  vi.stubEnv("KINDLING_WEBGPU_BACKEND", "vulkan");
  vi.stubEnv("VK_DRIVER_FILES", "/nowhere/driver.json");
}

describe("doctor", () => {
  test("shows the cpu device, every adapter with its limits, and what auto takes", async () => {
    const { code, stdout } = await kindling("doctor");
    expect(code).toBe(0);
    expect(stdout).toContain(`node      ${process.version} on ${process.platform} ${process.arch}\n`);
    expect(stdout).toMatch(/^cpu {7}computes\n {10}\d+ cores?, .*; SIMD.*, shared memory$/m);
    expect(stdout).toMatch(/^webgpu {4}computes\n {10}npm package webgpu: \d+\.\d+\.\d+$/m);
    expect(stdout).toMatch(/^adapter {3}.*, which --device webgpu takes\n {10}(software|hardware), found by Dawn/m);
    expect(stdout).toMatch(/^ +maxStorageBufferBindingSize +[\d.]+ [MG]iB +128\.0 MiB$/m);
    expect(stdout).toMatch(/^auto {6}takes (cpu|webgpu): .+$/m);
  });

  test("gives the same as data, and auto takes webgpu only on hardware", async () => {
    const { node, cpu, webgpu, auto } = await diagnosis();
    expect(node.version).toBe(process.version);
    expect(cpu).toMatchObject({ simd: true, sharedMemory: true });
    expect(cpu.problem).toBeUndefined();
    expect(cpu.fusedMultiplyAdd).toBe(Number.parseInt(process.versions.node, 10) >= 22);
    expect(webgpu.problem).toBeUndefined();
    expect(webgpu.adapters).toContainEqual(webgpu.taken);
    expect(webgpu.taken!.limits.maxComputeWorkgroupStorageSize).toBeGreaterThanOrEqual(16384);
    expect(auto.device).toBe(webgpu.taken!.software ? "cpu" : "webgpu");
  });

  test("without an adapter, says what to install, and that auto takes cpu", async () => {
    hideAdapters();
    const { webgpu, auto } = await diagnosis();
    expect(webgpu.adapters).toEqual([]);
    expect(webgpu.problem).toMatch(/no adapter.*install/s);
    expect(auto).toEqual({ device: "cpu", why: "there is no WebGPU adapter" });
  });
});

describe("--device webgpu", () => {
  test("without an adapter ends with what to do, after whatever Dawn has to say", async () => {
    hideAdapters();
    const { code, stderr } = await kindling("predict", "x.png", "--checkpoint", "x", "--device", "webgpu");
    expect(code).toBe(1);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(
      /^error: there is no adapter for the webgpu device\. .*install/,
    );
  });
});
