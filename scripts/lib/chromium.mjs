// Finds a Chromium on this machine: the program, for tests of pages, and its folder, where SwiftShader lies.

import { existsSync, readdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/**
 * Where a system has its Chromium. `programs`: installed for everybody; Debian's comes twice, as a script on PATH and
 * as the program itself. `downloads`: Playwright's folder inside the home, with `inDownload` the program in a version's.
 *
 * @typedef {{ programs: string[], downloads: string, inDownload: string[] }} Places
 */

/** @type {Partial<Record<NodeJS.Platform, Places>>} */
const PLACES = {
  linux: {
    programs: [
      "/usr/bin/chromium",
      "/usr/lib/chromium/chromium",
      "/usr/bin/google-chrome",
      "/opt/google/chrome/chrome",
    ],
    downloads: ".cache/ms-playwright",
    inDownload: ["chrome-linux64/chrome", "chrome-linux/chrome"],
  },
  darwin: {
    programs: [
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ],
    downloads: "Library/Caches/ms-playwright",
    inDownload: ["arm64", "x64"].map(
      (cpu) => `chrome-mac-${cpu}/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing`,
    ),
  },
  win32: {
    programs: ["C:/Program Files/Google/Chrome/Application/chrome.exe"],
    downloads: "AppData/Local/ms-playwright",
    inDownload: ["chrome-win64/chrome.exe", "chrome-win/chrome.exe"],
  },
};

/** What Playwright has downloaded, newest first. @type {(places: Places) => string[]} */
function downloaded({ downloads, inDownload }) {
  const folder = process.env.PLAYWRIGHT_BROWSERS_PATH ?? join(homedir(), downloads);
  if (!existsSync(folder)) return [];
  const versions = readdirSync(folder).flatMap((name) => /^chromium-(\d+)$/.exec(name)?.[1] ?? []);
  return versions
    .sort((a, b) => Number(b) - Number(a))
    .flatMap((version) => inDownload.map((program) => join(folder, `chromium-${version}`, program)));
}

/** Every Chromium here, the preferred one first. */
function chromiums() {
  const places = PLACES[process.platform];
  return places ? [...places.programs, ...downloaded(places)].filter(existsSync) : [];
}

/** The Chromium to start: `KINDLING_CHROMIUM`, else one that is installed. Root has to start it with `--no-sandbox`. */
export const findChromium = () => process.env.KINDLING_CHROMIUM || chromiums().at(0);

/** The folders of every Chromium here. */
export const chromiumFolders = () => [...new Set(chromiums().map((program) => dirname(realpathSync(program))))];
