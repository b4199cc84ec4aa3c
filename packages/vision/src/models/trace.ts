/**
 * What a model calls and in which order, found by running it without computing anything: `forward` builds the lazy
 * graph, and nobody asks for a value of it. Hooks would have the engine keep what they see, so a trace stands in front
 * of every `forward` instead, and takes itself away again.
 */

import { noGrad, scoped, Tensor, zeros } from "@kindling/core";
import type { Layer, Module } from "@kindling/nn";

/** One call of a module of the model. */
export interface Call {
  readonly module: Module;
  /** Where the module is in the model; "" is the model itself. */
  readonly path: string;
  /** The path, with `_1`, `_2` … behind it from the module's second call on. */
  readonly name: string;
  /** How often the module was called before. */
  readonly index: number;
  /** The call that made this one; null for the model's own. */
  readonly caller: Call | null;
  /** Times by a clock that ticks when a call begins and when one ends. */
  readonly begin: number;
  readonly end: number;
  readonly output: unknown;
}

/** Is told of calls as they happen. A call that is about to begin is named by the one that makes it. */
export interface TraceObserver {
  /** A module was given `inputs` by `caller`. */
  begin?(inputs: readonly unknown[], caller: Call | null): void;
  end?(call: Call): void;
}

/**
 * Runs a model in evaluation mode on an input of zeros, without gradients, and computes nothing. Hooks that stand on
 * its modules are called as ever.
 * @returns all calls in the order in which they began
 * @throws ShapeError if the model does not take the shape
 */
export function traceCalls(model: Module, inputShape: readonly number[], observer: TraceObserver = {}): Call[] {
  const recorder = new Recorder(model, observer);
  const modes = model.modules().map((module) => [module, module.training] as const);
  const restores = model.namedModules().map(([path, module]) => recorder.intercept(path, module));
  try {
    model.eval();
    // Nothing leaves the scope, so the engine remembers nothing of it.
    scoped(() => noGrad(() => void (model as Layer).call(zeros(inputShape))));
  } finally {
    for (const restore of restores) restore();
    for (const [module, training] of modes) module.training = training;
  }
  return recorder.calls;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Recorder {
  readonly calls: Call[] = [];
  readonly #observer: TraceObserver;
  readonly #names: Set<string>;
  readonly #counts = new Map<Module, number>();
  #caller: Call | null = null;
  #clock = 0;

  constructor(model: Module, observer: TraceObserver) {
    this.#observer = observer;
    this.#names = new Set(model.namedModules().map(([path]) => path));
  }

  /** Records the calls of a module until the returned function is called. */
  intercept(path: string, module: Module): () => void {
    const own = Object.getOwnPropertyDescriptor(module, "forward");
    const { forward } = module;
    const value = (...inputs: unknown[]): unknown =>
      this.#record(path, module, inputs, () => Reflect.apply(forward, module, inputs));
    Object.defineProperty(module, "forward", { value, configurable: true, enumerable: false });
    return () => {
      Reflect.deleteProperty(module, "forward");
      if (own) Object.defineProperty(module, "forward", own);
    };
  }

  #record(path: string, module: Module, inputs: readonly unknown[], run: () => unknown): unknown {
    const caller = this.#caller;
    this.#observer.begin?.(inputs, caller);
    const index = this.#counts.get(module) ?? 0;
    this.#counts.set(module, index + 1);
    const name = index === 0 ? path : this.#unused(path, index);
    const call: Mutable<Call> = { module, path, name, index, caller, begin: this.#clock++, end: 0, output: undefined };
    this.calls.push(call);
    this.#caller = call;
    call.output = run();
    call.end = this.#clock++;
    this.#caller = caller;
    this.#observer.end?.(call);
    return call.output;
  }

  /** A name for a later call that no module and no other call has. */
  #unused(path: string, index: number): string {
    let suffix = index;
    while (this.#names.has(`${path}_${suffix}`)) suffix++;
    const name = `${path}_${suffix}`;
    this.#names.add(name);
    return name;
  }
}

/** The shape of an image that a classifier takes, where nobody says otherwise: the side that it was built for, or 224. */
export function defaultInputShape(model: Module): readonly number[] {
  const side = (model as { imageSize?: unknown }).imageSize;
  return typeof side === "number" ? [1, 3, side, side] : [1, 3, 224, 224];
}

/** The tensors of a value: itself, or those in a list or a plain object. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (value && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype)
    return Object.values(value).flatMap(tensorsIn);
  return [];
}

type Node = Tensor["node"];

/** The nodes of the lazy graph that the tensors of a value are computed from, but for those in `seen`, which it fills. */
export function* graphOf(value: unknown, seen: Set<Node>): Generator<Node> {
  const stack = tensorsIn(value).map((t) => t.node);
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    yield node;
    stack.push(...node.inputs);
  }
}
