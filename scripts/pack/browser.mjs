// Bundles a package as a browser would load it, and tells which modules of Node came along.

import { builtinModules } from "node:module";
import { relative } from "node:path";
import { rolldown } from "rolldown";

const builtins = new Set(builtinModules);

/**
 * @param {string} name the package
 * @param {string} folder where it is installed
 * @returns {Promise<string[]>} one line for each import that a browser cannot resolve
 */
export async function nodeModulesInBundle(name, folder) {
  /** @type {string[]} */
  const found = [];
  const bundle = await rolldown({
    input: "entry",
    cwd: folder,
    platform: "browser",
    logLevel: "silent",
    plugins: [
      {
        name: "no-node-modules",
        resolveId(source, importer) {
          if (source === "entry") return "\0entry";
          if (!source.startsWith("node:") && !builtins.has(source)) return null;
          found.push(`${importer ? relative(folder, importer) : name} imports ${source}`);
          return { id: source, external: true };
        },
        load: (id) => (id === "\0entry" ? `export * from "${name}";` : null),
      },
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
