/** Batch and instance normalisation: the layers that keep running statistics. */

import { fromHost, ones, ShapeError, type Tensor, zeros } from "@kindling/core";
import { batchNorm, instanceNorm } from "../functional/norm.js";
import { type Layer, Module } from "../module.js";
import { Parameter } from "../parameter.js";
import { py, pyFloat } from "../python-repr.js";

export interface RunningNormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Weight of a batch in the running statistics; null averages over all batches seen. Default 0.1. */
  readonly momentum?: number | null;
  /** Whether scale and shift are learned. */
  readonly affine?: boolean;
  /** Whether running statistics are kept. */
  readonly trackRunningStats?: boolean;
}

/** Parameters, buffers and their names, as torch's _NormBase. */
abstract class RunningNorm extends Module implements Layer {
  /** Scale [C], and shift [C]; null without `affine`. */
  weight: Parameter | null;
  bias: Parameter | null;
  /** [C]; null without `trackRunningStats`. */
  running_mean: Tensor | null = null;
  running_var: Tensor | null = null;
  /** Training batches seen: int64, kept and counted on the host. */
  num_batches_tracked: Tensor | null = null;
  readonly eps: number;
  momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;

  constructor(
    readonly numFeatures: number,
    { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true }: RunningNormOptions,
  ) {
    super();
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    this.weight = affine ? new Parameter(ones([numFeatures])) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures])) : null;
    if (trackRunningStats) {
      this.registerBuffer("running_mean", zeros([numFeatures]));
      this.registerBuffer("running_var", ones([numFeatures]));
      this.registerBuffer("num_batches_tracked", fromHost(BigInt64Array.of(0n), [], "int64"));
    }
  }

  /** Dimensions that an input may have. */
  protected abstract readonly ranks: readonly number[];

  protected checkInput(x: Tensor): void {
    if (!this.ranks.includes(x.ndim))
      throw new ShapeError(
        `${this.typeName}: the input is [${x.shape.join(", ")}]; it takes ${this.ranks.join(" or ")} dimensions`,
      );
  }

  /** Counts a training batch; gives the weight of its statistics. */
  protected track(): number {
    if (!this.num_batches_tracked) return this.momentum ?? 0;
    const batches = BigInt((this.num_batches_tracked.hostData() ?? [0])[0]) + 1n;
    this.num_batches_tracked.setHostData(BigInt64Array.of(batches));
    return this.momentum ?? 1 / Number(batches);
  }

  abstract override forward(x: Tensor): Tensor;

  /** Version 2 counts batches. */
  override get stateVersion(): number {
    return 2;
  }

  /** Files from before PyTorch 0.4.1 have no batch count; loading them leaves it as it is. */
  override adaptStateDict(stateDict: Map<string, Tensor>, prefix: string): void {
    const key = `${prefix}num_batches_tracked`;
    if (this.num_batches_tracked && stateDict.has(`${prefix}running_mean`) && !stateDict.has(key))
      stateDict.set(key, this.num_batches_tracked);
  }

  override extraRepr(): string {
    const momentum = this.momentum === null ? "None" : pyFloat(this.momentum);
    return (
      `${this.numFeatures}, eps=${pyFloat(this.eps)}, momentum=${momentum}, ` +
      `affine=${py(this.affine)}, track_running_stats=${py(this.trackRunningStats)}`
    );
  }
}

abstract class BatchNorm extends RunningNorm {
  /**
   * Use the running statistics and keep them in training mode too, as for fine-tuning on small batches. torch has no
   * such switch; there one overrides `train()`.
   */
  frozenStatistics = false;

  constructor(numFeatures: number, options: RunningNormOptions = {}) {
    super(numFeatures, options);
  }

  forward(x: Tensor): Tensor {
    this.checkInput(x);
    const { weight, bias, running_mean, running_var, eps } = this;
    const training = (this.training && !this.frozenStatistics) || !this.trackRunningStats;
    const momentum = training ? this.track() : 0;
    return batchNorm(x, running_mean, running_var, { weight, bias, training, momentum, eps });
  }
}

/** Batch normalisation of [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  protected readonly ranks: readonly number[] = [2, 3];
}

/** Batch normalisation of [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  protected readonly ranks: readonly number[] = [4];
}

/** Instance normalisation of [N, C, H, W] or [C, H, W]; by default nothing is learned and nothing kept, as in torch. */
export class InstanceNorm2d extends RunningNorm {
  protected readonly ranks: readonly number[] = [3, 4];

  constructor(numFeatures: number, options: RunningNormOptions = {}) {
    super(numFeatures, { affine: false, trackRunningStats: false, ...options });
  }

  forward(x: Tensor): Tensor {
    this.checkInput(x);
    const { weight, bias, running_mean: runningMean, running_var: runningVar, eps } = this;
    const useInputStats = this.training || !this.trackRunningStats;
    const momentum = this.training && this.trackRunningStats ? this.track() : 0;
    const images = x.ndim === 3 ? x.unsqueeze(0) : x;
    const y = instanceNorm(images, { weight, bias, runningMean, runningVar, useInputStats, momentum, eps });
    return x.ndim === 3 ? y.squeeze(0) : y;
  }
}
