/**
 * DenseNet-BC (Huang et al. 2016), with torchvision's names: in a dense block every layer sees the concatenated features
 * of all before it.
 */

import { cat, type Tensor } from "@kindling/core";
import {
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  functional,
  init,
  type Layer,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from "@kindling/nn";
import { builder } from "./builder.js";
import { renameEntry } from "./older-names.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** What the layers of all dense blocks share. */
interface LayerOptions {
  /** Features that a layer adds: k in the paper. */
  readonly growthRate: number;
  readonly bnSize: number;
  readonly dropRate: number;
}

/** Batch norm, ReLU and 1×1 convolution, then the same with a 3×3 convolution. [N, C, H, W] → [N, growthRate, H, W]. */
class DenseLayer extends Module implements Layer {
  norm1: Layer;
  relu1: Layer;
  conv1: Layer;
  norm2: Layer;
  relu2: Layer;
  conv2: Layer;
  dropRate: number;

  constructor(inputs: number, { growthRate, bnSize, dropRate }: LayerOptions) {
    super();
    const width = bnSize * growthRate;
    this.norm1 = new BatchNorm2d(inputs);
    this.relu1 = new ReLU({ inplace: true });
    this.conv1 = new Conv2d(inputs, width, 1, { bias: false });
    this.norm2 = new BatchNorm2d(width);
    this.relu2 = new ReLU({ inplace: true });
    this.conv2 = new Conv2d(width, growthRate, 3, { padding: 1, bias: false });
    this.dropRate = dropRate;
  }

  forward(x: Tensor): Tensor {
    const narrow = this.conv1.call(this.relu1.call(this.norm1.call(x)));
    const added = this.conv2.call(this.relu2.call(this.norm2.call(narrow)));
    return functional.dropout(added, { p: this.dropRate, training: this.training });
  }

  /** Files from before torch forbade dots in names, as the published ones are, have `norm.1.weight` for `norm1.weight`. */
  override adaptStateDict(stateDict: Map<string, Tensor>, prefix: string): void {
    for (const layer of ["norm1", "conv1", "norm2", "conv2"])
      for (const entry of ["weight", "bias", "running_mean", "running_var"]) {
        const dotted = layer.replace(/\d/, ".$&");
        renameEntry(stateDict, `${prefix}${dotted}.${entry}`, `${prefix}${layer}.${entry}`);
      }
  }

  override get typeName(): string {
    return "_DenseLayer";
  }
}

/** Layers after each other, whose input and outputs all pass on. [N, C, H, W] → [N, C + layers·growthRate, H, W]. */
class DenseBlock extends Module implements Layer {
  constructor(layers: number, inputs: number, options: LayerOptions) {
    super();
    for (let i = 0; i < layers; i++)
      this.addModule(`denselayer${i + 1}`, new DenseLayer(inputs + i * options.growthRate, options));
  }

  forward(x: Tensor): Tensor {
    let features = x;
    for (const layer of this.children() as DenseLayer[]) features = cat([features, layer.call(features)], 1);
    return features;
  }

  /** Version 1 had names with dots in its layers. */
  override get stateVersion(): number {
    return 2;
  }

  override get typeName(): string {
    return "_DenseBlock";
  }
}

/** Fewer channels, and half the image. */
class Transition extends Sequential {
  constructor(inputs: number, outputs: number) {
    super([
      ["norm", new BatchNorm2d(inputs)],
      ["relu", new ReLU({ inplace: true })],
      ["conv", new Conv2d(inputs, outputs, 1, { bias: false })],
      ["pool", new AvgPool2d(2, { stride: 2 })],
    ]);
  }

  override get typeName(): string {
    return "_Transition";
  }
}

export interface DenseNetOptions extends ClassifierOptions {
  /** Width of a layer's bottleneck, in multiples of the growth rate. Default 4. */
  readonly bnSize?: number;
  /** Probability of dropout after each layer. Default 0. */
  readonly dropRate?: number;
  /**
   * Accepted because torchvision has it, where the bottlenecks' inputs are then computed twice instead of kept. Here it
   * changes nothing: what `backward` keeps is the scheduler's choice. Default false.
   */
  readonly memoryEfficient?: boolean;
}

const OPTIONS = ["numClasses", "bnSize", "dropRate", "memoryEfficient"] as const satisfies (keyof DenseNetOptions)[];

export class DenseNet extends Module implements Layer {
  features: Sequential;
  classifier: Layer;

  /**
   * @param growthRate features that each layer adds: k in the paper
   * @param blockConfig layers in each dense block
   * @param numInitFeatures channels of the first convolution
   */
  constructor(
    growthRate = 32,
    blockConfig: readonly number[] = [6, 12, 24, 16],
    numInitFeatures = 64,
    options: DenseNetOptions = {},
  ) {
    super();
    checkOptions("DenseNet", options, OPTIONS);
    const { numClasses = 1000, bnSize = 4, dropRate = 0 } = options;
    this.features = new Sequential([
      ["conv0", new Conv2d(3, numInitFeatures, 7, { stride: 2, padding: 3, bias: false })],
      ["norm0", new BatchNorm2d(numInitFeatures)],
      ["relu0", new ReLU({ inplace: true })],
      ["pool0", new MaxPool2d(3, { stride: 2, padding: 1 })],
    ]);
    let channels = numInitFeatures;
    blockConfig.forEach((layers, i) => {
      this.features.addModule(`denseblock${i + 1}`, new DenseBlock(layers, channels, { growthRate, bnSize, dropRate }));
      channels += layers * growthRate;
      if (i === blockConfig.length - 1) return;
      const halved = Math.floor(channels / 2);
      this.features.addModule(`transition${i + 1}`, new Transition(channels, halved));
      channels = halved;
    });
    this.features.addModule("norm5", new BatchNorm2d(channels));
    this.classifier = new Linear(channels, numClasses);
    this.#initialize();
  }

  #initialize(): void {
    for (const m of this.modules()) {
      if (m instanceof Conv2d) init.kaimingNormal_(m.weight);
      else if (m instanceof Linear && m.bias) init.zeros_(m.bias);
    }
  }

  /** x: [N, 3, H, W], 29 pixels or more a side, gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    const features = functional.relu(this.features.call(x));
    return this.classifier.call(functional.adaptiveAvgPool2d(features, 1).flatten(1));
  }
}

export const densenet121 = builder(
  "densenet121",
  (options: DenseNetOptions) => new DenseNet(32, [6, 12, 24, 16], 64, options),
);
export const densenet161 = builder(
  "densenet161",
  (options: DenseNetOptions) => new DenseNet(48, [6, 12, 36, 24], 96, options),
);
export const densenet169 = builder(
  "densenet169",
  (options: DenseNetOptions) => new DenseNet(32, [6, 12, 32, 32], 64, options),
);
export const densenet201 = builder(
  "densenet201",
  (options: DenseNetOptions) => new DenseNet(32, [6, 12, 48, 32], 64, options),
);
