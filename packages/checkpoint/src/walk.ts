/** Walks the graph of a loaded value without recursion: checks its depth, refuses cycles, finds what is in the file. */

import { CheckpointError } from "./errors.js";
import type { Budget } from "./limits.js";
import { COST } from "./pickle/cost.js";
import { GlobalReference } from "./pickle/unpickler.js";
import { TimeZone } from "./torch/dates.js";
import { NumpyArray, NumpyDtype } from "./torch/numpy.js";
import { OldTensor } from "./torch/rebuild.js";
import { StorageReference, StoredTensor } from "./torch/stored-tensor.js";
import { OrderedDict, PythonObject, Tuple } from "./values.js";

/** What a value looks like before its tensors are read: containers whose leaves may be tensors in the file. */
export type Container = unknown[] | Map<unknown, unknown> | Set<unknown> | PythonObject;

export const isContainer = (value: unknown): value is Container =>
  Array.isArray(value) || value instanceof Map || value instanceof Set || value instanceof PythonObject;

/** The values inside a container, keys of a dict and attributes of an object among them. */
export function* children(container: Container): Generator<unknown> {
  if (container instanceof PythonObject) yield container.attributes;
  else if (container instanceof Map) {
    for (const [key, value] of container) {
      if (typeof key === "object" && key !== null) yield key;
      yield value;
    }
    if (container instanceof OrderedDict && container.attributes.size > 0) yield container.attributes;
  } else yield* container;
}

/** The tensor in the file that a leaf stands for, if it is one. Bare storages count as tensors of one dimension. */
export function storedTensor(leaf: unknown): StoredTensor | undefined {
  if (leaf instanceof StoredTensor) return leaf;
  if (leaf instanceof NumpyArray || leaf instanceof OldTensor) return leaf.tensor;
  if (leaf instanceof StorageReference) return StoredTensor.whole(leaf);
  return undefined;
}

/** What the pickle machine knows, but is no data by itself. */
function describeIngredient(leaf: unknown): string | undefined {
  if (leaf instanceof GlobalReference) return `the class or function ${leaf.name}`;
  if (leaf instanceof NumpyDtype) return "a numpy.dtype";
  if (leaf instanceof TimeZone) return "a datetime.timezone";
  return undefined;
}

function checkLeaf(leaf: unknown): void {
  const ingredient = describeIngredient(leaf);
  if (ingredient === undefined) return;
  throw new CheckpointError(
    "unsupported",
    `the file holds ${ingredient} as a value, which is not data. In Python, leave it out of what is saved, or save its name`,
  );
}

/** Every container in the value, each once, children before parents. Refuses cycles and deep nesting. */
export function containers(root: unknown, maxDepth: number): Container[] {
  const order: Container[] = [];
  const heights = new Map<Container, number>();
  const path: { container: Container; rest: Generator<unknown>; height: number }[] = [];
  const enter = (container: Container): void => {
    if (path.length >= maxDepth) throw tooDeep(maxDepth);
    heights.set(container, 0);
    path.push({ container, rest: children(container), height: 1 });
  };
  checkLeaf(root);
  if (isContainer(root)) enter(root);
  while (path.length > 0) {
    const frame = path[path.length - 1];
    const next = frame.rest.next();
    if (next.done) {
      heights.set(frame.container, frame.height);
      order.push(frame.container);
      path.pop();
      if (path.length > 0) raise(path[path.length - 1], frame.height, maxDepth);
      continue;
    }
    checkLeaf(next.value);
    if (!isContainer(next.value)) continue;
    const height = heights.get(next.value);
    if (height === undefined) enter(next.value);
    else if (height === 0) throw new CheckpointError("cycle", "the file holds a list or dict that contains itself");
    else raise(frame, height, maxDepth);
  }
  return order;
}

function raise(frame: { height: number }, childHeight: number, maxDepth: number): void {
  frame.height = Math.max(frame.height, childHeight + 1);
  if (frame.height > maxDepth) throw tooDeep(maxDepth);
}

const tooDeep = (maxDepth: number): CheckpointError =>
  new CheckpointError("depth", `lists and dicts are nested more than ${maxDepth} deep (the option maxDepth)`);

/** Every tensor in the file that the value refers to, as often as it does. */
export function* storedTensors(root: unknown, found: readonly Container[]): Generator<StoredTensor> {
  const own = storedTensor(root);
  if (own) yield own;
  for (const container of found) {
    for (const child of children(container)) {
      const tensor = storedTensor(child);
      if (tensor) yield tensor;
    }
  }
}

/** Puts what `replace` gives in the place of every leaf for which it gives something. */
export function replaceLeaves(
  root: unknown,
  found: readonly Container[],
  replace: (leaf: unknown) => unknown,
): unknown {
  const replaced = (leaf: unknown): unknown => replace(leaf) ?? leaf;
  for (const container of found) {
    if (Array.isArray(container)) for (let i = 0; i < container.length; i++) container[i] = replaced(container[i]);
    else if (container instanceof Map) {
      for (const [key, value] of container) {
        if (replace(key) !== undefined) throw new CheckpointError("unsupported", "a tensor is the key of a dict");
        container.set(key, replaced(value));
      }
    } else if (container instanceof Set) {
      const members = [...container].map(replaced);
      container.clear();
      for (const member of members) container.add(member);
    }
  }
  return replaced(root);
}

/** A tensor in the file, and the path of keys that leads to it. */
export interface NamedTensor {
  /** Keys and indices joined by dots; empty for a tensor that is the whole value. */
  readonly name: string;
  readonly tensor: StoredTensor;
}

/** Estimated bytes of heap that a tensor costs in a list of them, beside its name. */
export const LISTED_COST = 500;

/**
 * The tensors by name, in the order of the file. A container that is reached by two paths is listed under the first.
 * Names are charged to the budget: they grow with the depth, and one tensor may stand in a list a million times.
 */
export function namedTensors(root: unknown, budget: Budget): NamedTensor[] {
  const found: NamedTensor[] = [];
  const seen = new Set<Container>();
  const waiting: { value: unknown; name: string }[] = [{ value: root, name: "" }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, name } = next;
    const tensor = storedTensor(value);
    if (tensor) {
      budget.spend(LISTED_COST + 2 * name.length);
      found.push({ name, tensor });
    }
    if (!isContainer(value) || seen.has(value)) continue;
    seen.add(value);
    const inside = [...namedChildren(value)].map(([key, child]) => {
      budget.spend(COST.container);
      return { value: child, name: name === "" ? keyText(key) : `${name}.${keyText(key)}` };
    });
    for (const child of inside.reverse()) waiting.push(child);
  }
  return found;
}

/** What a container holds, by key, index or attribute. */
export function namedChildren(container: Container): Iterable<[unknown, unknown]> {
  if (container instanceof PythonObject) return container.attributes;
  return container instanceof Map ? container : [...container].entries();
}

/** A key in a name. Tuples inside a tuple stay dots: unfolded, a small nest of them can be larger than any memory. */
export function keyText(key: unknown): string {
  if (!(key instanceof Tuple)) return Array.isArray(key) ? "(…)" : String(key);
  return `(${key.map((item) => (Array.isArray(item) ? "(…)" : String(item))).join(", ")})`;
}
