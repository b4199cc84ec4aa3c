// Reading and writing a file of weights: ResNet-18's, 45 MB in 122 tensors. `read`, which is `fs.readFile` and no more, is
// what the others are held against.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { load, save, saveSafetensors } from "@kindling/checkpoint";
import { models } from "@kindling/vision";
import type { CheckpointTask } from "../../peers/tasks.js";
import { digestOf, perform, type StateDict } from "../checkpoint-actions.js";
import type { Workload } from "../workload.js";

const folder = join(tmpdir(), `kindling-bench-${process.pid}`);
const safetensors = join(folder, "resnet18.safetensors");
const target = join(folder, "saved.pth");

let made: Promise<StateDict> | undefined;

/** The weights that are read and written; writes their files the first time. */
function weights(given: string | undefined, pth: string): Promise<StateDict> {
  made ??= (async () => {
    await mkdir(folder);
    process.once("exit", () => rmSync(folder, { recursive: true }));
    if (given === undefined) await save(models.resnet18().stateDict(), pth);
    const state = (await load(pth)) as StateDict;
    await saveSafetensors(state, safetensors);
    return state;
  })();
  return made;
}

/** Does the task in a process of its own. */
async function inProcess(task: CheckpointTask): Promise<number> {
  const program = fileURLToPath(new URL("../checkpoint-process.js", import.meta.url));
  const start = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(task)]);
  return task.process === "whole" ? performance.now() - start : Number(stdout);
}

const manner: Record<CheckpointTask["process"], string> = {
  warm: "",
  first: ", first in a process",
  whole: ", whole process",
};

/**
 * The workloads on a file of a state dict.
 *
 * @param given a `.pth`; by default one is made, of a ResNet-18 with random weights
 */
export function checkpoints(given?: string): Workload[] {
  const file = given ?? join(folder, "resnet18.pth");
  const workload = (action: CheckpointTask["action"], process: CheckpointTask["process"]): Workload => {
    const source = action === "loadSafetensors" ? safetensors : file;
    const work: CheckpointTask = { op: "checkpoint", action, process, file: source, target };
    return {
      task: { name: `checkpoint ${action}${manner[process]}`, ...work },
      async prepare() {
        const state = await weights(given, file);
        return process === "warm" ? () => perform(work, state) : { time: () => inProcess(work) };
      },
      check: async () => digestOf(work, await perform(work, await weights(given, file))),
    };
  };
  return [
    ...(["read", "load", "loadSafetensors", "inspect", "save"] as const).map((action) => workload(action, "warm")),
    ...(["read", "load", "loadSafetensors", "inspect"] as const).map((action) => workload(action, "first")),
    ...(["load", "inspect"] as const).map((action) => workload(action, "whole")),
  ];
}
