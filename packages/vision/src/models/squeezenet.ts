/** SqueezeNet (Iandola et al. 2016), with torchvision's names. Version 1.1 has 2.4 times fewer multiplications. */

import { ArgumentError, cat, type Tensor } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  Conv2d,
  Dropout,
  init,
  type Layer,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from "@kindling/nn";
import { builder } from "./builder.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** Squeezes to few channels, then expands by 1×1 and 3×3 convolutions whose outputs stand side by side. */
class Fire extends Module implements Layer {
  squeeze: Layer;
  squeeze_activation: Layer;
  expand1x1: Layer;
  expand1x1_activation: Layer;
  expand3x3: Layer;
  expand3x3_activation: Layer;

  /** @param expanded channels that each of the two kinds of convolution makes */
  constructor(inputs: number, squeezed: number, expanded: number) {
    super();
    this.squeeze = new Conv2d(inputs, squeezed, 1);
    this.squeeze_activation = new ReLU({ inplace: true });
    this.expand1x1 = new Conv2d(squeezed, expanded, 1);
    this.expand1x1_activation = new ReLU({ inplace: true });
    this.expand3x3 = new Conv2d(squeezed, expanded, 3, { padding: 1 });
    this.expand3x3_activation = new ReLU({ inplace: true });
  }

  forward(x: Tensor): Tensor {
    const squeezed = this.squeeze_activation.call(this.squeeze.call(x));
    return cat(
      [
        this.expand1x1_activation.call(this.expand1x1.call(squeezed)),
        this.expand3x3_activation.call(this.expand3x3.call(squeezed)),
      ],
      1,
    );
  }
}

/** A line of Table 1 of the paper, "M" where the image is halved, or a Fire module. */
type Row = "M" | readonly [squeezed: number, expanded: number];

interface Version {
  /** Channels and kernel of the first convolution. */
  readonly stem: readonly [channels: number, kernel: number];
  readonly rows: readonly Row[];
}

const VERSIONS = {
  "1_0": {
    stem: [96, 7],
    rows: ["M", [16, 64], [16, 64], [32, 128], "M", [32, 128], [48, 192], [48, 192], [64, 256], "M", [64, 256]],
  },
  "1_1": {
    stem: [64, 3],
    rows: ["M", [16, 64], [16, 64], "M", [32, 128], [32, 128], "M", [48, 192], [48, 192], [64, 256], [64, 256]],
  },
} as const satisfies Record<string, Version>;

export type SqueezeNetVersion = keyof typeof VERSIONS;

export interface SqueezeNetOptions extends ClassifierOptions {
  /** Probability before the last convolution. Default 0.5. */
  readonly dropout?: number;
}

const OPTIONS = ["numClasses", "dropout"] as const satisfies (keyof SqueezeNetOptions)[];

export class SqueezeNet extends Module implements Layer {
  features: Sequential;
  classifier: Sequential;

  constructor(version: SqueezeNetVersion = "1_0", options: SqueezeNetOptions = {}) {
    super();
    checkOptions("SqueezeNet", options, OPTIONS);
    if (!Object.hasOwn(VERSIONS, version))
      throw new ArgumentError(
        `SqueezeNet: there is no version ${version}; it is ${Object.keys(VERSIONS).join(" or ")}`,
      );
    const { numClasses = 1000, dropout = 0.5 } = options;
    this.features = makeFeatures(VERSIONS[version]);
    const last = new Conv2d(512, numClasses, 1);
    this.classifier = new Sequential(
      new Dropout({ p: dropout }),
      last,
      new ReLU({ inplace: true }),
      new AdaptiveAvgPool2d([1, 1]),
    );
    for (const m of this.modules()) {
      if (!(m instanceof Conv2d)) continue;
      if (m === last) init.normal_(m.weight, 0, 0.01);
      else init.kaimingUniform_(m.weight);
      if (m.bias) init.zeros_(m.bias);
    }
  }

  /** x: [N, 3, H, W], 21 pixels or more a side (17 in version 1.1), gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    return this.classifier.call(this.features.call(x)).flatten(1);
  }
}

function makeFeatures({ stem: [channels, kernel], rows }: Version): Sequential {
  const features = new Sequential(new Conv2d(3, channels, kernel, { stride: 2 }), new ReLU({ inplace: true }));
  let inputs = channels;
  for (const row of rows) {
    if (row === "M") features.append(new MaxPool2d(3, { stride: 2, ceilMode: true }));
    else {
      const [squeezed, expanded] = row;
      features.append(new Fire(inputs, squeezed, expanded));
      inputs = 2 * expanded;
    }
  }
  return features;
}

export const squeezenet1_0 = builder("squeezenet1_0", (options: SqueezeNetOptions) => new SqueezeNet("1_0", options));
export const squeezenet1_1 = builder("squeezenet1_1", (options: SqueezeNetOptions) => new SqueezeNet("1_1", options));
