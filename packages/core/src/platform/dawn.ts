/** WebGPU in Node: Dawn, Chrome's implementation, as the npm package `webgpu`. */

import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { NoAdapterError } from "../errors.js";
import type { AdapterRequest, AdapterRoute, Adapters, FeatureLevel } from "./adapters.js";

/** The package's part that is used; its own types would bring another version of the DOM's. */
interface Dawn {
  create(flags: readonly string[]): GPU;
}

/** Not a literal: bundlers must not look for the native package. */
const PACKAGE: string = "webgpu";

/**
 * Forces Dawn's backend: "vulkan", "opengles", "opengl", "d3d12", "d3d11", "metal". By default Dawn chooses, and on Linux
 * OpenGL ES is tried where it finds no Vulkan.
 */
const BACKEND = process.env.KINDLING_WEBGPU_BACKEND;

/** By flags. Dawn crashes the process when an instance is collected while its devices work, so all are kept. */
const instances = new Map<string, GPU>();

/** What OpenGL ES needs in order to work without a display, and to be silent about it. */
const HEADLESS = { XDG_RUNTIME_DIR: tmpdir(), EGL_PLATFORM: "surfaceless" };

async function routes(): Promise<readonly AdapterRoute[]> {
  const dawn = await load();
  const route = (backend: string | undefined, featureLevel: FeatureLevel): AdapterRoute => {
    const request: AdapterRequest = { powerPreference: "high-performance", featureLevel };
    return {
      name: `Dawn${backend ? ` on ${backend}` : ""}${featureLevel === "core" ? "" : ", compatibility mode"}`,
      featureLevel,
      async requestAdapter() {
        try {
          // Dawn has looked for adapters when the call returns, before the promise resolves.
          return await inEnvironment(() => instance(dawn, backend).requestAdapter(request));
        } catch (cause) {
          const why = cause instanceof Error ? cause.message : String(cause);
          throw new NoAdapterError(`Dawn does not start${backend ? ` on ${backend}` : ""}: ${why}`, { cause });
        }
      },
    };
  };
  const routes = [route(BACKEND, "core"), route(BACKEND, "compatibility")];
  if (!BACKEND && process.platform === "linux") routes.push(route("opengles", "compatibility"));
  return routes;
}

async function load(): Promise<Dawn> {
  try {
    return (await import(PACKAGE)) as Dawn;
  } catch (cause) {
    const absent = (cause as { code?: string }).code === "ERR_MODULE_NOT_FOUND";
    throw new NoAdapterError(
      absent
        ? "there is no WebGPU in Node without the npm package webgpu: npm i webgpu (130 MB), or use the cpu device"
        : `the npm package webgpu does not load on ${process.platform}-${process.arch}: ${String(cause)}. ` +
            "Install its latest version with npm i webgpu@latest, or use the cpu device",
      { cause },
    );
  }
}

function instance(dawn: Dawn, backend: string | undefined): GPU {
  const key = backend ?? "";
  let gpu = instances.get(key);
  if (!gpu) {
    gpu = dawn.create(backend ? [`backend=${backend}`] : []);
    instances.set(key, gpu);
  }
  return gpu;
}

/** Without a display, and where the environment lacks them, sets what keeps the libraries under Dawn content. */
function inEnvironment<T>(act: () => T): T {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  const missing = DISPLAY || WAYLAND_DISPLAY ? [] : Object.entries(HEADLESS).filter(([name]) => !process.env[name]);
  for (const [name, value] of missing) process.env[name] = value;
  try {
    return act();
  } finally {
    for (const [name] of missing) delete process.env[name];
  }
}

/** On Linux a card that programs may use is a device file: of the kernel's own drivers, of NVIDIA's, or of WSL's. */
const hasGraphicsCard = (): boolean =>
  process.platform !== "linux" ||
  hasDeviceFile("/dev", /^(nvidia\d|dxg$|kgsl|mali)/) ||
  hasDeviceFile("/dev/dri", /^renderD/);

function hasDeviceFile(folder: string, name: RegExp): boolean {
  try {
    return readdirSync(folder).some((file) => name.test(file));
  } catch {
    return false;
  }
}

/** Dawn looks for libvulkan.so.1, and for libEGL.so, which Debian has in a package for developers. */
const ADVICE =
  process.platform === "linux"
    ? "For a GPU install its driver with Vulkan, on Debian libvulkan1 and nvidia-driver (NVIDIA) or mesa-vulkan-drivers " +
      "(AMD, Intel), and check with vulkaninfo. For a software adapter install libvulkan1 and chromium and set " +
      "VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json, or install libegl-dev and libgl1-mesa-dri. Or use the " +
      "cpu device"
    : "Update the graphics driver, or use the cpu device";

export const adapters: Adapters = { routes, hasGraphicsCard, advice: ADVICE };
