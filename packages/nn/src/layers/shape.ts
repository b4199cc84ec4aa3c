/** Layers that rearrange or resize. */

import type { Tensor } from "@kindling/core";
import type { Sizes } from "../functional/args.js";
import { type InterpolateMode, interpolate } from "../functional/interpolate.js";
import { channelShuffle, pixelShuffle, pixelUnshuffle } from "../functional/shuffle.js";
import { type Layer, Module } from "../module.js";
import { py, pyFloat } from "../python-repr.js";

/** Gives what it gets. */
export class Identity extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Merges dimensions `startDim` to `endDim`; by default all but the batch. */
export class Flatten extends Module implements Layer {
  readonly startDim: number;
  readonly endDim: number;

  constructor({ startDim = 1, endDim = -1 }: { startDim?: number; endDim?: number } = {}) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Splits dimension `dim` into `unflattenedSize`. */
export class Unflatten extends Module implements Layer {
  constructor(
    readonly dim: number,
    readonly unflattenedSize: readonly number[],
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x.unflatten(this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${py(this.unflattenedSize)}`;
  }
}

export interface UpsampleOptions {
  readonly size?: Sizes | null;
  readonly scaleFactor?: Sizes | null;
  readonly mode?: InterpolateMode;
  readonly alignCorners?: boolean | null;
  readonly recomputeScaleFactor?: boolean | null;
}

/** Resizes [N, C, …] to `size` or by `scaleFactor`. */
export class Upsample extends Module implements Layer {
  readonly size: Sizes | null;
  readonly scaleFactor: Sizes | null;
  readonly mode: InterpolateMode;
  readonly alignCorners: boolean | null;
  readonly recomputeScaleFactor: boolean | null;

  constructor(options: UpsampleOptions) {
    super();
    this.size = options.size ?? null;
    this.scaleFactor = options.scaleFactor ?? null;
    this.mode = options.mode ?? "nearest";
    this.alignCorners = options.alignCorners ?? null;
    this.recomputeScaleFactor = options.recomputeScaleFactor ?? null;
  }

  forward(x: Tensor): Tensor {
    return interpolate(x, this);
  }

  override extraRepr(): string {
    const { scaleFactor, size } = this;
    const factor = typeof scaleFactor === "number" ? pyFloat(scaleFactor) : `(${scaleFactor?.map(pyFloat).join(", ")})`;
    return `${scaleFactor === null ? `size=${py(size)}` : `scale_factor=${factor}`}, mode=${this.mode}`;
  }
}

/** [N, C·r², H, W] → [N, C, H·r, W·r]. */
export class PixelShuffle extends Module implements Layer {
  constructor(readonly upscaleFactor: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }

  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/** [N, C, H·r, W·r] → [N, C·r², H, W]. */
export class PixelUnshuffle extends Module implements Layer {
  constructor(readonly downscaleFactor: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}

/** Interleaves groups of channels. */
export class ChannelShuffle extends Module implements Layer {
  constructor(readonly groups: number) {
    super();
  }

  forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }

  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}
