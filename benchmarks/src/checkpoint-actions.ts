// What the checkpoint workloads do, and a digest of what came of it. Imports nothing but the reader: the first load in a
// process is timed with it.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { inspect, load, loadSafetensors, save } from "@kindling/checkpoint";
import type { Tensor } from "@kindling/core";
import type { CheckpointTask } from "../peers/tasks.js";

export type StateDict = Map<string, Tensor>;

/** Does the work once. `save` needs the tensors to write. */
export async function perform({ action, file, target }: CheckpointTask, state?: StateDict): Promise<unknown> {
  switch (action) {
    case "read":
      return readFile(file);
    case "load":
      return load(file);
    case "loadSafetensors":
      return loadSafetensors(file);
    case "inspect":
      return inspect(file);
    case "save":
      return save(state, target);
  }
}

/** A digest of what `perform` gave: the same in every framework. A list of tensors has none. */
export async function digestOf({ action, target }: CheckpointTask, result: unknown): Promise<string | undefined> {
  const hash = createHash("sha256");
  if (action === "inspect") return undefined;
  if (action === "read") return hash.update(result as Uint8Array).digest("hex");
  const state = (action === "save" ? await load(target) : result) as StateDict;
  for (const [name, tensor] of [...state].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name} [${tensor.shape}]\n`);
    const { buffer, byteOffset, byteLength } = await tensor.data();
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex");
}
