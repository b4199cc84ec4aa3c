// How the scripts of this repository start other programs: with the terminal shared, or with the output kept.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Runs a program to its end.
 *
 * Ctrl-C reaches the child by itself (it shares our terminal), so it is only kept from ending us first: the child may
 * still want to save something.
 *
 * @param {string} command a program on PATH, or an absolute path
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, output?: "show" | "keep" | "both" }} [options] `output`: shown as it
 *   comes (the default), kept as text, or both
 * @returns {Promise<{ code: number, stdout: string }>} `code` is 128 + the signal's number where a signal ended it, as
 *   shells have it, and 127 where the program was not found; `stdout` is empty unless it was kept
 */
export function run(command, args, { cwd = root, env = process.env, output = "show" } = {}) {
  const onWindows = process.platform === "win32";
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ["inherit", output === "show" ? "inherit" : "pipe", output === "keep" ? "ignore" : "inherit"],
      // npx and pnpm are .cmd files there, which only a shell starts.
      shell: onWindows && command !== process.execPath,
    });
    const ignore = () => {};
    process.on("SIGINT", ignore);
    let stdout = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      if (output === "both") process.stdout.write(text);
    });
    /** @param {number} code */
    const finish = (code) => {
      process.off("SIGINT", ignore);
      resolve({ code, stdout });
    };
    child.on("error", () => finish(127));
    child.on("close", (code, signal) => finish(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/**
 * Runs a JavaScript file with the Node that runs us.
 *
 * @param {string[]} args the file and its arguments
 * @param {Parameters<typeof run>[2]} [options]
 */
export function runNode(args, options) {
  return run(process.execPath, args, options);
}
