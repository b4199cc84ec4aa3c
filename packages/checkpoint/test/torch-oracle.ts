/** Real torch, where Debian's python3-torch is installed: one process that runs the scripts it is sent, one after another. */

import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";

export const PYTHON = "/usr/bin/python3";

/** Whether torch is there to be asked; looks for the package without importing it, which takes seconds. */
export const hasTorch =
  spawnSync(PYTHON, ["-c", "import importlib.util as u; exit(u.find_spec('torch') is None)"]).status === 0;

/** Reads a JSON string a line, runs it as a script of its own, and answers with its error (or null) as JSON. */
const SERVER = `
import sys, json, traceback, collections, zipfile, torch
for line in sys.stdin:
    try:
        exec(json.loads(line), {"torch": torch, "collections": collections, "zipfile": zipfile})
        error = None
    except BaseException:
        error = traceback.format_exc()
    print(json.dumps(error), flush=True)
`;

export class TorchOracle {
  private readonly process: ChildProcessByStdio<Writable, Readable, null>;
  private readonly answers: AsyncIterator<string>;
  private readonly lines: Interface;

  /** @param folder where scripts run and find their files */
  constructor(folder: string) {
    this.process = spawn(PYTHON, ["-c", SERVER], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.process.stdout });
    this.answers = this.lines[Symbol.asyncIterator]();
  }

  /** Runs a script; throws its traceback if it raises. */
  async run(script: string): Promise<void> {
    this.process.stdin.write(`${JSON.stringify(script)}\n`);
    const answer = await this.answers.next();
    const error: unknown = answer.done ? "python ended" : JSON.parse(answer.value);
    if (error !== null) throw new Error(String(error));
  }

  close(): void {
    this.process.stdin.end();
    this.lines.close();
  }
}
