/** The check that keeps Node out of bundles for browsers: it finds every kind of offender, and nothing in our packages. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, describe, expect, it } from "vitest";
import { nodeModulesInBundle } from "../../../scripts/pack/browser.mjs";

const packages = fileURLToPath(new URL("../..", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "kindling-bundles-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** Every public library of the repository, by name, with the folder where it can be imported from. */
const libraries = readdirSync(packages).flatMap((directory): [string, string][] => {
  const folder = join(packages, directory);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return manifest.private || manifest.bin ? [] : [[manifest.name, folder]];
});

/** A package `offender` of the given files, in a folder of its own where it is installed; gives that folder. */
function install(title: string, files: Record<string, string>, manifest: object = {}): string {
  const folder = join(temporary, title);
  const whole = { name: "offender", version: "1.0.0", type: "module", exports: "./index.js", ...manifest };
  for (const [file, text] of Object.entries({ ...files, "package.json": JSON.stringify(whole) })) {
    const path = join(folder, "node_modules/offender", file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  writeFileSync(join(folder, "entry.js"), 'import * as all from "offender"; globalThis.all = all;');
  return folder;
}

/** Offenders: the package's files, what is wrong with it, and what its manifest says beside its name. */
const OFFENDERS: Record<string, [files: Record<string, string>, line: string, manifest?: object]> = {
  "a module of Node by its URL": [
    { "index.js": 'export { readFileSync } from "node:fs";' },
    "node_modules/offender/index.js imports node:fs",
  ],
  "a module of Node by its bare name": [
    { "index.js": 'import { join } from "path"; export const x = join("a", "b");' },
    "node_modules/offender/index.js imports path",
  ],
  "a dynamic import": [
    { "index.js": 'export const open = () => import("node:fs/promises");' },
    "node_modules/offender/index.js imports node:fs/promises",
  ],
  "a require": [
    { "index.cjs": 'exports.os = require("os");' },
    "node_modules/offender/index.cjs imports os",
    { exports: "./index.cjs" },
  ],
  "a module that nothing uses": [
    { "index.js": 'import "./unused.js"; export const x = 1;', "unused.js": 'import "node:net";' },
    "node_modules/offender/unused.js imports node:net",
    { sideEffects: false },
  ],
  "an optional peer that is not there": [
    { "index.js": 'export const gpu = () => import("a-native-peer");' },
    "node_modules/offender/index.js imports a-native-peer",
    { peerDependencies: { "a-native-peer": "*" }, peerDependenciesMeta: { "a-native-peer": { optional: true } } },
  ],
};

describe("the check of bundles", () => {
  it.each(Object.entries(OFFENDERS))("finds %s", async (title, [files, line, manifest]) => {
    const folder = install(title, files, manifest);
    expect(await nodeModulesInBundle("offender", folder)).toEqual([line]);
    const { source } = /imports (?<source>.*)/.exec(line)!.groups!;
    await expect(viteBuild(folder)).rejects.toThrow(`imports ${source}, which browsers cannot load`);
  });

  it("takes what browsers are given in place of Node", async () => {
    const files = { "index.js": 'export * from "#platform";', "node.js": 'import "node:fs";', "web.js": "export {};" };
    for (const [title, conditions] of Object.entries({
      "by the condition browser": { browser: "./web.js", default: "./node.js" },
      "by the absence of node": { node: "./node.js", default: "./web.js" },
    })) {
      const folder = install(title, files, { imports: { "#platform": conditions } });
      expect(await nodeModulesInBundle("offender", folder)).toEqual([]);
      await viteBuild(folder);
    }
  });

  it("finds a package that is not there at all", async () => {
    expect(await nodeModulesInBundle("missing", temporary)).toEqual(["missing imports missing"]);
  });

  it("knows all our libraries", () => {
    const names = libraries.map(([name]) => name.replace("@kindling/", ""));
    expect(names).toEqual(expect.arrayContaining(["checkpoint", "core", "data", "nn", "optim", "vision"]));
  });

  it.each(libraries)("finds nothing in %s", async (name, folder) => {
    expect(await nodeModulesInBundle(name, folder)).toEqual([]);
  });
});

/** Builds `entry.js` of a folder by the page's settings, without writing. */
function viteBuild(root: string): Promise<unknown> {
  return build({
    root,
    configFile: fileURLToPath(new URL("../vite.config.ts", import.meta.url)),
    logLevel: "silent",
    build: { write: false, rolldownOptions: { input: join(root, "entry.js") } },
  });
}
