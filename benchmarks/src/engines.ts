// The engines that run us: the Node that runs the benchmarks, and those that the targets are about.

import { fileURLToPath } from "node:url";
import type { Program } from "./contestant.js";
import { installed, packageFolder } from "./install.js";

/** A Node and its flags. */
export interface Engine {
  /** Targets know it under this name. */
  name: string;
  node: string;
  flags: string[];
  /** The package of ../peers that `node` is of, if any. */
  package?: string;
}

const major = Number(process.versions.node.split(".")[0]);

const named = (version: number, flags: string[]): string => [`Node ${version}`, ...flags].join(" ");

/** The Node that runs this, with its flags. */
export const thisEngine: Engine = {
  name: named(
    major,
    process.execArgv.filter((flag) => flag !== "--expose-gc"),
  ),
  node: process.execPath,
  flags: process.execArgv,
};

/** Node 24 of the npm package for this platform. */
function node24(...flags: string[]): Engine {
  const windows = process.platform === "win32";
  const name = `node-${windows ? "win" : process.platform}-${process.arch}`;
  const node = `${packageFolder(name)}/bin/node${windows ? ".exe" : ""}`;
  return { name: named(24, flags), node, flags, package: name };
}

/** Node 24, the same with 128-bit operations joined to 256-bit ones, and the Node that runs this. */
export const comparedEngines: Engine[] = [node24(), node24("--experimental-wasm-revectorize"), thisEngine];

/** Those that are here or could be installed; says which are left out. */
export const availableEngines = (engines: readonly Engine[]): Engine[] =>
  engines.filter((engine) => {
    const available = engine.package === undefined || installed(engine.package);
    if (!available) console.error(`${engine.name} is left out: ${engine.package} could not be installed`);
    return available;
  });

/** The program that answers tasks, on an engine. */
export const engineProgram = (engine: Engine, options: string[]): Program => ({
  name: engine.name,
  command: engine.node,
  args: ["--expose-gc", ...engine.flags, fileURLToPath(new URL("./kindling.js", import.meta.url)), ...options],
  env: process.env,
});
