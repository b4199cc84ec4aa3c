/** `kindling bench`: hands over to the benchmark runner of the repository. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../errors.js";
import { exitCodeOf } from "./exit-code.js";

/** Runs the benchmarks of the clone that the working directory is in. */
export async function benchCommand(args: readonly string[]): Promise<number> {
  const runner = findUpwards(process.cwd(), join("benchmarks", "dist", "main.js"));
  if (!runner)
    throw new UsageError("the benchmarks are part of the repository: run kindling bench inside a clone that is built");
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [runner, ...args], { stdio: "inherit" });
    child.on("error", fail);
    child.on("close", (code, signal) => done(code ?? exitCodeOf(signal!)));
  });
}

function findUpwards(folder: string, file: string): string | undefined {
  const candidate = join(resolve(folder), file);
  if (existsSync(candidate)) return candidate;
  const parent = dirname(resolve(folder));
  return parent === resolve(folder) ? undefined : findUpwards(parent, file);
}
