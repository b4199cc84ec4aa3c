/** Pooling layers. */

import type { Tensor } from "@kindling/core";
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  type OutputSize,
} from "../functional/adaptive-pool.js";
import type { Sizes } from "../functional/args.js";
import {
  type AvgPoolOptions,
  avgPool1d,
  avgPool2d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
} from "../functional/pool.js";
import { type Layer, Module } from "../module.js";
import { py } from "../python-repr.js";

abstract class MaxPool extends Module implements Layer {
  readonly stride: Sizes;
  readonly padding: Sizes;
  readonly dilation: Sizes;
  readonly ceilMode: boolean;

  constructor(
    readonly kernelSize: Sizes,
    { stride, padding = 0, dilation = 1, ceilMode = false }: MaxPoolOptions = {},
  ) {
    super();
    this.stride = stride ?? kernelSize;
    this.padding = padding;
    this.dilation = dilation;
    this.ceilMode = ceilMode;
  }

  abstract override forward(x: Tensor): Tensor;

  override extraRepr(): string {
    return (
      `kernel_size=${py(this.kernelSize)}, stride=${py(this.stride)}, padding=${py(this.padding)}, ` +
      `dilation=${py(this.dilation)}, ceil_mode=${py(this.ceilMode)}`
    );
  }
}

/** Largest value of each window of [N, C, L]. */
export class MaxPool1d extends MaxPool {
  forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this);
  }
}

/** Largest value of each window of [N, C, H, W]. */
export class MaxPool2d extends MaxPool {
  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this);
  }
}

abstract class AvgPool extends Module implements Layer {
  readonly stride: Sizes;
  readonly padding: Sizes;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(
    readonly kernelSize: Sizes,
    { stride, padding = 0, ceilMode = false, countIncludePad = true }: Omit<AvgPoolOptions, "divisorOverride"> = {},
  ) {
    super();
    this.stride = stride ?? kernelSize;
    this.padding = padding;
    this.ceilMode = ceilMode;
    this.countIncludePad = countIncludePad;
  }

  abstract override forward(x: Tensor): Tensor;
}

/** Average of each window of [N, C, L]. */
export class AvgPool1d extends AvgPool {
  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this);
  }

  override extraRepr(): string {
    const one = (value: Sizes): string => py(typeof value === "number" ? [value] : value);
    return `kernel_size=${one(this.kernelSize)}, stride=${one(this.stride)}, padding=${one(this.padding)}`;
  }
}

/** Average of each window of [N, C, H, W]. */
export class AvgPool2d extends AvgPool {
  readonly divisorOverride: number | null;

  constructor(kernelSize: Sizes, { divisorOverride = null, ...options }: AvgPoolOptions = {}) {
    super(kernelSize, options);
    this.divisorOverride = divisorOverride;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this);
  }

  override extraRepr(): string {
    return `kernel_size=${py(this.kernelSize)}, stride=${py(this.stride)}, padding=${py(this.padding)}`;
  }
}

abstract class AdaptivePool extends Module implements Layer {
  /** @param outputSize one size, or one a dimension; null keeps the input's */
  constructor(readonly outputSize: OutputSize) {
    super();
  }

  abstract override forward(x: Tensor): Tensor;

  override extraRepr(): string {
    return `output_size=${py(this.outputSize)}`;
  }
}

/** Averages of [N, C, L] over as many windows as the output has positions. */
export class AdaptiveAvgPool1d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize);
  }
}

/** Averages of [N, C, H, W] over as many windows as the output has positions. */
export class AdaptiveAvgPool2d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}

/** Maxima of [N, C, L]. */
export class AdaptiveMaxPool1d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool1d(x, this.outputSize);
  }
}

/** Maxima of [N, C, H, W]. */
export class AdaptiveMaxPool2d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }
}
