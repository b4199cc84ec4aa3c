// Reading and writing a file of weights: ResNet-18's, 45 MB in 122 tensors. `read`, which is `fs.readFile` and no more, is
// what the others are held against.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { load, save, saveSafetensors } from "@kindling/checkpoint";
import { models } from "@kindling/vision";
import type { CheckpointTask } from "../../peers/tasks.js";
import { digestOf, perform, type StateDict } from "../checkpoint-actions.js";
import type { Workload } from "../workload.js";

/** Where the files are that the workloads read and write. */
export interface CheckpointFiles {
  /** For those that are made: shared by all who are timed, and cleared by whoever made it. */
  folder: string;
  /** A `.pth` of a state dict; by default one is made, of a ResNet-18 with random weights. */
  checkpoint?: string;
}

/** The weights in `pth`, with the same in `safetensors`: whichever is missing is written. */
async function weights(pth: string, safetensors: string): Promise<StateDict> {
  if (!existsSync(pth)) await save(models.resnet18().stateDict(), pth);
  const state = (await load(pth)) as StateDict;
  if (!existsSync(safetensors)) await saveSafetensors(state, safetensors);
  return state;
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

/** The workloads on a file of a state dict. */
export function checkpoints({ folder, checkpoint }: CheckpointFiles): Workload[] {
  const file = checkpoint ?? join(folder, "resnet18.pth");
  const safetensors = join(folder, "resnet18.safetensors");
  const target = join(folder, "saved.pth");
  let made: Promise<StateDict> | undefined;
  const state = (): Promise<StateDict> => (made ??= weights(file, safetensors));
  const workload = (action: CheckpointTask["action"], process: CheckpointTask["process"]): Workload => {
    const source = action === "loadSafetensors" ? safetensors : file;
    const work: CheckpointTask = { op: "checkpoint", action, process, file: source, target };
    return {
      task: { name: `checkpoint ${action}${manner[process]}`, ...work },
      async prepare() {
        const dict = await state();
        return process === "warm" ? () => perform(work, dict) : { time: () => inProcess(work) };
      },
      check: async () => digestOf(work, await perform(work, await state())),
    };
  };
  return [
    ...(["read", "load", "loadSafetensors", "inspect", "save"] as const).map((action) => workload(action, "warm")),
    ...(["read", "load", "loadSafetensors", "inspect"] as const).map((action) => workload(action, "first")),
    ...(["load", "inspect"] as const).map((action) => workload(action, "whole")),
  ];
}
