/**
 * Loading a state dict into a module tree: every key is checked before the first tensor is written, so a state dict
 * that does not fit changes nothing, and one error names everything that is wrong.
 */

import { ArgumentError, noGrad, Tensor } from "@kindling/core";
import { StateDictError } from "./errors.js";
import type { Module } from "./module.js";
import { nearestNames } from "./names.js";
import { versionAt } from "./state-versions.js";

/** What a checkpoint holds: names and tensors, as a Map (perhaps with versions of modules) or as a plain object. */
export type StateDict =
  | (ReadonlyMap<string, Tensor> & { readonly metadata?: unknown })
  | Readonly<Record<string, Tensor>>;

export interface LoadStateDictOptions {
  /** Whether missing and unexpected keys are an error; a wrong shape always is one. Default true. */
  readonly strict?: boolean;
  /** Gives a key of the state dict the name that the module knows it by, or null to leave the entry out. */
  readonly rename?: (key: string) => string | null;
}

/** What did not match. Both lists are empty after strict loading. */
export interface LoadResult {
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];
}

/** A place in the module tree that a state-dict entry goes to. */
export interface Slot {
  readonly owner: Module;
  readonly field: string;
  readonly tensor: Tensor;
}

/** Copies the entries of `source` into the slots; see `Module.loadStateDict`. */
export function loadInto(module: Module, source: StateDict, options: LoadStateDictOptions): LoadResult {
  const { strict = true, rename } = options;
  const { given, oldNames } = renamed(source, rename);
  for (const [name, child] of module.namedModules()) {
    const prefix = name === "" ? "" : `${name}.`;
    child.adaptStateDict(given, prefix, versionAt(prefix, source.metadata, oldNames));
  }

  const slots = module.stateSlots();
  const missingKeys = [...slots.keys()].filter((key) => !given.has(key));
  const unexpectedKeys = [...given.keys()].filter((key) => !slots.has(key));
  const mismatched: { key: string; has: string; wants: string }[] = [];
  for (const [key, slot] of slots) {
    const tensor = given.get(key);
    if (tensor && !sameShape(tensor.shape, slot.tensor.shape))
      mismatched.push({ key, has: shapeText(tensor), wants: shapeText(slot.tensor) });
  }

  const lines: string[] = [];
  if (strict && missingKeys.length > 0)
    lines.push(`missing (${missingKeys.length}): ${withNear(missingKeys, unexpectedKeys)}`);
  if (strict && unexpectedKeys.length > 0)
    lines.push(`unexpected (${unexpectedKeys.length}): ${withNear(unexpectedKeys, missingKeys)}`);
  for (const { key, has, wants } of mismatched)
    lines.push(`shape of ${key}: ${has} in the state dict, ${wants} in the model`);
  if (lines.length > 0)
    throw new StateDictError(
      `the state dict does not fit ${module.typeName}; nothing was loaded\n  ${lines.join("\n  ")}\n` +
        `  ${advice(missingKeys, unexpectedKeys, mismatched.length)}`,
      missingKeys,
      unexpectedKeys,
      mismatched.map((m) => m.key),
    );

  noGrad(() => {
    for (const [key, slot] of slots) {
      const tensor = given.get(key);
      if (tensor) slot.owner.assignState(slot.field, tensor);
    }
  });
  return { missingKeys, unexpectedKeys };
}

/** The entries by their new names, and the name that each had in the source. */
function renamed(
  source: StateDict,
  rename?: (key: string) => string | null,
): { given: Map<string, Tensor>; oldNames: Map<string, string> } {
  const given = new Map<string, Tensor>();
  const oldNames = new Map<string, string>();
  for (const [key, value] of source instanceof Map ? source : Object.entries(source)) {
    if (!(value instanceof Tensor))
      throw new ArgumentError(
        `loadStateDict: entry "${String(key)}" is ${value === null ? "null" : typeof value}, not a tensor; ` +
          "if this is a checkpoint with more than weights in it, pass the state dict that it contains",
      );
    const name = rename ? rename(key) : key;
    if (name === null) continue;
    given.set(name, value);
    oldNames.set(name, key);
  }
  return { given, oldNames };
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

const shapeText = (t: Tensor): string => `[${t.shape.join(", ")}]`;

/** Pairs of names beyond which looking for near ones would take longer than it helps. */
const NEAR_PAIRS = 20_000;

function withNear(keys: readonly string[], candidates: readonly string[]): string {
  const look = keys.length * candidates.length <= NEAR_PAIRS;
  return keys
    .map((key) => {
      const near = look ? nearestNames(key, candidates, 1) : [];
      return near.length > 0 ? `${key} (near: ${near[0]})` : key;
    })
    .join(", ");
}

function advice(missing: readonly string[], unexpected: readonly string[], mismatched: number): string {
  const prefix = commonPrefix(missing, unexpected);
  if (prefix !== undefined)
    return `every key of the state dict starts with "${prefix}": pass { rename: (k) => k.slice(${prefix.length}) }`;
  if (mismatched > 0 && missing.length + unexpected.length === 0)
    return "build the model with the options it was trained with, or leave these entries out (rename: … => null, strict: false)";
  return "is it for another model? { rename } maps old names, { strict: false } loads what matches";
}

/** The prefix, such as `module.` of data-parallel training, without which the unexpected keys are the missing ones. */
function commonPrefix(missing: readonly string[], unexpected: readonly string[]): string | undefined {
  if (missing.length === 0 || unexpected.length < missing.length) return undefined;
  const first = unexpected.find((key) => key.endsWith(`.${missing[0]}`));
  const prefix = first?.slice(0, first.length - missing[0].length);
  if (prefix === undefined) return undefined;
  const given = new Set(unexpected);
  return missing.every((key) => given.has(prefix + key)) ? prefix : undefined;
}
