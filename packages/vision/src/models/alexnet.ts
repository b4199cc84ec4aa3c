/**
 * AlexNet, in the form with one column of layers (Krizhevsky 2014, "One weird trick for parallelizing convolutional
 * neural networks"), with torchvision's names.
 */

import type { Tensor } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  Conv2d,
  Dropout,
  type Layer,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from "@kindling/nn";
import { builder } from "./builder.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

export interface AlexNetOptions extends ClassifierOptions {
  /** Probability before each of the two hidden layers of the classifier. Default 0.5. */
  readonly dropout?: number;
}

const OPTIONS = ["numClasses", "dropout"] as const satisfies (keyof AlexNetOptions)[];

export class AlexNet extends Module implements Layer {
  features: Sequential;
  avgpool: Layer;
  classifier: Sequential;

  constructor(options: AlexNetOptions = {}) {
    super();
    checkOptions("AlexNet", options, OPTIONS);
    const { numClasses = 1000, dropout = 0.5 } = options;
    const relu = (): ReLU => new ReLU({ inplace: true });
    const halve = (): MaxPool2d => new MaxPool2d(3, { stride: 2 });
    this.features = new Sequential(
      new Conv2d(3, 64, 11, { stride: 4, padding: 2 }),
      relu(),
      halve(),
      new Conv2d(64, 192, 5, { padding: 2 }),
      relu(),
      halve(),
      new Conv2d(192, 384, 3, { padding: 1 }),
      relu(),
      new Conv2d(384, 256, 3, { padding: 1 }),
      relu(),
      new Conv2d(256, 256, 3, { padding: 1 }),
      relu(),
      halve(),
    );
    this.avgpool = new AdaptiveAvgPool2d([6, 6]);
    this.classifier = new Sequential(
      new Dropout({ p: dropout }),
      new Linear(256 * 6 * 6, 4096),
      relu(),
      new Dropout({ p: dropout }),
      new Linear(4096, 4096),
      relu(),
      new Linear(4096, numClasses),
    );
  }

  /** x: [N, 3, H, W], 63 pixels or more a side, gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    return this.classifier.call(this.avgpool.call(this.features.call(x)).flatten(1));
  }
}

export const alexnet = builder("alexnet", (options: AlexNetOptions) => new AlexNet(options));
