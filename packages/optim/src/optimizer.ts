/**
 * Optimizer: parameter groups, state and state dicts, as torch.optim.Optimizer. Parameters live in flat arenas, so a
 * step over a whole model is a few elementwise operations on flat tensors; a rule of its own is all that an optimizer
 * adds. Hyperparameters are passed to kernels at run time: changing `lr` costs nothing.
 */

import { ArgumentError, flush, noGrad, scoped, type Tensor, zerosLike } from "@kindling/core";
import { Bucket, type ParameterState } from "./bucket.js";
import {
  type GroupRecord,
  groupRecord,
  type OptimizerStateDict,
  readGroups,
  readStates,
  stateRecord,
} from "./state-dict.js";

/** Options that every optimizer has. */
export interface BaseOptions {
  /** Learning rate. */
  lr: number;
}

/** Parameters that share options. Options may be changed between steps. */
export type ParamGroup<O extends BaseOptions = BaseOptions> = O & {
  params: Tensor[];
  /** The learning rate before any scheduler; set by schedulers. */
  initialLr?: number;
};

/** What an optimizer is made for: parameters, or groups of them with options of their own. */
export type Params<O extends BaseOptions> =
  | Iterable<Tensor>
  | Iterable<Partial<O> & { params: Iterable<Tensor> | Tensor }>;

/** The state of one bucket of parameters as a rule sees it. */
export interface RuleState {
  /** Steps taken, this one included. */
  readonly step: number;
  /** The flat tensor of a name such as `exp_avg`; made on first use, filled with `value`. */
  tensor(name: string, value?: number): Tensor;
  /** Numbers that the whole bucket shares. */
  readonly scalars: Record<string, number>;
}

export abstract class Optimizer<O extends BaseOptions = BaseOptions> {
  readonly paramGroups: ParamGroup<O>[] = [];
  /** Options of groups that do not say otherwise. */
  readonly defaults: O;

  readonly #buckets = new Map<ParamGroup<O>, Bucket[]>();
  /** State of parameters that are in no bucket: loaded, and not stepped since. */
  readonly #loose = new Map<Tensor, ParameterState>();

  constructor(params: Params<O>, defaults: O) {
    this.defaults = defaults;
    const list = [...(params as Iterable<Tensor | (Partial<O> & { params: Iterable<Tensor> | Tensor })>)];
    if (list.length === 0) throw new ArgumentError(`${this.constructor.name}: no parameters were given`);
    if (list.every(isGroup)) for (const group of list) this.addParamGroup(group);
    else this.addParamGroup({ params: list as Tensor[] } as Partial<O> & { params: Tensor[] });
  }

  /** The rule: assigns new values to the flat parameters `p` (and to state) from their flat gradient `g`. */
  protected abstract update(p: Tensor, g: Tensor, state: RuleState, group: ParamGroup<O>): void;

  /** Whether `step` is part of the saved state, as it is in torch for all but SGD. */
  protected readonly savesStep: boolean = true;

  /** What torch's groups of this optimizer say about how torch computes: no concern of ours, but it looks for them. */
  protected readonly torchOptions: Readonly<Record<string, boolean | null>> = { foreach: null, differentiable: false };

  /** The state that torch gives a parameter before its first step; undefined where it gives none. */
  protected initialState(_p: Tensor, _group: ParamGroup<O>): ParameterState | undefined {
    return undefined;
  }

  /** Adds parameters with options of their own, e.g. layers that are unfrozen later. */
  addParamGroup(group: Partial<O> & { params: Iterable<Tensor> | Tensor }): void {
    const params = "shape" in group.params ? [group.params as Tensor] : [...group.params];
    const known = new Set(this.paramGroups.flatMap((g) => g.params));
    for (const p of params) {
      if (!p.isLeaf)
        throw new ArgumentError(
          `${this.constructor.name}: a parameter of shape [${p.shape.join(", ")}] is no leaf; give the model's parameters themselves`,
        );
      if (known.has(p))
        throw new ArgumentError(
          `${this.constructor.name}: a parameter of shape [${p.shape.join(", ")}] was given twice`,
        );
      known.add(p);
    }
    const full = { ...this.defaults, ...group, params } as ParamGroup<O>;
    this.paramGroups.push(full);
    this.#buckets.set(full, []);
  }

  /** Forgets all gradients, or with `setToNone: false` makes them zero. */
  zeroGrad({ setToNone = true }: { setToNone?: boolean } = {}): void {
    for (const { params } of this.paramGroups)
      for (const p of params) p.grad = setToNone || !p.grad ? null : zerosLike(p);
  }

  /**
   * Updates all parameters that have a gradient. Forward, backward and update run now, as one plan; awaiting it waits
   * only while too many steps are in flight, and is not needed.
   */
  step(): Promise<void> {
    noGrad(() =>
      scoped(() => {
        for (const group of this.paramGroups)
          for (const bucket of this.#ready(group)) {
            bucket.step++;
            this.update(bucket.arena.value, bucket.gradient(), bucket, group);
          }
      }),
    );
    return flush();
  }

  /**
   * The buckets of a group whose parameters have gradients. A bucket of which only some have one is split for good:
   * however gradients come and go, buckets soon fit them.
   */
  #ready(group: ParamGroup<O>): Bucket[] {
    const buckets: Bucket[] = [];
    const ready: Bucket[] = [];
    for (const bucket of this.#buckets.get(group)!) {
      const present = bucket.arena.params.filter((p) => p.grad);
      if (present.length === 0) buckets.push(bucket);
      else if (present.length === bucket.arena.params.length) ready.push(bucket);
      else {
        for (const [p, state] of bucket.states()) this.#loose.set(p, state);
        buckets.push(
          ...Bucket.make(
            bucket.arena.params.filter((p) => !p.grad),
            this.#loose,
          ),
        );
        ready.push(...Bucket.make(present, this.#loose));
      }
    }
    const bucketed = new Set([...buckets, ...ready].flatMap((b) => b.arena.params));
    const fresh = group.params.filter((p) => p.grad && !bucketed.has(p));
    if (fresh.length > 0) ready.push(...Bucket.make(fresh, this.#loose));
    this.#buckets.set(group, [...buckets, ...ready]);
    return ready;
  }

  /**
   * State and groups in torch's shape and names: once it is saved, `torch.optim`'s optimizer of the same name loads it and
   * goes on. Tensors are live: clone what should stay.
   */
  stateDict(): OptimizerStateDict {
    const states = new Map(this.#loose);
    for (const buckets of this.#buckets.values())
      for (const bucket of buckets) for (const [p, state] of bucket.states()) states.set(p, state);
    const state: OptimizerStateDict["state"] = new Map();
    const groups: GroupRecord[] = [];
    let index = 0;
    for (const group of this.paramGroups) {
      const { params, ...options } = group;
      const indices = params.map((p) => {
        const s = states.get(p) ?? this.initialState(p, group);
        const record = s && stateRecord(s, this.savesStep);
        if (record && Object.keys(record).length > 0) state.set(index, record);
        return index++;
      });
      groups.push(groupRecord(options, this.torchOptions, indices));
    }
    return { state, param_groups: groups };
  }

  /**
   * Takes over a state dict: ours, or one that torch.optim wrote for the same parameters in the same order. Options of a
   * group that this optimizer does not know, as those of a newer torch, are kept for the next state dict.
   * @throws ArgumentError when groups or parameters do not correspond
   */
  loadStateDict(stateDict: OptimizerStateDict | ReadonlyMap<unknown, unknown>): void {
    const groups = readGroups(stateDict);
    const sizes = (lists: readonly { params: readonly unknown[] }[]): string =>
      lists.map((g) => g.params.length).join(", ");
    if (sizes(groups) !== sizes(this.paramGroups))
      throw new ArgumentError(
        `${this.constructor.name}.loadStateDict: groups of ${sizes(groups)} parameters; the optimizer has ${sizes(this.paramGroups)}`,
      );
    const owners = new Map<unknown, Tensor>();
    groups.forEach((g, i) => {
      g.params.forEach((key, j) => {
        owners.set(key, this.paramGroups[i].params[j]);
      });
    });
    const states = readStates(stateDict, owners);
    this.#loose.clear();
    for (const [p, state] of states) this.#loose.set(p, state);
    groups.forEach(({ options }, i) => {
      Object.assign(this.paramGroups[i], options);
    });
    for (const group of this.paramGroups) this.#buckets.set(group, []);
  }

  toString(): string {
    const groups = this.paramGroups.map(({ params, ...options }, i) =>
      [
        `Parameter Group ${i}: ${params.length} parameters`,
        ...Object.entries(options).map(([k, v]) => `    ${k}: ${v}`),
      ].join("\n"),
    );
    return `${this.constructor.name} (\n${groups.join("\n")}\n)`;
  }
}

const isGroup = <G>(entry: Tensor | G): entry is G => typeof entry === "object" && entry !== null && "params" in entry;

/** Refuses an option out of range. */
export function checkOption(owner: string, name: string, value: unknown, valid: boolean, expected: string): void {
  if (!valid) throw new ArgumentError(`${owner}: ${name} is ${String(value)}; expected ${expected}`);
}
