// The frameworks that are timed beside us.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { Program } from "./contestant.js";
import { installed, peersFolder } from "./install.js";

const onnxruntime = (name: "onnxruntime-web" | "onnxruntime-node"): Program => ({
  name,
  command: process.execPath,
  args: [`${peersFolder}/${name}.mjs`],
  env: process.env,
  missing: () => (installed(name) ? undefined : "it could not be installed"),
});

/** PyTorch as its users tune it: an allocator that keeps its pages, and OpenBLAS free to choose its kernels. */
function pytorchEnvironment(threads: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...env } = process.env;
  env.OMP_NUM_THREADS = env.OPENBLAS_NUM_THREADS = String(threads);
  const jemalloc = ["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu/libjemalloc.so.2`).find(existsSync);
  if (jemalloc === undefined) return env;
  return { ...env, LD_PRELOAD: jemalloc, MALLOC_CONF: "dirty_decay_ms:-1,muzzy_decay_ms:-1" };
}

const pytorch = (threads: number): Program => ({
  name: "PyTorch",
  command: "/usr/bin/python3",
  args: [`${peersFolder}/pytorch.py`],
  env: pytorchEnvironment(threads),
  missing() {
    const { status } = spawnSync("/usr/bin/python3", ["-c", "import torch, torchvision"], { stdio: "ignore" });
    return status === 0 ? undefined : "/usr/bin/python3 has no torch and torchvision (Debian: python3-torchvision)";
  },
});

export const allPeers = (threads: number, runs: number): Program[] =>
  [pytorch(threads), onnxruntime("onnxruntime-node"), onnxruntime("onnxruntime-web")].map((program) => ({
    ...program,
    args: [...program.args, "--runs", String(runs), "--threads", String(threads)],
  }));
