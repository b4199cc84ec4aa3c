/**
 * Inner activations of a model as its outputs, as torchvision.models.feature_extraction. A node is the output of one
 * call of a module and has the module's path for its name (`layer3.1.conv2`), with `_1`, `_2` … for later calls
 * (`layer3.1.relu_1`).
 */

import { ArgumentError, Tensor } from "@kindling/core";
import { type HookHandle, type Layer, Module, nearestNames, Parameter } from "@kindling/nn";
import { checkOptions } from "./options.js";
import { type Call, defaultInputShape, graphOf, traceCalls } from "./trace.js";

export interface TraceOptions {
  /**
   * The shape of an input that the model takes, by which nodes are found. Default [1, 3, 224, 224], or the model's own
   * `imageSize`.
   */
  readonly inputShape?: readonly number[];
}

/** Names of nodes; or names of nodes, each with the name that the result has for it. */
export type ReturnNodes<N extends string> = readonly N[] | Readonly<Record<string, N>>;

/** The names of all nodes that a model has in evaluation mode, in the order in which their values are there. */
export function getGraphNodeNames(model: Module, options: TraceOptions = {}): string[] {
  return [...nodesOf(traced("getGraphNodeNames", model, options)).keys()];
}

function traced(caller: string, model: Module, options: TraceOptions): Call[] {
  checkOptions(caller, options, ["inputShape"]);
  return traceCalls(model, options.inputShape ?? defaultInputShape(model));
}

/** Calls whose output is a tensor, by name, in the order in which they ended. */
function nodesOf(calls: readonly Call[]): Map<string, Call> {
  const nodes = calls.filter(({ path, output }) => path !== "" && output instanceof Tensor);
  return new Map(nodes.sort((a, b) => a.end - b.end).map((call) => [call.name, call]));
}

/**
 * A module that computes inner activations of a model. It shares the model's layers, and has those that its nodes need
 * under their names: state dicts, optimizers, `train()` and `eval()` mean the model's own. The model stays whole.
 * @throws ArgumentError for a node that the model does not have, with near names, or an unknown option
 */
export function createFeatureExtractor<const N extends string>(
  model: Module,
  returnNodes: ReturnNodes<N>,
  options: TraceOptions = {},
): FeatureExtractor<N> {
  const names = resultNames(returnNodes);
  const calls = traced("createFeatureExtractor", model, options);
  const nodes = nodesOf(calls);
  const wanted = [...names].map(([node, name]) => {
    const call = nodes.get(node);
    if (!call) throw noSuchNode(model, node, [...nodes.keys()]);
    return { name, node, call };
  });
  const outputs = wanted.map(({ name, node, call }) => ({ name, node, path: call.path, index: call.index }));
  return new FeatureExtractor(
    model,
    outputs,
    neededModules(
      model,
      calls,
      wanted.map(({ call }) => call),
    ),
  );
}

/** By node, what the result calls it. */
function resultNames<N extends string>(returnNodes: ReturnNodes<N>): Map<string, N> {
  const names = Array.isArray(returnNodes)
    ? new Map<string, N>(returnNodes.map((name: N) => [name, name]))
    : new Map(Object.entries<N>(returnNodes as Readonly<Record<string, N>>));
  if (names.size === 0) throw new ArgumentError("createFeatureExtractor: no nodes were given; name at least one");
  const results = [...names.values()];
  const twice = results.find((name, i) => results.indexOf(name) !== i);
  if (twice !== undefined)
    throw new ArgumentError(
      `createFeatureExtractor: two nodes are to be called "${twice}"; give each a name of its own`,
    );
  return names;
}

function noSuchNode(model: Module, node: string, names: readonly string[]): ArgumentError {
  const near = nearestNames(node, names);
  const hint = model.namedModules().some(([path]) => path === node)
    ? "evaluation mode does not call this module, or it gives something else than one tensor"
    : near.length > 0
      ? `did you mean ${near.join(" or ")}?`
      : `at its top are ${names.filter((name) => !name.includes(".")).join(", ")}`;
  return new ArgumentError(
    `createFeatureExtractor: ${model.typeName} has no node "${node}"; ${hint} (getGraphNodeNames lists all)`,
  );
}

/** Which call of which module a result is. */
interface Output<N extends string> {
  readonly name: N;
  readonly node: string;
  readonly path: string;
  readonly index: number;
}

/** The modules whose state the results of some calls depend on, and those without state that are called on the way. */
function neededModules(model: Module, calls: readonly Call[], wanted: readonly Call[]): Set<Module> {
  const owners = new Map([...model.stateSlots().values()].map(({ tensor, owner }) => [tensor.node, owner]));
  const stateful = new Set(owners.values());
  const last = Math.max(...wanted.map(({ end }) => end));
  const needed = new Set(calls.flatMap(({ begin, module }) => (begin < last && !stateful.has(module) ? module : [])));
  const results = wanted.map(({ output }) => output);
  for (const node of graphOf(results, new Set())) {
    const owner = owners.get(node);
    if (owner) needed.add(owner);
  }
  return needed;
}

/**
 * A part of a module: reading and writing a field of it does so to the module's own field. What is not needed is left
 * out.
 */
class Part extends Module {
  readonly #whole: Module;

  constructor(whole: Module, needed: ReadonlySet<Module>) {
    super();
    this.#whole = whole;
    this.#share("training");
    for (const [field, child] of whole.namedChildren()) this.#shareChild(field, child, needed);
    if (needed.has(whole)) this.#shareState();
  }

  #shareState(): void {
    const whole = this.#whole;
    const saved = whole.stateSlots();
    const buffers = new Map(whole.namedBuffers());
    for (const [field, value] of Object.entries(whole)) {
      const buffer = buffers.get(field);
      if (buffer || value instanceof Parameter) this.#share(field);
      if (buffer) this.registerBuffer(field, buffer, { persistent: saved.has(field) });
    }
  }

  #shareChild(field: string, child: Module, needed: ReadonlySet<Module>): void {
    const modules = child.modules();
    if (modules.every((module) => needed.has(module))) this.#share(field);
    else if (modules.some((module) => needed.has(module))) this.addModule(field, new Part(child, needed));
  }

  #share(field: string): void {
    const whole = this.#whole as unknown as Record<string, unknown>;
    Object.defineProperty(this, field, {
      get: () => whole[field],
      set: (value: unknown) => {
        whole[field] = value;
      },
      enumerable: true,
      configurable: true,
    });
  }

  forward(..._inputs: Tensor[]): unknown {
    throw new ArgumentError(`this ${this.typeName} is a part of a feature extractor; call the extractor`);
  }

  override get typeName(): string {
    return this.#whole.typeName;
  }
}

/** What a hook throws once it has the last result, so that the model does no more than is needed. */
const ENOUGH = Symbol("enough");

/** Computes inner activations of a model; see `createFeatureExtractor`. */
export class FeatureExtractor<N extends string = string> extends Part {
  readonly #model: Module;
  readonly #outputs: readonly Output<N>[];

  constructor(model: Module, outputs: readonly Output<N>[], needed: ReadonlySet<Module>) {
    super(model, needed);
    this.#model = model;
    this.#outputs = outputs;
  }

  /** The model's input gives a record of its activations, in the order in which they are computed. */
  override forward(x: Tensor): Record<N, Tensor> {
    const found = new Map<N, Tensor>();
    const hooks = [...new Set(this.#outputs.map(({ path }) => path))].map((path) => this.#watch(path, found));
    try {
      (this.#model as Layer).forward(x);
    } catch (error) {
      if (error !== ENOUGH) throw error;
    } finally {
      for (const hook of hooks) hook.remove();
    }
    const missing = this.#outputs.find(({ name }) => !found.has(name));
    if (missing)
      throw new ArgumentError(
        `${this.#model.typeName} did not compute "${missing.node}" in this call; make the extractor again, ` +
          "as after a change of the model's layers",
      );
    return Object.fromEntries(found) as Record<N, Tensor>;
  }

  #watch(path: string, found: Map<N, Tensor>): HookHandle {
    const outputs = this.#outputs.filter((output) => output.path === path);
    let index = 0;
    return (this.#model.getSubmodule(path) as Layer).registerForwardHook((_module, _inputs, result) => {
      for (const output of outputs) if (output.index === index) found.set(output.name, result);
      index++;
      if (found.size === this.#outputs.length) throw ENOUGH;
    });
  }

  override get typeName(): string {
    return "FeatureExtractor";
  }
}
