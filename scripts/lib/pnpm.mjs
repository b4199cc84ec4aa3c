// Finds pnpm at the version that package.json pins: the one on PATH where it is that very version, else through npx.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./process.mjs";

/** The root manifest, for the versions that it pins. */
export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

// CI: pnpm asks nothing. Corepack, where it stands in for pnpm, asks nothing either.
const env = { ...process.env, CI: "true", COREPACK_ENABLE_DOWNLOAD_PROMPT: "0" };

/** @type {Promise<string[]> | undefined} */
let command;

async function locate() {
  const pinned = manifest.packageManager.slice("pnpm@".length);
  const found = await run("pnpm", ["--version"], { env, output: "keep" });
  return found.code === 0 && found.stdout.trim() === pinned ? ["pnpm"] : ["npx", "--yes", `pnpm@${pinned}`];
}

/**
 * Runs pnpm at the pinned version.
 *
 * @param {string[]} args
 * @param {{ cwd?: string, output?: "show" | "keep" | "both" }} [options]
 */
export async function pnpm(args, options) {
  command ??= locate();
  const [program, ...prefix] = await command;
  return run(program, [...prefix, ...args], { ...options, env });
}
