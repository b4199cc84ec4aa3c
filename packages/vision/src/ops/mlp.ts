/** The multi-layer perceptron, as torchvision.ops.MLP. */

import { Dropout, Linear, ReLU, Sequential } from "@kindling/nn";
import type { ActivationLayer, NormLayer } from "./conv-norm-activation.js";

export interface MLPOptions {
  /** Normalises what each hidden map gives. Default none. */
  readonly normLayer?: NormLayer | null;
  /** Default ReLU. */
  readonly activationLayer?: ActivationLayer;
  /** Whether activations and dropout are told to work in place. Default true. */
  readonly inplace?: boolean;
  /** Whether the linear maps have one. Default true. */
  readonly bias?: boolean;
  /** Probability, after every map. Default 0. */
  readonly dropout?: number;
}

/** Linear maps, with normalisation and activation between them and dropout after each. [..., in] → [..., last width] */
export class MLP extends Sequential {
  /** @param widths of the hidden layers and of the output */
  constructor(inChannels: number, widths: readonly number[], options: MLPOptions = {}) {
    super();
    const { normLayer, activationLayer = (o) => new ReLU(o), inplace = true, bias = true, dropout = 0 } = options;
    widths.forEach((width, i) => {
      this.append(new Linear(widths[i - 1] ?? inChannels, width, { bias }));
      if (i < widths.length - 1) {
        if (normLayer) this.append(normLayer(width));
        this.append(activationLayer({ inplace }));
      }
      this.append(new Dropout({ p: dropout, inplace }));
    });
  }
}
