// What runs beside us and is no dependency of ours lives in ../peers, and is installed when it is first wanted.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export const peersFolder = path("../peers");

/** The folder of a package of ../peers. */
export const packageFolder = (name: string): string => `${peersFolder}/node_modules/${name}`;

/** Whether a package of ../peers is there, after one attempt to install them. */
export function installed(name: string): boolean {
  if (existsSync(packageFolder(name))) return true;
  attempt();
  return existsSync(packageFolder(name));
}

let attempted = false;

function attempt(): void {
  if (attempted) return;
  attempted = true;
  console.error("Installing the peers (once) …");
  spawnSync(process.execPath, [path("../../scripts/install-peers.mjs")], { stdio: ["ignore", "ignore", "inherit"] });
}
