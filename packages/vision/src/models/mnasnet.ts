/**
 * MnasNet-B1 (Tan et al. 2018), the network that a search found for phones, with torchvision's names. The number in a
 * builder's name is the factor of the channel counts.
 */

import { ArgumentError, type Tensor } from "@kindling/core";
import {
  BatchNorm2d,
  Conv2d,
  Dropout,
  init,
  type Layer,
  Linear,
  Module,
  type Parameter,
  ReLU,
  Sequential,
} from "@kindling/nn";
import { builder, type ModelBuilder } from "./builder.js";
import { makeDivisible } from "./channels.js";
import { heFanOut, initialize } from "./initialize.js";
import { type ClassifierOptions, checkOptions } from "./options.js";
import { depthwise, pointwise } from "./separable.js";

/** A stack of the network: channels, kernel, stride of the first block, expansion, repeats. */
type Row = readonly [out: number, k: number, s: number, exp: number, n: number];

const STACKS: readonly Row[] = [
  [24, 3, 2, 3, 3],
  [40, 5, 2, 3, 3],
  [80, 5, 2, 6, 3],
  [96, 3, 1, 6, 2],
  [192, 5, 2, 6, 4],
  [320, 3, 1, 6, 1],
];

/** Channels of the first convolution, and of the separable one after it. */
const STEM = [32, 16] as const;
const LAST = 1280;

/** The paper's 0.9997, which TensorFlow counts from the other end. */
const MOMENTUM = 1 - 0.9997;

const scaled = (channels: number, alpha: number): number => makeDivisible(channels * alpha, 8);

const batchNorm = (channels: number): BatchNorm2d => new BatchNorm2d(channels, { momentum: MOMENTUM });

/** Expand, depthwise, project without an activation; with a shortcut where the shape stays. */
class InvertedResidual extends Module implements Layer {
  layers: Sequential;
  readonly applyResidual: boolean;

  constructor(inputs: number, outputs: number, kernel: number, stride: number, expansion: number) {
    super();
    const expanded = inputs * expansion;
    this.applyResidual = inputs === outputs && stride === 1;
    this.layers = new Sequential(
      pointwise(inputs, expanded),
      batchNorm(expanded),
      new ReLU({ inplace: true }),
      depthwise(expanded, kernel, stride),
      batchNorm(expanded),
      new ReLU({ inplace: true }),
      pointwise(expanded, outputs),
      batchNorm(outputs),
    );
  }

  forward(x: Tensor): Tensor {
    const y = this.layers.call(x);
    return this.applyResidual ? y.add(x) : y;
  }

  override get typeName(): string {
    return "_InvertedResidual";
  }
}

export interface MNASNetOptions extends ClassifierOptions {
  /** Probability before the classifier. Default 0.2. */
  readonly dropout?: number;
}

const OPTIONS = ["numClasses", "dropout"] as const satisfies (keyof MNASNetOptions)[];

export class MNASNet extends Module implements Layer {
  layers: Sequential;
  classifier: Sequential;
  #version = 2;

  /** @param alpha factor of the channel counts, above 0 */
  constructor(
    readonly alpha: number,
    options: MNASNetOptions = {},
  ) {
    super();
    checkOptions("MNASNet", options, OPTIONS);
    if (!(alpha > 0)) throw new ArgumentError(`MNASNet: alpha is ${alpha}; it is above 0`);
    const { numClasses = 1000, dropout = 0.2 } = options;
    let inputs = scaled(STEM[1], alpha);
    this.layers = new Sequential(...stem(scaled(STEM[0], alpha), inputs));
    for (const row of STACKS) {
      const outputs = scaled(row[0], alpha);
      this.layers.append(stack(inputs, outputs, row));
      inputs = outputs;
    }
    this.layers
      .append(pointwise(inputs, LAST))
      .append(batchNorm(LAST))
      .append(new ReLU({ inplace: true }));
    this.classifier = new Sequential(new Dropout({ p: dropout, inplace: true }), new Linear(LAST, numClasses));
    const linear = (weight: Parameter): void =>
      void init.kaimingUniform_(weight, { mode: "fan_out", nonlinearity: "sigmoid" });
    initialize(this, { conv: heFanOut, linear });
  }

  /** x: [N, 3, H, W] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    return this.classifier.call(this.layers.call(x).mean([2, 3]));
  }

  /** In version 1 the stem had 32 and 16 channels whatever alpha was. */
  override get stateVersion(): number {
    return this.#version;
  }

  /** A file of version 1 makes the model one of version 1. */
  override adaptStateDict(stateDict: Map<string, Tensor>, prefix: string, version?: number): void {
    const channels = stateDict.get(`${prefix}layers.0.weight`)?.shape[0];
    if (version !== 1 || this.alpha === 1 || this.#version === 1 || channels !== STEM[0]) return;
    const [row] = STACKS;
    const old = [...stem(...STEM), stack(STEM[1], scaled(row[0], this.alpha), row)];
    for (const [i, layer] of old.entries()) this.layers[i] = layer.train(this.training);
    this.#version = 1;
  }
}

/** A convolution and a depthwise separable one. */
function stem(channels: number, outputs: number): Layer[] {
  return [
    new Conv2d(3, channels, 3, { stride: 2, padding: 1, bias: false }),
    batchNorm(channels),
    new ReLU({ inplace: true }),
    depthwise(channels, 3, 1),
    batchNorm(channels),
    new ReLU({ inplace: true }),
    pointwise(channels, outputs),
    batchNorm(outputs),
  ];
}

function stack(inputs: number, outputs: number, [, kernel, stride, expansion, repeats]: Row): Sequential {
  const blocks = new Sequential(new InvertedResidual(inputs, outputs, kernel, stride, expansion));
  for (let i = 1; i < repeats; i++) blocks.append(new InvertedResidual(outputs, outputs, kernel, 1, expansion));
  return blocks;
}

/* @__NO_SIDE_EFFECTS__ */
function mnasnet(name: string, alpha: number): ModelBuilder<MNASNet, MNASNetOptions> {
  return builder(name, (options: MNASNetOptions) => new MNASNet(alpha, options));
}

export const mnasnet0_5 = mnasnet("mnasnet0_5", 0.5);
export const mnasnet0_75 = mnasnet("mnasnet0_75", 0.75);
export const mnasnet1_0 = mnasnet("mnasnet1_0", 1);
export const mnasnet1_3 = mnasnet("mnasnet1_3", 1.3);
