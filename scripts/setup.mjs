// Makes a fresh clone ready: checks Node, installs what the lockfile names, builds every package.
//
// With `--tests` it also provides what tests need: a Chromium, and a WebGPU adapter in software.
//
// Needs nothing but Node and npm. A second run only asks whether anything changed: the installation is stamped with the
// lockfile and the manifests, and the compiler keeps its own record of the sources (`tsc -b`).

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findAdapter, findTestAdapter, testAdapters } from "./lib/adapter.mjs";
import { findChromium } from "./lib/chromium.mjs";
import { chromiumCommand, installChromium } from "./lib/install-chromium.mjs";
import { manifest, pnpm } from "./lib/pnpm.mjs";
import { root, runNode } from "./lib/process.mjs";

/** Stops the program with a plain message where a step failed. @type {(message: string) => never} */
function fail(message) {
  console.error(`\nsetup: ${message}`);
  process.exit(1);
}

function checkNode() {
  const wanted = manifest.engines.node.replace(">=", "");
  const [major, minor] = wanted.split(".").map(Number);
  const [ourMajor, ourMinor] = process.versions.node.split(".").map(Number);
  if (ourMajor < major || (ourMajor === major && ourMinor < minor)) {
    fail(`Kindling needs Node ${wanted} or newer, and this is Node ${process.versions.node}. Get one from nodejs.org.`);
  }
}

/** What an installation depends on: the lockfile, every manifest of the workspace, and the machine. */
function installationStamp() {
  const packages = readdirSync(join(root, "packages")).map((name) => `packages/${name}/package.json`);
  const files = [
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "package.json",
    "benchmarks/package.json",
    "examples/package.json",
    ...packages.sort(),
  ];
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}`);
  for (const file of files.map((name) => join(root, name)).filter(existsSync)) {
    hash.update(`\n${file}\n`).update(readFileSync(file));
  }
  return hash.digest("hex");
}

async function install() {
  const record = join(root, "node_modules", ".kindling-setup");
  const stamp = installationStamp();
  if (existsSync(record) && readFileSync(record, "utf8") === stamp) return;
  const { code } = await pnpm(["install", "--frozen-lockfile", "--prefer-offline"]);
  if (code !== 0) {
    fail("the packages could not be installed (see above). Is the npm registry reachable? Then run the command again.");
  }
  writeFileSync(record, stamp);
}

async function build() {
  const { code } = await runNode(["node_modules/typescript/bin/tsc", "-b"]);
  if (code !== 0) fail("the packages did not compile (see above).");
}

/** Everything that `npm start` and `npm test` need before they begin. */
export async function setup() {
  checkNode();
  await install();
  await build();
}

/** Everything that a run on the webgpu device needs besides. Gives the environment in which the device is found. */
export async function setupWebGpu() {
  const adapter = (await findAdapter()) ?? (await installChromium().then(findAdapter));
  if (!adapter) {
    fail(`no WebGPU adapter here. A graphics card needs its Vulkan driver (kindling doctor tells more); without a card,
Chromium's SwiftShader computes in software, slowly. To install it:

  ${chromiumCommand}`);
  }
  console.log(`webgpu: ${adapter.name}`);
  return adapter.env;
}

/** Everything that tests need besides: a Chromium, and an adapter that computes the same on every machine. */
async function setupTests() {
  if (!findChromium()) await installChromium();
  if (!findChromium()) {
    fail(`there is no Chromium here. Tests of pages run in one, and those of the webgpu device on its SwiftShader,
an adapter in software. Install it, then run the command again:

  ${chromiumCommand}`);
  }
  const adapter = await findTestAdapter();
  if (!adapter) {
    fail(`no WebGPU adapter computes here. Tried:

${testAdapters()
  .map(({ name }) => `  ${name}`)
  .join("\n")}

A Chromium with its SwiftShader is one that does: ${chromiumCommand}`);
  }
  console.log(`tests of webgpu run on ${adapter.name}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await setup();
  if (process.argv.includes("--tests")) await setupTests();
}
