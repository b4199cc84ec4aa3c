/** The host is Node: `node:worker_threads`. */

import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import type { Platform } from "./platform.js";

let collect: (() => void) | undefined;

/** V8's collector, which it hands out to contexts that are made while the flag is set. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("gc") as () => void;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}

/**
 * V8's flag for joining vector operations. It does so on x64 alone; before version 13 the flag gains nothing, and an
 * unknown flag makes V8 complain on stderr.
 */
const REVECTORIZE = "--experimental-wasm-revectorize";
const canRevectorize = process.arch === "x64" && Number.parseInt(process.versions.v8, 10) >= 13;
/** Node takes the flag on its command line, not in NODE_OPTIONS. */
let revectorizes = canRevectorize && process.execArgv.some((option) => option.replaceAll("_", "-") === REVECTORIZE);

export const platform: Platform = {
  cores: availableParallelism(),
  threads: true,
  // A thread takes 25 to 30 ms of processor time, and two that start at once hinder each other.
  patience: 25,
  startThread(source, onMessage, onEnd) {
    const script = `const { parentPort } = require("node:worker_threads");
      parentPort.on("message", (${source})((message) => parentPort.postMessage(message)));`;
    // The loaders and module types that the program was started with are not for this script.
    const worker = new Worker(script, { eval: true, execArgv: [], name: "kindling" });
    let ended = false;
    const end = (reason: string): void => {
      if (!ended) onEnd(reason);
      ended = true;
    };
    worker.on("message", onMessage);
    worker.on("error", (error) => end(String(error)));
    worker.on("exit", (code) => end(`it exited with code ${code}`));
    return {
      post: (data) => worker.postMessage(data),
      keepAlive: (keep) => (keep ? worker.ref() : worker.unref()),
      terminate() {
        ended = true;
        void worker.terminate();
      },
    };
  },
  revectorize() {
    if (!canRevectorize) return;
    setFlagsFromString(REVECTORIZE);
    revectorizes = true;
  },
  revectorizes: () => revectorizes,
  collectGarbage() {
    collect ??= collector();
    collect();
  },
  macrotask: (task) => void setImmediate(task),
};
