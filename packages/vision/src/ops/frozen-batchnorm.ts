/** Batch norm whose statistics and affine parameters are all fixed, as torchvision.ops.FrozenBatchNorm2d. */

import { ones, scoped, type Tensor, zeros } from "@kindling/core";
import { type Layer, Module, pyFloat } from "@kindling/nn";

/** x·scale + shift with buffers that look like a BatchNorm2d's in a state dict. x: [N, C, H, W]. */
export class FrozenBatchNorm2d extends Module implements Layer {
  /** [C] each. */
  weight: Tensor;
  bias: Tensor;
  running_mean: Tensor;
  running_var: Tensor;
  eps: number;

  constructor(numFeatures: number, { eps = 1e-5 }: { eps?: number } = {}) {
    super();
    this.eps = eps;
    this.weight = this.registerBuffer("weight", ones([numFeatures]));
    this.bias = this.registerBuffer("bias", zeros([numFeatures]));
    this.running_mean = this.registerBuffer("running_mean", zeros([numFeatures]));
    this.running_var = this.registerBuffer("running_var", ones([numFeatures]));
  }

  forward(x: Tensor): Tensor {
    return scoped(() => {
      const scale = this.running_var.add(this.eps).rsqrt().mul(this.weight);
      const shift = this.bias.sub(this.running_mean.mul(scale));
      return x.mul(scale.reshape([1, -1, 1, 1])).add(shift.reshape([1, -1, 1, 1]));
    });
  }

  /** A file written from a BatchNorm2d also holds its batch count, which means nothing here. */
  override adaptStateDict(stateDict: Map<string, Tensor>, prefix: string): void {
    stateDict.delete(`${prefix}num_batches_tracked`);
  }

  override extraRepr(): string {
    return `${this.weight.shape[0]}, eps=${pyFloat(this.eps)}`;
  }
}
