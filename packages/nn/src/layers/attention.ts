/** Multi-head attention. */

import { ArgumentError, empty, type Tensor } from "@kindling/core";
import { type MultiHeadAttentionOptions, multiHeadAttentionForward } from "../functional/attention.js";
import { constant_, xavierUniform_ } from "../init.js";
import { Module } from "../module.js";
import { Parameter } from "../parameter.js";
import { Linear } from "./linear.js";

/** torch's NonDynamicallyQuantizableLinear: a Linear under the name that printed models show. */
class NonDynamicallyQuantizableLinear extends Linear {}

/** Attention in `numHeads` subspaces of the embedding (Vaswani et al. 2017); query, key and value have one width. */
export class MultiheadAttention extends Module {
  /** [3·embedDim, embedDim]: query, key and value projections, one below the other. */
  in_proj_weight: Parameter;
  in_proj_bias: Parameter | null;
  out_proj: Linear;
  readonly dropout: number;
  readonly batchFirst: boolean;

  /** @param options.batchFirst inputs are [N, L, E] instead of [L, N, E] */
  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    { dropout = 0, bias = true, batchFirst = false }: { dropout?: number; bias?: boolean; batchFirst?: boolean } = {},
  ) {
    super();
    if (embedDim % numHeads !== 0)
      throw new ArgumentError(`MultiheadAttention: width ${embedDim} does not divide into ${numHeads} heads`);
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    this.in_proj_weight = new Parameter(empty([3 * embedDim, embedDim]));
    this.in_proj_bias = bias ? new Parameter(empty([3 * embedDim])) : null;
    this.out_proj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias });
    xavierUniform_(this.in_proj_weight);
    if (this.in_proj_bias) constant_(this.in_proj_bias, 0);
    if (this.out_proj.bias) constant_(this.out_proj.bias, 0);
  }

  /** @returns the output in the query's layout, and the attention weights [N, L, S] unless `needWeights` is false */
  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: Omit<MultiHeadAttentionOptions, "dropoutP" | "training"> = {},
  ): [output: Tensor, attention: Tensor | null] {
    const swapped = new Map<Tensor, Tensor>();
    const lengthFirst = (x: Tensor): Tensor => {
      if (!this.batchFirst) return x;
      const t = swapped.get(x) ?? x.transpose(0, 1);
      swapped.set(x, t);
      return t;
    };
    const [output, attention] = multiHeadAttentionForward(
      lengthFirst(query),
      lengthFirst(key),
      lengthFirst(value),
      this.numHeads,
      {
        inProjWeight: this.in_proj_weight,
        inProjBias: this.in_proj_bias,
        outProjWeight: this.out_proj.weight,
        outProjBias: this.out_proj.bias,
      },
      { ...options, dropoutP: this.dropout, training: this.training },
    );
    return [this.batchFirst ? output.transpose(0, 1) : output, attention];
  }
}
