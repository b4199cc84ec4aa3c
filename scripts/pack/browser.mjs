// What must not enter a bundle for browsers: modules of Node, and imports that lead nowhere there.

import { isBuiltin } from "node:module";
import { relative } from "node:path";
import { rolldown } from "rolldown";

/** What Vite puts in place of an optional peer that is not installed. */
const STUB = "__vite-optional-peer-dep";

/** What a browser loads by itself. */
const REMOTE = /^(https?:|data:)/;

/**
 * A plugin of Rolldown and of Vite. It looks at every import, static or dynamic, and at every `require`, before any
 * bundler shakes trees or puts stubs.
 *
 * @param {(offender: { importer: string | undefined, source: string }) => void} found hears of each offender; by
 *   default it fails the build
 * @returns {import("rolldown").Plugin & { enforce: "pre" }}
 */
export function noNodeModules(found = fail) {
  return {
    name: "no-node-modules",
    // Vite: before its own resolver.
    enforce: "pre",
    async resolveId(source, importer, options) {
      if (REMOTE.test(source)) return null;
      if (!isBuiltin(source)) {
        const resolved = await this.resolve(source, importer, { ...options, skipSelf: true });
        if (resolved && !resolved.external && !resolved.id.startsWith(STUB)) return resolved;
      }
      found({ importer, source });
      return { id: source, external: true };
    },
  };
}

/** @type {(offender: { importer: string | undefined, source: string }) => never} */
function fail({ importer, source }) {
  throw new Error(`${importer ?? "the bundle"} imports ${source}, which browsers cannot load`);
}

/**
 * Bundles all that a package exports as a browser would load it.
 *
 * @param {string} name the package
 * @param {string} folder where it is installed
 * @returns {Promise<string[]>} one line for each import that a browser cannot resolve
 */
export async function nodeModulesInBundle(name, folder) {
  const entry = "\0entry";
  /** @type {string[]} */
  const found = [];
  const bundle = await rolldown({
    input: "entry",
    cwd: folder,
    platform: "browser",
    logLevel: "silent",
    plugins: [
      {
        name: "entry",
        resolveId: (source) => (source === "entry" ? entry : null),
        load: (id) => (id === entry ? `export * from "${name}";` : null),
      },
      noNodeModules(({ importer, source }) => {
        found.push(`${!importer || importer === entry ? name : relative(folder, importer)} imports ${source}`);
      }),
    ],
  });
  try {
    await bundle.generate({ format: "esm" });
  } catch (error) {
    found.push(String(error));
  }
  await bundle.close();
  return found;
}
