/**
 * Versions of modules' entries. A module whose entries have changed their names or shapes counts its version up, a state
 * dict carries the versions of the modules that it was taken from, and loading tells a module which it is given.
 */

import type { Tensor } from "@kindling/core";

/** A module's entries by name, and the versions of the modules in it, as a state dict of torch. */
export class ModuleState extends Map<string, Tensor> {
  /** Path of a module → `Map { "version" → number }`: `_metadata` in a file of torch's. */
  readonly metadata = new Map<string, Map<"version", number>>();
}

/**
 * The version of the module at `prefix`, undefined where nothing is said of it.
 *
 * @param metadata what the state dict carries, of any shape
 * @param oldNames the entries' names, and those that `metadata` goes by
 */
export function versionAt(
  prefix: string,
  metadata: unknown,
  oldNames: ReadonlyMap<string, string>,
): number | undefined {
  if (!(metadata instanceof Map)) return undefined;
  for (const [name, oldName] of oldNames) {
    if (!name.startsWith(prefix)) continue;
    const below = name.slice(prefix.length);
    if (!oldName.endsWith(below)) continue;
    const path = oldName.slice(0, oldName.length - below.length).replace(/\.$/, "");
    const facts: unknown = metadata.get(path);
    const version: unknown = facts instanceof Map ? facts.get("version") : undefined;
    return typeof version === "number" ? version : undefined;
  }
  return undefined;
}
