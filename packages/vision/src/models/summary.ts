/**
 * What a model is made of and what it costs: layers, shapes, parameters, multiply-adds and memory, as torchinfo shows
 * them. Shapes and multiply-adds are read off the lazy graph of one forward, of which nothing is computed.
 */

import { dtypeInfo, type Tensor } from "@kindling/core";
import type { Module } from "@kindling/nn";
import { checkOptions } from "./options.js";
import { formatSummary } from "./summary-table.js";
import { WorkCounter } from "./summary-work.js";
import { type Call, type TraceObserver, tensorsIn, traceCalls } from "./trace.js";

export interface SummaryOptions {
  /** Levels of layers below the model that the text shows. Default 3. */
  readonly depth?: number;
}

/** One call of a layer, or a layer that evaluation mode does not call. Its numbers include those of the layers in it. */
export interface LayerSummary {
  /** Its place in the model, as in state-dict keys; "" is the model itself. */
  readonly path: string;
  /** The path from the layer that calls it. */
  readonly name: string;
  /** Its class: `Conv2d`. */
  readonly type: string;
  /** How many calls it is in; the model's own has depth 0. */
  readonly depth: number;
  /** Shape of the (first) tensor that it gives; null where it is not called, or gives none. */
  readonly outputShape: readonly number[] | null;
  /** Whether an earlier row is of the same layer, whose parameters are then counted there. */
  readonly repeated: boolean;
  readonly params: number;
  readonly trainableParams: number;
  /** Of its matrix products and convolutions. */
  readonly multiplyAdds: number;
}

/**
 * A summary of a model in evaluation mode. Printing it gives the table.
 * @param inputShape of the input, batch included: [1, 3, 224, 224]
 * @throws ShapeError if the model does not take the shape
 * @throws ArgumentError for an unknown option
 */
export function summary(model: Module, inputShape: readonly number[], options: SummaryOptions = {}): Summary {
  checkOptions("summary", options, ["depth"]);
  return new Summary(model, inputShape, options.depth ?? 3);
}

export class Summary {
  /** Layers in the order in which they are called, each before those in it. */
  readonly layers: readonly LayerSummary[];
  readonly inputShape: readonly number[];
  /** Numbers that the model learned or may learn; a parameter that two layers share counts once. */
  readonly totalParams: number;
  readonly trainableParams: number;
  readonly multiplyAdds: number;
  readonly inputBytes: number;
  /**
   * An estimate of what training holds: outputs of all layers with parameters, and as much for their gradients. A plan
   * of ours needs less where it fuses layers; evaluation needs far less.
   */
  readonly forwardBackwardBytes: number;
  readonly paramBytes: number;
  readonly #depth: number;

  constructor(model: Module, inputShape: readonly number[], depth: number) {
    const work = new WorkMeter(model);
    const calls = traceCalls(model, inputShape, work);
    const params = model.parameters();
    this.layers = new Rows(calls, work).list;
    this.inputShape = [...inputShape];
    this.totalParams = elements(params);
    this.trainableParams = elements(params.filter((p) => p.requiresGrad));
    this.multiplyAdds = work.of(calls[0]);
    this.inputBytes = inputShape.reduce((n, size) => n * size, dtypeInfo("float32").bytes);
    this.forwardBackwardBytes = 2 * bytes(outputsWithParameters(calls));
    this.paramBytes = bytes(params);
    this.#depth = depth;
  }

  /** Input, forward and backward, and parameters. */
  get totalBytes(): number {
    return this.inputBytes + this.forwardBackwardBytes + this.paramBytes;
  }

  toString(): string {
    return formatSummary(this, this.#depth);
  }

  /** What `console.log` prints in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** Credits multiply-adds to the innermost call that does them, and to those around it. */
class WorkMeter implements TraceObserver {
  readonly #counter: WorkCounter;
  readonly #work = new Map<Call | null, number>();

  constructor(model: Module) {
    this.#counter = new WorkCounter([...model.parameters(), ...model.buffers()]);
  }

  /** What a call is given was made by its caller. */
  begin(inputs: readonly unknown[], caller: Call | null): void {
    this.#credit(caller, this.#counter.count(inputs));
  }

  end(call: Call): void {
    this.#credit(call, this.#counter.count(call.output));
  }

  #credit(to: Call | null, work: number): void {
    for (let call = to; call; call = call.caller) this.#work.set(call, this.of(call) + work);
  }

  of(call: Call): number {
    return this.#work.get(call) ?? 0;
  }
}

/** Makes the rows of a traced model. */
class Rows {
  readonly list: LayerSummary[] = [];
  readonly #work: WorkMeter;
  readonly #made = new Map<Call | null, Call[]>();
  readonly #called: ReadonlySet<Module>;
  readonly #seen = new Set<Module>();

  constructor(calls: readonly Call[], work: WorkMeter) {
    this.#work = work;
    this.#called = new Set(calls.map(({ module }) => module));
    for (const call of calls) this.#made.set(call.caller, [...this.#callsOf(call.caller), call]);
    for (const call of this.#callsOf(null)) this.#addCall(call, 0);
  }

  #callsOf(caller: Call | null): readonly Call[] {
    return this.#made.get(caller) ?? [];
  }

  #addCall(call: Call, depth: number): void {
    const again = this.#seen.has(call.module);
    this.#add(call.path, call.module, depth, call);
    const inner = this.#callsOf(call);
    for (const each of inner) this.#addCall(each, depth + 1);
    // A layer that calls none of its layers, as attention does with its projection, uses their parameters itself.
    if (inner.length > 0 && !again) this.#addIdle(call.path, call.module, depth + 1);
  }

  /** Layers of a module that are not called, nor anything in them. */
  #addIdle(path: string, module: Module, depth: number): void {
    for (const [field, child] of module.namedChildren()) {
      const at = path === "" ? field : `${path}.${field}`;
      if (this.#called.has(child)) continue;
      if (child.modules().some((inner) => this.#called.has(inner))) this.#addIdle(at, child, depth);
      else this.#add(at, child, depth);
    }
  }

  #add(path: string, module: Module, depth: number, call?: Call): void {
    const params = module.parameters();
    const around = call?.caller?.path;
    this.list.push({
      path,
      name: around && path.startsWith(`${around}.`) ? path.slice(around.length + 1) : path,
      type: module.typeName,
      depth,
      outputShape: tensorsIn(call?.output)[0]?.shape ?? null,
      repeated: this.#seen.has(module),
      params: elements(params),
      trainableParams: elements(params.filter((p) => p.requiresGrad)),
      multiplyAdds: call ? this.#work.of(call) : 0,
    });
    this.#seen.add(module);
  }
}

/** The outputs of calls that make no calls themselves and have parameters. */
function outputsWithParameters(calls: readonly Call[]): Tensor[] {
  const callers = new Set(calls.map(({ caller }) => caller));
  return calls
    .filter((call) => !callers.has(call) && call.module.parameters().length > 0)
    .flatMap(({ output }) => tensorsIn(output));
}

const elements = (tensors: readonly Tensor[]): number => tensors.reduce((sum, t) => sum + t.numel, 0);

const bytes = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, t) => sum + t.numel * dtypeInfo(t.dtype).bytes, 0);
