import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { runProgram } from "./webgpu-process.js";

/** Dawn finds no Vulkan driver, and nothing of the environment that tests are given; Chromium's own EGL lies there, too. */
const NO_DRIVER = {
  VK_DRIVER_FILES: "/none",
  VK_ICD_FILENAMES: "/none",
  KINDLING_WEBGPU_BACKEND: "",
  LD_LIBRARY_PATH: "",
};

/** Prints why there is no device. */
const SAY_WHY = `await start().catch((error) => console.log(error.name + ": " + error.message));`;

describe("a process with a webgpu device", () => {
  it("exits by itself, with code 0, without closing the device", async () => {
    const { code, stdout } = await runProgram(`
      const device = await start();
      const { y } = begin(device, 10);
      console.log(new Float32Array(await device.read(y, "float32", 0, 1))[0]);
    `);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "1" });
  });

  it("exits cleanly though runs are pending and nobody holds the device", async () => {
    const { code, stdout, stderr } = await runProgram(`
      {
        const device = await start();
        const { plan, x, y } = begin(device, 10_000);
        for (let i = 0; i < 5; i++) device.run(plan, [x, y], new Uint32Array(0));
      }
      gc();
      console.log("returned");
    `);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: "returned" });
  });

  it("stays alive while it awaits a compilation, a run or a read", async () => {
    const { code, stdout } = await runProgram(`
      const device = await start();
      const { y } = begin(device, 50_000);
      const read = device.read(y, "float32", 0, 1);
      await device.settle(0);
      console.log("settled", device.pending());
      await read;
      console.log("read");
    `);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "settled 0\nread" });
  });

  it("exits with the code of process.exit, and of an error, in the middle of a run", async () => {
    const exit = await runProgram(`begin(await start(), 100_000); process.exit(7);`);
    expect(exit.code).toBe(7);
    const error = await runProgram(`begin(await start(), 100_000); throw new Error("mine");`);
    expect(error.code).toBe(1);
    expect(error.stderr).toContain("mine");
  });

  it("exits with code 1 and the message where nobody catches the error of a failed device", async () => {
    const { code, stderr } = await runProgram(`
      const device = await start();
      begin(device, 10);
      device.gpu.destroy();
      await device.settle(0);
    `);
    expect(code).toBe(1);
    expect(stderr).toMatch(/DeviceError: the webgpu device was lost/);
  });

  it.runIf(process.platform === "linux")(
    "survives an allocation that the driver refuses, and says what it was for",
    async () => {
      const { code, stdout } = await runProgram(`
      import { execFileSync } from "node:child_process";
      import { readFileSync } from "node:fs";
      const device = await start();
      const { y } = begin(device, 10);
      await device.settle(0);
      const used = 1024 * Number(/VmSize:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
      execFileSync("prlimit", ["--pid", String(process.pid), "--as=" + (used + 2 ** 28) + ":"]);
      const large = device.allocate(2 ** 29, "the gradients");
      execFileSync("prlimit", ["--pid", String(process.pid), "--as=unlimited:"]);
      device.upload(large, new Float32Array(10), "float32");
      await device.settle(0).catch((error) => console.log(error.name + ": " + error.message));
      await device.read(y, "float32", 0, 1).catch((error) => console.log(error.name + ": " + error.message));
      device.close();
      const next = await start();
      console.log(new Float32Array(await next.read(begin(next, 10).y, "float32", 0, 1))[0]);
    `);
      const said =
        /^DeviceError: allocation of 512.0 MiB for the gradients, with 512.0 MiB reserved in all, failed on the webgpu device: .*restore from the last checkpoint$/;
      const [settle, read, value] = stdout.split("\n");
      expect(settle).toMatch(said);
      expect(read).toMatch(said);
      expect(value).toBe("1");
      expect(code).toBe(0);
    },
  );
});

describe.runIf(process.platform === "linux")("where Dawn finds no Vulkan", () => {
  it("falls back to OpenGL ES, and needs no display for it", async () => {
    const { code, stdout } = await runProgram(
      `
      const device = await start();
      console.log(new Float32Array(await device.read(begin(device, 10).y, "float32", 0, 1))[0]);
      console.log(device.target.storageBuffers >= 8, device.target.software);
      import { describeAdapters } from "${new URL("../dist/webgpu/report.js", import.meta.url).href}";
      const { adapters, problem } = await describeAdapters();
      console.log(problem, JSON.stringify(adapters.map(({ route, featureLevel, software }) => ({ route, featureLevel, software }))));
    `,
      NO_DRIVER,
    );
    expect(stdout.split("\n")).toEqual([
      "1",
      "true true",
      `undefined [{"route":"Dawn on opengles, compatibility mode","featureLevel":"compatibility","software":true}]`,
    ]);
    expect(code).toBe(0);
  });

  it("says what to install if nothing is there", async () => {
    const { code, stdout } = await runProgram(SAY_WHY, { ...NO_DRIVER, KINDLING_WEBGPU_BACKEND: "vulkan" });
    expect(stdout).toMatch(
      /^NoAdapterError: there is no adapter for the webgpu device\. .*mesa-vulkan-drivers.*chromium.*cpu device$/,
    );
    expect(code).toBe(0);
  });
});

describe("where there is no device", () => {
  it("says which backends Dawn has, if there is none of the name", async () => {
    const { stdout } = await runProgram(SAY_WHY, { KINDLING_WEBGPU_BACKEND: "glide" });
    expect(stdout).toMatch(/^NoAdapterError: Dawn does not start on glide: .*vulkan/s);
  });

  it("does not take a software adapter for hardware", async () => {
    const { stdout } = await runProgram(
      `await WebGpuDevice.start({ adapter: "hardware" }, print).catch((error) => console.log(error.name, error.message));`,
      { KINDLING_WEBGPU_BACKEND: "vulkan" },
    );
    expect(stdout).toMatch(
      /^NoAdapterError there is no hardware adapter .*(only SwiftShader.*ask for adapter "any"|shows no graphics card).*mesa-vulkan-drivers/,
    );
  });

  it("says how to install the package webgpu", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kindling-"));
    try {
      for (const name of ["dist", "package.json"])
        await cp(fileURLToPath(new URL(`../${name}`, import.meta.url)), join(folder, name), { recursive: true });
      const { stdout } = await runProgram(`
        const { describeAdapters } = await import(${JSON.stringify(pathToFileURL(join(folder, "dist/webgpu/report.js")).href)});
        console.log(JSON.stringify(await describeAdapters()));
      `);
      expect(JSON.parse(stdout)).toEqual({ adapters: [], problem: expect.stringContaining("npm i webgpu (130 MB)") });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
