// Installs a Chromium where that needs nobody's word (as root, on Linux), and knows the command for everybody else.

import { existsSync, readFileSync } from "node:fs";
import { run } from "./process.mjs";

const onDebian = existsSync("/etc/os-release") && /^ID="?debian"?$/m.test(readFileSync("/etc/os-release", "utf8"));

/** Debian's own package; elsewhere Playwright's download, because Ubuntu's package is a snap. */
const command = onDebian
  ? "apt-get install --yes --no-install-recommends chromium"
  : `npx playwright-core install ${process.platform === "linux" ? "--with-deps " : ""}chromium`;

/** What a person types. Playwright asks for the password itself where it needs it. */
export const chromiumCommand = onDebian ? `sudo ${command}` : command;

/** Installs, and says so, where we may; what came of it is for the caller to see. */
export async function installChromium() {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return;
  console.log(`setup: no Chromium with a software adapter here, so this installs one: ${command}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // A fresh system has no lists of packages, an old one stale lists.
  if (onDebian) await run("apt-get", ["update"], { env, output: "keep" });
  const [program, ...args] = command.split(" ");
  await run(program, args, { env, output: "keep" });
}
