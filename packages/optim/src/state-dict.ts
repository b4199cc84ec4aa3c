/**
 * Optimizer state in torch's shape: `state` by parameter number with names such as `exp_avg`, and `param_groups` with
 * options in snake case.
 */

import { ArgumentError, convertHost, Tensor, tensor } from "@kindling/core";
import type { ParameterState } from "./bucket.js";

/** The state of one parameter: tensors, `step` and other numbers as scalar tensors. */
export type StateRecord = Record<string, Tensor | number | null>;

/** A group's options in snake case, and its parameters' numbers. */
export type GroupRecord = Record<string, unknown> & { params: number[] };

export interface OptimizerStateDict {
  /** By parameter number, counted over all groups; parameters that never had a gradient are absent. */
  state: Map<number, StateRecord>;
  param_groups: GroupRecord[];
}

/** torch's name of an option; what is no name in camel case is torch's already. */
export const toSnake = (name: string): string =>
  /^[a-z][a-zA-Z0-9]*$/.test(name) ? name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) : name;

/** Our name of an option of torch's; a name that would not come back from it stays. */
export function toCamel(name: string): string {
  const camel = name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());
  return toSnake(camel) === name ? camel : name;
}

/** The state of one parameter as torch keeps it: `step` and other numbers in float32 tensors without dimensions. */
export function stateRecord({ step, tensors, scalars }: ParameterState, savesStep: boolean): StateRecord {
  const record: StateRecord = {};
  if (savesStep) record.step = tensor(step);
  for (const [name, value] of Object.entries(scalars)) record[name] = tensor(value);
  for (const [name, value] of tensors) record[name] = value;
  return record;
}

/**
 * A group as torch keeps it. Lists of numbers such as betas are frozen: `save` writes them as tuples.
 *
 * @param torchOptions options of torch's that mean nothing here, for groups that were not loaded with their own
 */
export function groupRecord(options: object, torchOptions: object, params: number[]): GroupRecord {
  const own = Object.entries(options).map(([name, value]) => [
    toSnake(name),
    Array.isArray(value) ? Object.freeze([...value]) : value,
  ]);
  return { ...torchOptions, ...Object.fromEntries(own), params };
}

/** Entries of what was a Python dict: a Map when read from a file, a plain object when made here. */
function entries(value: unknown, what: string): [unknown, unknown][] {
  if (value instanceof Map) return [...value];
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return Object.entries(value);
  throw new ArgumentError(
    `optimizer state dict: ${what} is ${value === undefined ? "missing" : "no dict"}; give what an optimizer's stateDict() returned`,
  );
}

const member = (dict: unknown, name: string): unknown => entries(dict, "it").find(([key]) => key === name)?.[1];

/** Groups with options in camel case, and the keys that `state` knows their parameters by. */
export function readGroups(stateDict: unknown): { options: Record<string, unknown>; params: unknown[] }[] {
  const groups = member(stateDict, "param_groups");
  if (!Array.isArray(groups))
    throw new ArgumentError(
      "optimizer state dict: param_groups is missing; give what an optimizer's stateDict() returned",
    );
  return groups.map((group) => {
    const all = entries(group, "a parameter group");
    const params = all.find(([name]) => name === "params")?.[1];
    if (!Array.isArray(params)) throw new ArgumentError("optimizer state dict: a parameter group has no params");
    const options = Object.fromEntries(
      all.filter(([name]) => name !== "params").map(([name, value]) => [toCamel(String(name)), optionOf(value)]),
    );
    return { options, params: params.map(paramKey) };
  });
}

/** torch allows numbers of a group, such as `lr`, to be in tensors without dimensions. */
function optionOf(value: unknown): unknown {
  if (value instanceof Tensor && value.ndim === 0) return numberIn("an option of a parameter group", value);
  return Array.isArray(value) ? value.map(optionOf) : value;
}

function numberIn(what: string, value: Tensor): number {
  const data = value.hostData();
  if (!data) throw new ArgumentError(`optimizer state dict: ${what} is not on the host; await its data() first`);
  return Number(convertHost(data, value.dtype, "float64")[0]);
}

/** Parameter numbers compare by value, whether they came as numbers, bigints or keys of an object. */
const paramKey = (key: unknown): string => String(key);

/** The states of the parameters that `owners` names by their keys. */
export function readStates(stateDict: unknown, owners: ReadonlyMap<unknown, Tensor>): Map<Tensor, ParameterState> {
  const states = new Map<Tensor, ParameterState>();
  for (const [key, record] of entries(member(stateDict, "state"), "state")) {
    const owner = owners.get(paramKey(key));
    if (!owner)
      throw new ArgumentError(`optimizer state dict: state of parameter ${String(key)}, which is in no group`);
    const tensors = new Map<string, Tensor>();
    const scalars: Record<string, number> = {};
    let step: number | undefined;
    for (const [name, value] of entries(record, `state of parameter ${String(key)}`)) {
      if (value === null || value === undefined) continue;
      const scalar = scalarOf(String(name), value, owner);
      if (name === "step") step = scalar;
      else if (scalar !== undefined) scalars[String(name)] = scalar;
      else tensors.set(String(name), (value as Tensor).detach().clone());
    }
    if (tensors.size > 0 || step !== undefined) states.set(owner, { step: step ?? 1, tensors, scalars });
  }
  return states;
}

/** Names of numbers; every other entry is a tensor of the parameter's shape. */
const SCALARS = new Set(["step", "mu", "eta", "mu_product"]);

/** The value of a number, which torch may keep in a scalar tensor; undefined for a tensor of the parameter's shape. */
function scalarOf(name: string, value: unknown, owner: Tensor): number | undefined {
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  if (!(value instanceof Tensor)) throw new ArgumentError(`optimizer state dict: ${name} is no tensor and no number`);
  if (SCALARS.has(name)) return numberIn(name, value);
  if (value.ndim === owner.ndim && value.shape.every((n, d) => n === owner.shape[d])) return undefined;
  throw new ArgumentError(
    `optimizer state dict: ${name} is [${value.shape.join(", ")}]; the parameter is [${owner.shape.join(", ")}]`,
  );
}
