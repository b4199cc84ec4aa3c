// Packs every public package and uses the tarballs as a stranger would: each one installed by itself with npm in an
// empty folder and imported; the training packages together to train two steps; all but the command bundled for browsers.

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pnpm } from "./lib/pnpm.mjs";
import { root, run, runNode } from "./lib/process.mjs";
import { nodeModulesInBundle } from "./pack/browser.mjs";

/** @typedef {{ name: string, folder: string, dependencies: string[], command: boolean, tarball: string }} Package */

const work = mkdtempSync(join(tmpdir(), "kindling-pack-"));
/** @type {string[]} */
const problems = [];

/** @returns {Package[]} the packages that are published */
function publicPackages() {
  const folders = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name));
  return folders.flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    if (manifest.private) return [];
    const dependencies = Object.keys(manifest.dependencies ?? {}).filter((name) => name.startsWith("@kindling/"));
    const tarball = join(work, `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);
    return [{ name: manifest.name, folder, dependencies, command: manifest.bin !== undefined, tarball }];
  });
}

/** A package and those that it stands on, each once. @type {(wanted: Package[], all: Package[]) => Package[]} */
function closure(wanted, all) {
  const needed = new Set(wanted);
  for (const { dependencies } of needed) {
    for (const one of all) if (dependencies.includes(one.name)) needed.add(one);
  }
  return [...needed];
}

/**
 * Installs tarballs with npm in a new folder.
 *
 * @type {(title: string, packages: Package[]) => Promise<string | undefined>}
 */
async function install(title, packages) {
  const folder = join(work, title);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: title, private: true, type: "module" }));
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  const { code } = await run("npm", ["install", ...quiet, ...packages.map((one) => one.tarball)], {
    cwd: folder,
    output: "keep",
  });
  if (code === 0) return folder;
  problems.push(`${title}: npm could not install the tarballs`);
  return undefined;
}

/** @type {(what: string, folder: string, args: string[]) => Promise<void>} */
async function mustRun(what, folder, args) {
  const { code } = await runNode(args, { cwd: folder });
  console.log(`${code === 0 ? "✓" : "✗"} ${what}`);
  if (code !== 0) problems.push(`${what}: exit code ${code}`);
}

/** @type {(one: Package, all: Package[]) => Promise<void>} */
async function useAlone(one, all) {
  const folder = await install(one.name.replace("@kindling/", "only-"), closure([one], all));
  if (folder === undefined) return;
  await mustRun(`import ${one.name}`, folder, ["--input-type=module", "--eval", `await import("${one.name}")`]);
  if (!one.command) return;
  // The doctor also tells that the optional package webgpu is not there.
  for (const what of ["--help", "doctor"])
    await mustRun(`kindling ${what}`, folder, [`node_modules/${one.name}/bin/kindling.js`, what]);
}

/** @type {(all: Package[]) => Promise<void>} */
async function trainAndBundle(all) {
  const libraries = all.filter((one) => !one.command);
  const folder = await install("training", closure(libraries, all));
  if (folder === undefined) return;
  copyFileSync(new URL("./pack/program.mjs", import.meta.url), join(folder, "program.mjs"));
  await mustRun("train two steps", folder, ["program.mjs"]);
  for (const { name } of libraries) {
    const found = await nodeModulesInBundle(name, folder);
    console.log(`${found.length === 0 ? "✓" : "✗"} bundle ${name} for browsers`);
    problems.push(...found.map((line) => `${name} in browsers: ${line}`));
  }
}

try {
  const all = publicPackages();
  for (const one of all) {
    const { code } = await pnpm(["pack", "--pack-destination", work], { cwd: one.folder, output: "keep" });
    if (code !== 0) problems.push(`${one.name}: pnpm pack failed`);
  }
  await Promise.all(all.map((one) => useAlone(one, all)));
  await trainAndBundle(all);
} finally {
  rmSync(work, { recursive: true, force: true });
}

if (problems.length > 0) {
  console.error(`\nThe packages are not fit to publish:\n${problems.map((line) => `  ${line}`).join("\n")}`);
  process.exitCode = 1;
}
