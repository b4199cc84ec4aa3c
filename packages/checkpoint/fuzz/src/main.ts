/**
 * `pnpm fuzz [target …] [--seconds N] [--seed N] [--keep]`: runs targets one after the other, each in a thread that is
 * watched: an input on which it hangs, runs out of memory or dies is a finding like any other.
 */

import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { findingsFolder, writeInput } from "./corpus.js";
import { type Assignment, Current, type Message } from "./messages.js";
import { TARGETS } from "./targets.js";

/** A thread that has not finished an input for so long hangs. */
const HANG_MS = 20_000;

/** Heap of the thread: what the targets' limits allow, several times over. */
const HEAP_MB = 192;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    keep: { type: "boolean", default: false },
  },
});

let findings = 0;

function found(target: string, bytes: Uint8Array, error: string): void {
  findings++;
  console.log(`✗ ${target}: ${writeInput(findingsFolder, bytes, `${target}-${findings}`)}\n${error}`);
}

/** Fuzzes for so many seconds, or until the thread hangs or dies. Returns whether it came to its end. */
function fuzz(assignment: Omit<Assignment, "current">): Promise<void> {
  const shared = new SharedArrayBuffer(Current.BYTES);
  const current = new Current(shared);
  const worker = new Worker(new URL("./worker.js", import.meta.url), {
    workerData: { ...assignment, current: shared } satisfies Assignment,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  const { target } = assignment;
  let last = { count: -1, at: performance.now() };
  const watch = setInterval(() => {
    const now = performance.now();
    if (current.count !== last.count) last = { count: current.count, at: now };
    else if (now - last.at > HANG_MS) {
      found(target, current.get(), `hangs for ${HANG_MS / 1000} s`);
      void worker.terminate();
    }
  }, 1000);
  worker.on("message", (message: Message) => {
    if ("bytes" in message) return found(target, message.bytes, message.error);
    const { runs, seconds, features, corpus, done } = message;
    if (done || !process.env.CI)
      console.log(
        `${done ? "✓" : " "} ${target}: ${runs} runs in ${seconds.toFixed(0)} s, ${features} features, corpus of ${corpus}`,
      );
  });
  return new Promise((resolve) => {
    worker.on("error", (error) => found(target, current.get(), `the thread died: ${error.stack ?? error}`));
    worker.on("exit", () => {
      clearInterval(watch);
      resolve();
    });
  });
}

const chosen = positionals.length > 0 ? positionals : [...TARGETS.keys()];
for (const target of chosen) {
  if (!TARGETS.has(target))
    throw new Error(`there is no target ${target}; there are ${[...TARGETS.keys()].join(", ")}`);
  await fuzz({ target, seconds: Number(values.seconds), seed: Number(values.seed), keep: values.keep });
}
console.log(`${findings} findings (seed ${values.seed})`);
process.exitCode = findings === 0 ? 0 : 1;
