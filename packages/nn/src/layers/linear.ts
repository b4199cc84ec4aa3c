/** Linear maps and embeddings. */

import { arange, empty, noGrad, scoped, type Tensor } from "@kindling/core";
import { embedding, linear } from "../functional/linear.js";
import { fans, kaimingUniform_, normal_, uniform_ } from "../init.js";
import { type Layer, Module } from "../module.js";
import { Parameter } from "../parameter.js";
import { py } from "../python-repr.js";

/** torch's default for weights [out, in, …kernel] with a bias: both uniform within 1 / √fanIn. */
export function defaultInit(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  const bound = 1 / Math.sqrt(Math.max(fans(weight).fanIn, 1));
  if (bias) uniform_(bias, -bound, bound);
}

/** x·weightᵀ + bias on the last dimension. */
export class Linear extends Module implements Layer {
  /** [outFeatures, inFeatures] */
  weight: Parameter;
  /** [outFeatures] */
  bias: Parameter | null;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    { bias = true }: { bias?: boolean } = {},
  ) {
    super();
    this.weight = new Parameter(empty([outFeatures, inFeatures]));
    this.bias = bias ? new Parameter(empty([outFeatures])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    defaultInit(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${py(this.bias !== null)}`;
  }
}

/** A table of vectors that integers look up. Input: any shape of integers; output: [...shape, embeddingDim]. */
export class Embedding extends Module implements Layer {
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;
  readonly paddingIdx: number | null;

  /** @param options.paddingIdx this row starts at zero and gets no gradient */
  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    { paddingIdx = null }: { paddingIdx?: number | null } = {},
  ) {
    super();
    this.paddingIdx = paddingIdx === null || paddingIdx >= 0 ? paddingIdx : paddingIdx + numEmbeddings;
    this.weight = new Parameter(empty([numEmbeddings, embeddingDim]));
    this.resetParameters();
  }

  resetParameters(): void {
    normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx === null) return;
    noGrad(() => scoped(() => void this.weight.mul_(arange(this.numEmbeddings).ne(paddingIdx).unsqueeze(1))));
  }

  forward(indices: Tensor): Tensor {
    return embedding(indices, this.weight, { paddingIdx: this.paddingIdx });
  }

  override extraRepr(): string {
    const padding = this.paddingIdx === null ? "" : `, padding_idx=${this.paddingIdx}`;
    return `${this.numEmbeddings}, ${this.embeddingDim}${padding}`;
  }
}
