/** Finds the state dict inside a checkpoint, and renames its keys. */

import { CheckpointError } from "./errors.js";
import { LazyTensor, type LazyValue } from "./lazy-tensor.js";
import { printable, quoted } from "./printable.js";
import { isTensor, type Tensor } from "./tensor.js";
import { OrderedDict, type PythonValue } from "./values.js";

/** Keys under which training scripts keep the weights, the most telling first. */
const USUAL_KEYS = ["state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights"];

/** What a state dict may carry: torch's `_metadata`, here and in `stateDict()` of a module. */
interface WithMetadata {
  readonly metadata?: unknown;
}

/** The state dict in `value` of an open checkpoint, found as in what `load` gives; its tensors are still in the file. */
export function findStateDict(value: LazyValue): Map<string, LazyTensor>;
/**
 * The state dict in what `load` gave: the value itself if it is a dict of tensors, else the one under a usual key
 * (`state_dict`, `model`, …).
 *
 * @throws CheckpointError of kind `unsupported` that lists the keys there are
 */
export function findStateDict(value: PythonValue): Map<string, Tensor>;
export function findStateDict(value: PythonValue | LazyValue): Map<string, Tensor | LazyTensor> {
  if (isStateDict(value)) return value;
  if (value instanceof Map) {
    for (const key of USUAL_KEYS) {
      const inner = (value as Map<unknown, unknown>).get(key);
      if (isStateDict(inner)) return inner;
    }
  }
  const keys =
    value instanceof Map ? `a dict with the keys ${[...value.keys()].slice(0, 20).map(shown).join(", ")}` : "no dict";
  throw new CheckpointError(
    "unsupported",
    `the checkpoint holds no state dict at the top or under a usual key; it is ${keys}`,
  );
}

const shown = (key: unknown): string => (typeof key === "object" ? "(…)" : printable(String(key), 40));

function isStateDict(value: unknown): value is Map<string, Tensor | LazyTensor> {
  if (!(value instanceof Map) || value.size === 0) return false;
  for (const [key, item] of value)
    if (typeof key !== "string" || !(isTensor(item) || item instanceof LazyTensor)) return false;
  return true;
}

/**
 * A state dict with other names: `rename` gives the new name, or undefined to leave the entry out.
 * `renameKeys(state, stripPrefix("module."))` undoes what `DataParallel` does. The versions of modules (torch's
 * `_metadata`) go where the entries of the modules go.
 *
 * @throws CheckpointError of kind `unsupported` if two entries would get the same name
 */
export function renameKeys<T extends Tensor | LazyTensor>(
  state: ReadonlyMap<string, T> & WithMetadata,
  rename: (name: string) => string | undefined,
): OrderedDict<string, T> {
  const renamed = new OrderedDict<string, T>();
  const places = new ModulePlaces();
  for (const [name, tensor] of state) {
    const next = rename(name);
    places.moved(name, next);
    if (next === undefined) continue;
    if (renamed.has(next)) throw new CheckpointError("unsupported", `two entries would be called ${quoted(next)}`);
    renamed.set(next, tensor);
  }
  if (state instanceof OrderedDict) for (const [name, value] of state.attributes) renamed.attributes.set(name, value);
  if (state.metadata instanceof Map) renamed.metadata = places.renamed(state.metadata);
  return renamed;
}

/** Where modules have gone, as the names of their entries tell. */
class ModulePlaces {
  /** By the old path of a module: its new ones, none if all its entries were left out. */
  private readonly places = new Map<string, Set<string>>();

  /** Notes that an entry got another name: `a.b.weight` → `c.b.weight` says that `a.b` is `c.b` now, and `a` is `c`. */
  moved(name: string, next: string | undefined): void {
    for (const [module, rest] of outerModules(name)) {
      const places = this.places.get(module) ?? new Set();
      this.places.set(module, places);
      if (next === rest) places.add("");
      else if (next?.endsWith(`.${rest}`)) places.add(next.slice(0, -rest.length - 1));
    }
  }

  renamed(metadata: ReadonlyMap<PythonValue, PythonValue>): OrderedDict {
    const result = new OrderedDict();
    for (const [module, versions] of metadata)
      if (typeof module === "string") for (const place of this.placesOf(module)) result.set(place, versions);
    return result;
  }

  /** A module without entries goes where the module around it goes. */
  private placesOf(module: string): string[] {
    const own = this.places.get(module);
    if (own) return [...own];
    for (const [outer, rest] of outerModules(module)) {
      const places = this.places.get(outer);
      if (places) return [...places].map((place) => (place === "" ? rest : `${place}.${rest}`));
    }
    return [];
  }
}

/** Networks are not nested deeper; names of strangers may be. */
const DEEPEST_NESTING = 64;

/** The modules that a name stands in, the innermost first and last the root, and the name inside each. */
function* outerModules(name: string): Generator<[module: string, rest: string]> {
  let dot = name.length;
  for (let depth = 0; depth < DEEPEST_NESTING && dot > 0; depth++) {
    dot = name.lastIndexOf(".", dot - 1);
    yield [name.slice(0, Math.max(dot, 0)), name.slice(dot + 1)];
  }
}

/** A `rename` that takes the first of the prefixes that a name begins with off it. */
export const stripPrefix =
  (...prefixes: readonly string[]) =>
  (name: string): string =>
    name.slice(prefixes.find((prefix) => name.startsWith(prefix))?.length ?? 0);
