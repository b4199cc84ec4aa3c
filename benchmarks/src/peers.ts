// Runs other frameworks beside us: each in a process of its own, by the protocol of ../peers/tasks.d.ts.

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { PeerLine, PeerTask } from "../peers/tasks.js";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const peersFolder = path("../peers");

/** How to start one peer. */
export interface Peer {
  name: string;
  command: string;
  /** The program; `--runs` and `--threads` are added. */
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Why it cannot run here, or undefined where it can; may install what the peer needs. */
  missing(): string | undefined;
}

/** What one peer answered. */
export interface PeerResult {
  /** Framework, version, threads. */
  peer: string;
  /** Median milliseconds by the task's name. */
  ms: Map<string, number>;
  /** Digests of results by the task's name, of tasks that have one. */
  checks: Map<string, string>;
  /** Why the peer, or a task of it, has no figure. */
  notes: string[];
}

const onnxruntimeWeb: Peer = {
  name: "onnxruntime-web",
  command: process.execPath,
  args: [`${peersFolder}/onnxruntime-web.mjs`],
  env: process.env,
  missing() {
    if (existsSync(`${peersFolder}/node_modules/onnxruntime-web`)) return undefined;
    console.error("Installing the peers (once) …");
    const script = path("../../scripts/install-peers.mjs");
    const { status } = spawnSync(process.execPath, [script], { stdio: ["ignore", "ignore", "inherit"] });
    return status === 0 ? undefined : "it could not be installed";
  },
};

/** PyTorch as its users tune it: an allocator that keeps its pages, and OpenBLAS free to choose its kernels. */
function pytorchEnvironment(threads: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...env } = process.env;
  env.OMP_NUM_THREADS = env.OPENBLAS_NUM_THREADS = String(threads);
  const jemalloc = ["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu/libjemalloc.so.2`).find(existsSync);
  if (jemalloc === undefined) return env;
  return { ...env, LD_PRELOAD: jemalloc, MALLOC_CONF: "dirty_decay_ms:-1,muzzy_decay_ms:-1" };
}

const pytorch = (threads: number): Peer => ({
  name: "PyTorch",
  command: "/usr/bin/python3",
  args: [`${peersFolder}/pytorch.py`],
  env: pytorchEnvironment(threads),
  missing() {
    const { status } = spawnSync("/usr/bin/python3", ["-c", "import torch, torchvision"], { stdio: "ignore" });
    return status === 0 ? undefined : "/usr/bin/python3 has no torch and torchvision (Debian: python3-torchvision)";
  },
});

export const allPeers = (threads: number): Peer[] => [pytorch(threads), onnxruntimeWeb];

/** Times the tasks with one peer. Never throws: a peer that is not there or fails leaves a note. */
export async function runPeer(peer: Peer, tasks: PeerTask[], runs: number, threads: number): Promise<PeerResult> {
  const result: PeerResult = { peer: peer.name, ms: new Map(), checks: new Map(), notes: [] };
  const missing = peer.missing();
  if (missing !== undefined) {
    result.notes.push(missing);
    return result;
  }
  const args = [...peer.args, "--runs", String(runs), "--threads", String(threads)];
  const child = spawn(peer.command, args, { env: peer.env, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code) => resolve(code === 0 ? undefined : `it ended with exit code ${code}`));
  });
  child.stdin.on("error", () => {}); // It ended without reading: its exit code says so.
  child.stdin.end(JSON.stringify(tasks));
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as PeerLine;
    if ("peer" in said) result.peer = said.peer;
    else if ("ms" in said) {
      result.ms.set(said.name, said.ms);
      if (said.check !== undefined) result.checks.set(said.name, said.check);
    } else result.notes.push(`${said.name}: ${said.cannot}`);
  }
  const failure = await ended;
  if (failure !== undefined) result.notes.push(failure);
  return result;
}
