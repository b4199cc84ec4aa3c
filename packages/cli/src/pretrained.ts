/** Pretrained weights: what a `.pth` holds, and how it gets into a model whose head will be another. */

import { CheckpointError, findStateDict, load, type PythonValue, renameKeys, stripPrefix } from "@kindling/checkpoint";
import type { Tensor } from "@kindling/core";
import { type Module, StateDictError } from "@kindling/nn";
import { models } from "@kindling/vision";
import { UsageError } from "./errors.js";

/** Prefixes that wrappers of a model (DataParallel, torch.compile, Lightning) put before every key. */
const WRAPPERS = ["module.", "_orig_mod.", "model."];

export interface Weights {
  /** The file. */
  readonly path: string;
  readonly entries: Map<string, Tensor>;
}

export interface Entry {
  readonly key: string;
  readonly shape: readonly number[];
}

/** What became of the file's entries. */
export interface WeightsReport {
  readonly path: string;
  readonly loaded: readonly string[];
  /** The head's entries; a new head takes their place. */
  readonly leftOut: readonly Entry[];
}

/** Reads a state dict, also inside a training checkpoint or from a wrapped model. */
export async function readWeights(path: string): Promise<Weights> {
  return { path, entries: unwrapStateDict(path, await load(path)) };
}

/** The state dict in what a file held, its keys without the prefixes of wrappers. */
export function unwrapStateDict(path: string, value: PythonValue): Map<string, Tensor> {
  try {
    return unwrapped(findStateDict(value));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new UsageError(`${path}: ${error.message}`);
  }
}

function unwrapped(entries: Map<string, Tensor>): Map<string, Tensor> {
  const prefix = WRAPPERS.find((wrapper) => [...entries.keys()].every((key) => key.startsWith(wrapper)));
  return prefix === undefined ? entries : unwrapped(renameKeys(entries, stripPrefix(prefix)));
}

/** Outputs of the network that the weights are of: rows of the last matrix. */
function outputsOf({ entries }: Weights): number | undefined {
  return [...entries].findLast(([key, { shape }]) => key.endsWith("weight") && shape.length >= 2)?.[1].shape[0];
}

/** A model with the weights in everything but its head. @throws UsageError that lists the keys and shapes that differ */
export function buildPretrained(name: string, weights: Weights): { model: models.Classifier; report: WeightsReport } {
  const numClasses = outputsOf(weights);
  const model = models.getModel(name, { numClasses });
  const { path } = models.findHead(model);
  const isHead = (key: string): boolean => key.startsWith(`${path}.`);

  const given = [...weights.entries];
  const leftOut = given.filter(([key]) => isHead(key)).map(([key, { shape }]) => ({ key, shape }));
  const own = [...model.stateDict()].filter(([key]) => isHead(key));
  const backbone = given.filter(([key]) => !isHead(key));
  try {
    model.loadStateDict(new Map([...backbone, ...own]));
  } catch (error) {
    if (!(error instanceof StateDictError)) throw error;
    throw new UsageError(describeMismatch(name, model, weights, error));
  }
  return { model, report: { path: weights.path, loaded: backbone.map(([key]) => key), leftOut } };
}

/** Keys that a message names before it is cut short. */
const NAMED = 6;

function describeMismatch(name: string, model: Module, { path, entries }: Weights, error: StateDictError): string {
  const state = model.stateDict();
  const shape = (tensor: Tensor | undefined): string => `[${tensor?.shape.join(", ")}]`;
  const groups = [
    { title: "missing in the file", keys: error.missingKeys, show: (key: string) => key },
    { title: "only in the file", keys: error.unexpectedKeys, show: (key: string) => key },
    {
      title: "of another shape",
      keys: error.mismatchedKeys,
      show: (key: string) => `${key} (${shape(entries.get(key))} in the file, ${shape(state.get(key))} in the model)`,
    },
  ];
  const lines = groups
    .filter(({ keys }) => keys.length > 0)
    .map(({ title, keys, show }) => {
      const more = keys.length > NAMED ? `, … (${keys.length - NAMED} more)` : "";
      return `\n  ${keys.length} ${title}: ${keys.slice(0, NAMED).map(show).join(", ")}${more}`;
    });
  return `${path} is not for ${name}: ${entries.size} entries there, ${state.size} in the model. Is --model right?${lines.join("")}`;
}
