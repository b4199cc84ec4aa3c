/**
 * Parameters in groups by depth, for layers that learn the slower the nearer they are to the input: discriminative
 * learning rates (Howard & Ruder 2018), or the layer-wise decay that BEiT (Bao et al. 2021) and ConvNeXt fine-tune with.
 */

import { ArgumentError } from "@kindling/core";
import { BatchNorm2d, GroupNorm, LayerNorm, type Module, Parameter } from "@kindling/nn";
import type { ParameterPredicate } from "./freeze.js";
import { HEAD_FIELDS, isAuxiliary } from "./head.js";
import { checkOptions } from "./options.js";

/** Fields in which torchvision's models keep their trunk. Each child in them is a depth of its own. */
const TRUNK_FIELDS = ["features", "layers", "encoder", "trunk_output", "blocks"] as const;

const CONTAINERS: ReadonlySet<string> = new Set([...TRUNK_FIELDS, ...HEAD_FIELDS]);

/** Parameters that are no weights of a layer, and that transformers and ConvNeXt are trained without decay of. */
const UNDECAYED: ReadonlySet<string> = new Set([
  "class_token",
  "pos_embedding",
  "relative_position_bias_table",
  "layer_scale",
]);

export interface DepthGroupOptions {
  /** Learning rate of the last layer. */
  readonly lr: number;
  /** What a depth's rate is multiplied by for the depth before it, in (0, 1]. Default 1 / 2.6, as Howard & Ruder. */
  readonly decay?: number;
  /** Weight decay of all groups. Default: that of the optimizer. */
  readonly weightDecay?: number;
  /**
   * Parameters whose weight decay is 0, by name; `true` for biases, normalisation, and what is no layer's weight (class
   * token, position embeddings and biases, layer scale). Default false.
   */
  readonly noDecay?: boolean | ParameterPredicate;
}

const OPTIONS = ["lr", "decay", "weightDecay", "noDecay"] as const satisfies (keyof DepthGroupOptions)[];

/** Options of an optimizer for some parameters of one depth. */
export interface DepthGroup {
  /** Path of the depth's first layer: `layer3`, `features.4`. */
  readonly name: string;
  readonly params: Parameter[];
  readonly lr: number;
  readonly weightDecay?: number;
}

/**
 * Groups of a classifier's trainable parameters from its stem to its head, for an optimizer: each parameter once, with
 * a learning rate that falls by `decay` a depth towards the input. A depth is a stage of a staged network (`layer3`), a
 * block of an unstaged one (`encoder.layers.encoder_layer_3`), or a layer of the classifier. A normalisation belongs
 * to the layer before it, or, where it stands apart from the trunk, to the one behind; auxiliary heads belong to the head.
 * @throws ArgumentError if an option is unknown or out of its range, or if every parameter is frozen
 */
export function parameterGroupsByDepth(model: Module, options: DepthGroupOptions): DepthGroup[] {
  checkOptions("parameterGroupsByDepth", options, OPTIONS);
  const { lr, decay = 1 / 2.6, weightDecay, noDecay = false } = options;
  if (!(lr >= 0 && Number.isFinite(lr)))
    throw new ArgumentError(`parameterGroupsByDepth: lr is ${lr}; expected 0 or more, the head's learning rate`);
  if (!(decay > 0 && decay <= 1))
    throw new ArgumentError(`parameterGroupsByDepth: decay is ${decay}; expected a factor above 0 and up to 1`);
  const undecayed = noDecay === true ? isUndecayed : noDecay || (() => false);
  const depths = new DepthWalk(model).depths;
  const groups = depths.flatMap(({ name, params }, i) => {
    const trainable = params.filter(([, parameter]) => parameter.requiresGrad);
    const rate = lr * decay ** (depths.length - 1 - i);
    const plain = trainable.filter(([path, parameter]) => !undecayed(path, parameter));
    const exempt = trainable.filter(([path, parameter]) => undecayed(path, parameter));
    return [
      { name, params: values(plain), lr: rate, ...(weightDecay === undefined ? {} : { weightDecay }) },
      { name, params: values(exempt), lr: rate, weightDecay: 0 },
    ].filter((group) => group.params.length > 0);
  });
  if (groups.length === 0)
    throw new ArgumentError(
      `parameterGroupsByDepth: no parameter of the ${model.typeName} is trainable; if they are frozen, unfreeze some, ` +
        'as in unfreeze(model, "head")',
    );
  return groups;
}

const isUndecayed: ParameterPredicate = (name, parameter) =>
  parameter.ndim <= 1 || UNDECAYED.has(name.slice(name.lastIndexOf(".") + 1));

type Named = readonly [path: string, parameter: Parameter];

const values = (named: readonly Named[]): Parameter[] => named.map(([, parameter]) => parameter);

interface Depth {
  readonly name: string;
  /** What the layer stands in. */
  readonly container: Module;
  readonly params: Named[];
}

/** Walks a classifier from its input to its output. */
class DepthWalk {
  readonly depths: Depth[] = [];
  readonly #seen = new Set<Parameter>();
  /** Parameters that wait for the layer behind them. */
  #waiting: Named[] = [];
  readonly #auxiliary: Named[] = [];

  constructor(model: Module) {
    this.#enter(model, "");
    this.depths.at(-1)?.params.push(...this.#waiting, ...this.#auxiliary);
  }

  #enter(container: Module, prefix: string): void {
    for (const [field, value] of Object.entries(container))
      if (value instanceof Parameter) this.#join(this.#unseen([[prefix + field, value]]), this.depths.at(-1));
    for (const [field, child] of container.namedChildren()) {
      const path = prefix + field;
      if (CONTAINERS.has(field) && child.children().length > 0) this.#enter(child, `${path}.`);
      else this.#pass(path, field, child, container);
    }
  }

  #pass(path: string, field: string, layer: Module, container: Module): void {
    const own = layer.namedParameters().map(([name, parameter]): Named => [`${path}.${name}`, parameter]);
    const params = this.#unseen(own);
    if (params.length === 0) return;
    if (isAuxiliary(field)) this.#auxiliary.push(...params);
    else if (isNorm(layer)) this.#join(params, this.depths.at(-1), container);
    else {
      this.depths.push({ name: path, container, params: [...this.#waiting, ...params] });
      this.#waiting = [];
    }
  }

  /** Adds parameters to a depth, of a certain container if one is given; else they wait for the next. */
  #join(params: readonly Named[], depth: Depth | undefined, container = depth?.container): void {
    if (depth && depth.container === container) depth.params.push(...params);
    else this.#waiting.push(...params);
  }

  /** What no layer had before. */
  #unseen(params: readonly Named[]): Named[] {
    const fresh = params.filter(([, parameter]) => !this.#seen.has(parameter));
    for (const [, parameter] of fresh) this.#seen.add(parameter);
    return fresh;
  }
}

const isNorm = (layer: Module): boolean =>
  layer instanceof BatchNorm2d || layer instanceof GroupNorm || layer instanceof LayerNorm;
