/** Stochastic depth (Huang et al. 2016), as torchvision.ops.StochasticDepth. */

import { ArgumentError, rand, scoped, type Tensor } from "@kindling/core";
import { type Layer, Module, pyFloat } from "@kindling/nn";

/** Whether the whole batch is dropped, or single examples. */
export type StochasticDepthMode = "batch" | "row";

/** Zeroes a residual branch with probability p and scales what stays by 1 / (1 − p). x: [N, …]. */
export function stochasticDepth(
  x: Tensor,
  { p, mode, training = true }: { p: number; mode: StochasticDepthMode; training?: boolean },
): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`stochasticDepth: the probability is ${p}; it lies between 0 and 1`);
  if (mode !== "batch" && mode !== "row")
    throw new ArgumentError(`stochasticDepth: mode is "${String(mode)}"; it is "batch" or "row"`);
  if (!training || p === 0) return x;
  return scoped(() => {
    if (p === 1) return x.mul(0);
    const noise = rand(x.shape.map((n, d) => (d === 0 && mode === "row" ? n : 1)));
    return x.mul(
      noise
        .ge(p)
        .to("float32")
        .mul(1 / (1 - p)),
    );
  });
}

/** `stochasticDepth` as a layer: it does nothing in evaluation mode. */
export class StochasticDepth extends Module implements Layer {
  constructor(
    /** Probability of zero. */
    public p: number,
    readonly mode: StochasticDepthMode,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return stochasticDepth(x, this);
  }

  override extraRepr(): string {
    return `p=${pyFloat(this.p)}, mode=${this.mode}`;
  }
}
