/**
 * Module: the base of every layer and model, as torch.nn.Module. There is no registration: whatever modules, parameters
 * and registered buffers stand in a module's fields are its children, in the order in which the fields were defined, and
 * the fields' names are the names in the state dict. Assigning a field (`model.fc = new Linear(512, 4)`) is all it takes.
 */

import { ArgumentError, type DType, hold, isComputeDType, isFloat, runCall, state, Tensor } from "@kindling/core";
import { Parameter } from "./parameter.js";
import { type LoadResult, type LoadStateDictOptions, loadInto, type Slot, type StateDict } from "./state-dict.js";
import { ModuleState } from "./state-versions.js";

/** Takes a hook away again. */
export interface HookHandle {
  remove(): void;
}

/** A module that maps one tensor to one tensor, as most layers and every classifier do. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

/**
 * What may be registered on a module of type M. Written as methods, whose parameters TypeScript compares in both
 * directions, so that every module is a `Module`.
 */
interface Hooks<M extends Module> {
  after(module: M, inputs: unknown[], output: ReturnType<M["forward"]>): unknown;
  before(module: M, inputs: unknown[]): unknown;
}

/** Sees what `forward` returned; a value that the hook returns takes its place. */
export type ForwardHook<M extends Module> = Hooks<M>["after"];

/** Sees what `forward` is about to get; a list that the hook returns takes its place. */
export type ForwardPreHook<M extends Module> = Hooks<M>["before"];

type AnyHook = (module: Module, inputs: unknown[], output?: unknown) => unknown;

/** Base of layers and models. An author writes `forward`; everyone else uses `call`. */
export abstract class Module {
  /** True in training mode: dropout drops, batch norm uses and updates batch statistics. Set by `train` and `eval`. */
  training = true;

  readonly #buffers = new Map<string, { persistent: boolean }>();
  readonly #hooks = new Map<HookHandle, AnyHook>();
  readonly #preHooks = new Map<HookHandle, AnyHook>();

  /** What the module computes. Users use `call`. */
  abstract forward(...inputs: never[]): unknown;

  /**
   * Runs the module with its hooks, as torch's `module(x)`. The result of the outermost call, and tensors that
   * `forward` keeps in fields, stay readable; what else is computed on the way lives only as long as it is needed.
   */
  call(...inputs: Parameters<this["forward"]>): ReturnType<this["forward"]> {
    return runCall(
      () => this.#run(inputs) as ReturnType<this["forward"]>,
      () => this.#stashed(),
    );
  }

  #run(inputs: unknown[]): unknown {
    let given = inputs;
    for (const hook of this.#preHooks.values()) {
      tensorsIn(given).forEach(hold);
      given = (hook(this, given) as unknown[] | undefined) ?? given;
    }
    let output = Reflect.apply(this.forward, this, given);
    for (const hook of this.#hooks.values()) {
      tensorsIn(output).forEach(hold);
      output = hook(this, given, output) ?? output;
    }
    return output;
  }

  /** Calls `hook(module, inputs, output)` after every forward. */
  registerForwardHook(hook: ForwardHook<this>): HookHandle {
    return register(this.#hooks, hook as AnyHook);
  }

  /** Calls `hook(module, inputs)` before every forward. */
  registerForwardPreHook(hook: ForwardPreHook<this>): HookHandle {
    return register(this.#preHooks, hook as AnyHook);
  }

  /**
   * Makes field `name` a buffer: state that is saved and moved with the module but not learned.
   * @param persistent false leaves it out of the state dict
   * @returns the buffer
   */
  registerBuffer(name: string, tensor: Tensor, { persistent = true }: { persistent?: boolean } = {}): Tensor {
    checkName(name);
    this.#buffers.set(name, { persistent });
    const buffer = isComputeDType(tensor.dtype) ? state(tensor) : tensor;
    this.#setField(name, buffer);
    return buffer;
  }

  /** Puts a parameter into field `name`; the same as assigning it. */
  registerParameter(name: string, parameter: Parameter | null): void {
    checkName(name);
    this.#setField(name, parameter);
  }

  /** Puts a child into field `name`; the same as assigning it. */
  addModule(name: string, module: Module | null): void {
    checkName(name);
    this.#setField(name, module);
  }

  #setField(name: string, value: unknown): void {
    (this as Record<string, unknown>)[name] = value;
  }

  /** Direct children, by field; a module that stands in two fields is listed once. */
  namedChildren(): [string, Module][] {
    const seen = new Set<Module>();
    const out: [string, Module][] = [];
    for (const [name, value] of Object.entries(this))
      if (value instanceof Module && !seen.has(value)) {
        seen.add(value);
        out.push([name, value]);
      }
    return out;
  }

  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  /** This module (named "") and everything below it, parents first, each once. */
  namedModules(): [string, Module][] {
    const seen = new Set<Module>();
    const out: [string, Module][] = [];
    const visit = (module: Module, name: string): void => {
      if (seen.has(module)) return;
      seen.add(module);
      out.push([name, module]);
      for (const [field, child] of module.namedChildren()) visit(child, join(name, field));
    };
    visit(this, "");
    return out;
  }

  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** The module at a dotted path such as `layer1.0.conv1`; "" is this one. */
  getSubmodule(path: string): Module {
    let module: Module = this;
    for (const field of path === "" ? [] : path.split(".")) {
      const child = module.namedChildren().find(([name]) => name === field)?.[1];
      if (!child) {
        const names = module.namedChildren().map(([name]) => name);
        throw new ArgumentError(
          `getSubmodule: ${module.typeName} has no child "${field}" (asked for "${path}"); it has: ${names.join(", ") || "none"}`,
        );
      }
      module = child;
    }
    return module;
  }

  /** Parameters of this module and all below, each once, with their state-dict names. */
  namedParameters(): [string, Parameter][] {
    const seen = new Set<Parameter>();
    const out: [string, Parameter][] = [];
    for (const [prefix, module] of this.namedModules())
      for (const [field, value] of Object.entries(module))
        if (value instanceof Parameter && !seen.has(value)) {
          seen.add(value);
          out.push([join(prefix, field), value]);
        }
    return out;
  }

  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Buffers of this module and all below, each once, persistent or not. */
  namedBuffers(): [string, Tensor][] {
    const seen = new Set<Tensor>();
    const out: [string, Tensor][] = [];
    for (const [prefix, module] of this.namedModules())
      for (const [field, { tensor }] of module.#ownBuffers())
        if (!seen.has(tensor)) {
          seen.add(tensor);
          out.push([join(prefix, field), tensor]);
        }
    return out;
  }

  buffers(): Tensor[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  *#ownBuffers(): Iterable<[string, { tensor: Tensor; persistent: boolean }]> {
    for (const [field, { persistent }] of this.#buffers) {
      const tensor = (this as Record<string, unknown>)[field];
      if (tensor instanceof Tensor) yield [field, { tensor, persistent }];
    }
  }

  /**
   * All parameters and persistent buffers under their names, in torch's order: of each module first its parameters,
   * then its buffers, then its children. The tensors are the module's own, not copies: `clone()` what should stay.
   */
  stateDict(): ModuleState {
    const state = new ModuleState([...this.stateSlots()].map(([key, slot]) => [key, slot.tensor]));
    for (const [path, module] of this.namedModules())
      state.metadata.set(path, new Map([["version", module.stateVersion]]));
    return state;
  }

  /** Version of the module's own entries in a state dict; torch's `_version`. */
  get stateVersion(): number {
    return 1;
  }

  /** Where each entry of the state dict lives. */
  stateSlots(prefix = "", slots: Map<string, Slot> = new Map()): Map<string, Slot> {
    for (const [field, value] of Object.entries(this))
      if (value instanceof Parameter) slots.set(prefix + field, { owner: this, field, tensor: value });
    for (const [field, { tensor, persistent }] of this.#ownBuffers())
      if (persistent) slots.set(prefix + field, { owner: this, field, tensor });
    for (const [field, value] of Object.entries(this))
      if (value instanceof Module) value.stateSlots(`${prefix}${field}.`, slots);
    return slots;
  }

  /**
   * Copies a state dict into the module's parameters and buffers, converting dtypes. Nothing is written unless
   * everything fits. Values that were made on the host in the right dtype, as those of a file, are not in memory twice:
   * at the next flush they move to the device, and the tensors of the state dict share them until either is written.
   * @throws StateDictError that lists every missing, unexpected and mis-shaped key, and near names
   */
  loadStateDict(stateDict: StateDict, options: LoadStateDictOptions = {}): LoadResult {
    return loadInto(this, stateDict, options);
  }

  /**
   * Lets a module bring entries of older files up to date before they are matched.
   *
   * @param _prefix the module's path with a dot
   * @param _version the version of the module that the entries are of; undefined where the state dict does not say
   */
  adaptStateDict(_stateDict: Map<string, Tensor>, _prefix: string, _version?: number): void {}

  /** Takes a loaded tensor into a parameter or buffer. */
  assignState(field: string, source: Tensor): void {
    const target = (this as Record<string, unknown>)[field] as Tensor;
    // Dtypes that no device computes with are converted on the host.
    const hostOnly = !isComputeDType(source.dtype) && isComputeDType(target.dtype);
    target.copy_(hostOnly ? source.to(target.dtype) : source);
  }

  /** Puts this module and all below into training mode (or, with false, evaluation mode). */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Puts this module and all below into evaluation mode. */
  eval(): this {
    return this.train(false);
  }

  /** Turns gradients of all parameters on or off; frozen layers then cost no backward. */
  requiresGrad_(on = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = on;
    return this;
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /**
   * Converts floating-point parameters and buffers to a dtype. Those that change are new objects: make the optimizer
   * afterwards.
   */
  to(dtype: DType): this {
    const moved = new Map<Tensor, Tensor>();
    const move = (tensor: Tensor): Tensor => {
      let to = moved.get(tensor);
      if (!to) {
        to = isFloat(tensor.dtype) ? tensor.detach().to(dtype) : tensor;
        if (to.dtype === tensor.dtype) to = tensor;
        else if (tensor instanceof Parameter) to = new Parameter(to, tensor.requiresGrad);
        else to = state(to);
        moved.set(tensor, to);
      }
      return to;
    };
    for (const module of this.modules()) {
      for (const [field, value] of Object.entries(module))
        if (value instanceof Parameter) module.#setField(field, move(value));
      for (const [field, { tensor }] of module.#ownBuffers()) module.#setField(field, move(tensor));
    }
    return this;
  }

  /** Calls `fn` on every module below, children before parents, and on this one last. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Tensors that stand in fields of this tree and are neither parameters nor buffers: `forward` has put them there. */
  #stashed(found: Tensor[] = [], seen: Set<Module> = new Set()): Tensor[] {
    seen.add(this);
    for (const field of Object.keys(this)) {
      const value = (this as Record<string, unknown>)[field];
      if (typeof value !== "object" || value === null || value instanceof Parameter || this.#buffers.has(field))
        continue;
      if (value instanceof Module) {
        if (!seen.has(value)) value.#stashed(found, seen);
      } else tensorsIn(value, found);
    }
    return found;
  }

  /** The name that the module is printed and reported under. */
  get typeName(): string {
    return this.constructor.name;
  }

  /** The options that `toString` prints between the brackets; as torch's `extra_repr`. */
  extraRepr(): string {
    return "";
  }

  /** The module as a tree, line for line as PyTorch prints it. */
  toString(): string {
    const extra = this.extraRepr();
    const children = Object.entries(this)
      .filter((entry): entry is [string, Module] => entry[1] instanceof Module)
      .map(([name, child]) => `(${name}): ${child.toString().replaceAll("\n", "\n  ")}`);
    if (children.length === 0) return `${this.typeName}(${extra})`;
    const lines = extra === "" ? children : [extra, ...children];
    return `${this.typeName}(\n  ${lines.join("\n  ")}\n)`;
  }

  /** What `console.log(model)` prints in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

const join = (prefix: string, field: string): string => (prefix === "" ? field : `${prefix}.${field}`);

function checkName(name: string): void {
  if (name === "" || name.includes("."))
    throw new ArgumentError(`"${name}" cannot name a field of a module: names are not empty and hold no dot`);
}

function register(hooks: Map<HookHandle, AnyHook>, hook: AnyHook): HookHandle {
  const handle: HookHandle = { remove: () => void hooks.delete(handle) };
  hooks.set(handle, hook);
  return handle;
}

/** The tensors of a value: itself, or those in a list, a Map or a plain object, at any depth. */
function tensorsIn(value: unknown, found: Tensor[] = []): Tensor[] {
  if (value instanceof Tensor) found.push(value);
  else if (Array.isArray(value)) for (const item of value) tensorsIn(item, found);
  else if (value instanceof Map) for (const item of value.values()) tensorsIn(item, found);
  else if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) tensorsIn(item, found);
  return found;
}
