// Finds a WebGPU adapter for the programs that our scripts start: what to put into their environment, and whether it
// computes. Tests take an adapter in software, which is the same on every machine.

import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromiumFolders } from "./chromium.mjs";
import { runNode } from "./process.mjs";

/** A way to an adapter: the environment in which Dawn finds it. @typedef {{ name: string, env: Record<string, string> }} Adapter */

/** Variables by which somebody has chosen already. */
const CHOICES = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "KINDLING_WEBGPU_BACKEND"];

/** What Dawn finds in the environment as it is: a graphics card, or what the variables above say. @type {Adapter} */
const given = { name: "the adapter of this environment", env: {} };

/** One Vulkan driver, and no other way to an adapter. */
const vulkan = (/** @type {string} */ driver) => ({ VK_DRIVER_FILES: driver, KINDLING_WEBGPU_BACKEND: "vulkan" });

/** Chromium's software driver, through the Vulkan loader that lies beside it. @returns {Adapter[]} */
function swiftShaders() {
  const drivers = chromiumFolders().map((folder) => ({ folder, driver: join(folder, "vk_swiftshader_icd.json") }));
  const { LD_LIBRARY_PATH: others } = process.env;
  return drivers
    .filter(({ driver }) => existsSync(driver))
    .map(({ folder, driver }) => ({
      name: `SwiftShader in ${folder}`,
      env: { ...vulkan(driver), LD_LIBRARY_PATH: others ? `${folder}${delimiter}${others}` : folder },
    }));
}

/** Mesa's software driver for Vulkan. Dawn refuses that of Mesa 22 (Debian 12). @returns {Adapter[]} */
function lavapipes() {
  const folder = "/usr/share/vulkan/icd.d";
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => /^lvp_icd.*\.json$/.test(file)) : [];
  return files.map((file) => ({ name: `lavapipe in ${folder}`, env: vulkan(join(folder, file)) }));
}

/** WebGPU's compatibility mode, on a graphics card or on Mesa's software driver. Dawn wants Debian's libegl-dev. @type {Adapter} */
const gles = { name: "OpenGL ES", env: { EGL_PLATFORM: "surfaceless", KINDLING_WEBGPU_BACKEND: "opengles" } };

/** Mesa's software driver even where there is a card. @type {Adapter} */
const llvmpipe = { name: "llvmpipe", env: { ...gles.env, LIBGL_ALWAYS_SOFTWARE: "1" } };

/**
 * What tests may take, the preferred one first. Elsewhere than on Linux, and with `KINDLING_TEST_ADAPTER=hardware`, that
 * is the adapter which a program would find by itself.
 */
export function testAdapters() {
  const wanted = process.env.KINDLING_TEST_ADAPTER === "hardware" || CHOICES.some((name) => process.env[name]);
  return wanted || process.platform !== "linux" ? [given] : [...swiftShaders(), ...lavapipes(), llvmpipe];
}

/** The first that computes, with what its driver calls itself. @type {(adapters: Adapter[]) => Promise<Adapter | undefined>} */
async function firstWorking(adapters) {
  const probe = fileURLToPath(new URL("./adapter-probe.mjs", import.meta.url));
  for (const { name, env } of adapters) {
    const { code, stdout } = await runNode([probe], { env: { ...process.env, ...env }, output: "keep" });
    if (code === 0) return { name: `${name} (${stdout.trim()})`, env };
  }
  return undefined;
}

/** The adapter that tests take, if one works. */
export const findTestAdapter = () => firstWorking(testAdapters());

/** The adapter that a person's run takes, if one works: rather what the device finds by itself than one for tests. */
export const findAdapter = () => firstWorking([given, gles, ...testAdapters()]);

/** The environment for tests that nobody has set up, hence not probed. */
export const testEnvironment = () => testAdapters()[0].env;
