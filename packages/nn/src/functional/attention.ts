/** Attention (Vaswani et al. 2017), as torch.nn.functional. */

import { ArgumentError, ones, ShapeError, scoped, type Tensor, where } from "@kindling/core";
import { shapeText } from "./args.js";
import { dropout } from "./dropout.js";
import { linear } from "./linear.js";

export interface AttentionOptions {
  /** Broadcasts over […, L, S]: booleans, true where a query may look; or floats that are added to the scores. */
  readonly attnMask?: Tensor | null;
  /** Probability that an attention weight is dropped. Default 0. */
  readonly dropoutP?: number;
  /** Query i sees keys 0 to i alone. Default false. */
  readonly isCausal?: boolean;
  /** Factor of the scores. Default 1 / √E. */
  readonly scale?: number;
}

/** softmax(q·kᵀ·scale + mask)·v. q: […, L, E], k: […, S, E], v: […, S, Ev]; gives […, L, Ev]. */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  return scoped(() => dropout(attentionWeights(q, k, options), { p: options.dropoutP ?? 0 }).matmul(v));
}

function attentionWeights(q: Tensor, k: Tensor, { attnMask, isCausal = false, scale }: AttentionOptions): Tensor {
  if (isCausal && attnMask) throw new ArgumentError("attention: give attnMask or isCausal, not both");
  const [length, width] = q.shape.slice(-2);
  let scores = q.mul(scale ?? 1 / Math.sqrt(width)).matmul(k.transpose(-2, -1));
  const mask = isCausal ? ones([length, k.shape[k.ndim - 2]], { dtype: "bool" }).tril() : attnMask;
  if (mask) scores = mask.dtype === "bool" ? where(mask, scores, Number.NEGATIVE_INFINITY) : scores.add(mask);
  return scores.softmax(-1);
}

export interface MultiHeadAttentionWeights {
  /** [3·E, E]: the projections of query, key and value, one below the other. */
  readonly inProjWeight: Tensor;
  /** [3·E] */
  readonly inProjBias?: Tensor | null;
  /** [E, E] */
  readonly outProjWeight: Tensor;
  readonly outProjBias?: Tensor | null;
}

export interface MultiHeadAttentionOptions {
  /** [N, S], true for keys to leave out. */
  readonly keyPaddingMask?: Tensor | null;
  /** [L, S] or [N·heads, L, S]: true where a query may NOT look (as torch here), or floats added to the scores. */
  readonly attnMask?: Tensor | null;
  readonly dropoutP?: number;
  readonly training?: boolean;
  /** Return the attention weights too. Default true. */
  readonly needWeights?: boolean;
  /** Average them over the heads: [N, L, S]; else [N, heads, L, S]. Default true. */
  readonly averageAttnWeights?: boolean;
}

/**
 * Attention in `numHeads` subspaces. query: [L, N, E], key and value: [S, N, E]; gives [L, N, E] and, if needed, the
 * weights.
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  numHeads: number,
  weights: MultiHeadAttentionWeights,
  options: MultiHeadAttentionOptions = {},
): [output: Tensor, attention: Tensor | null] {
  const { dropoutP = 0, training = true, needWeights = true, averageAttnWeights = true } = options;
  const [length, batch, embed] = query.shape;
  const sources = key.shape[0];
  if (query.ndim !== 3 || key.ndim !== 3 || value.ndim !== 3 || key.shape[1] !== batch || value.shape[0] !== sources)
    throw new ShapeError(
      `multiHeadAttention: query ${shapeText(query)}, key ${shapeText(key)}, value ${shapeText(value)}; ` +
        "expected [L, N, E], [S, N, E], [S, N, E]",
    );
  if (embed % numHeads !== 0)
    throw new ArgumentError(`multiHeadAttention: width ${embed} does not divide into ${numHeads} heads`);
  return scoped(() => {
    const heads = (x: Tensor): Tensor =>
      x.reshape([x.shape[0], batch, numHeads, embed / numHeads]).permute([1, 2, 0, 3]);
    const [q, k, v] = project(query, key, value, weights).map(heads);
    const mask = headMask(options, { batch, numHeads, length, sources });
    const attention = dropout(attentionWeights(q, k, { attnMask: mask }), { p: dropoutP, training });
    const mixed = attention.matmul(v).permute([2, 0, 1, 3]).reshape([length, batch, embed]);
    const output = linear(mixed, weights.outProjWeight, weights.outProjBias);
    if (!needWeights) return [output, null];
    return [output, averageAttnWeights ? attention.mean(1) : attention];
  });
}

/** Query, key and value after their projections; one product where the three are the same tensor. */
function project(query: Tensor, key: Tensor, value: Tensor, weights: MultiHeadAttentionWeights): Tensor[] {
  const { inProjWeight, inProjBias } = weights;
  if (query === key && key === value) return linear(query, inProjWeight, inProjBias).chunk(3, -1);
  const parts = inProjWeight.chunk(3, 0);
  const biases = inProjBias?.chunk(3, 0);
  return [query, key, value].map((x, i) => linear(x, parts[i], biases?.[i]));
}

/** Both masks as one that `attentionWeights` takes, [N or 1, heads or 1, L or 1, S]. */
function headMask(
  { attnMask, keyPaddingMask }: MultiHeadAttentionOptions,
  { batch, numHeads, length, sources }: { batch: number; numHeads: number; length: number; sources: number },
): Tensor | null {
  const shaped = attnMask?.ndim === 3 ? attnMask.reshape([batch, numHeads, length, sources]) : attnMask;
  const padding = keyPaddingMask?.reshape([batch, 1, 1, sources]);
  if (!padding) return shaped ? allowed(shaped) : null;
  if (!shaped) return allowed(padding);
  if (shaped.dtype === "bool" && padding.dtype === "bool") return shaped.logicalOr(padding).logicalNot();
  return additive(shaped).add(additive(padding));
}

const allowed = (mask: Tensor): Tensor => (mask.dtype === "bool" ? mask.logicalNot() : mask);
const additive = (mask: Tensor): Tensor => (mask.dtype === "bool" ? where(mask, Number.NEGATIVE_INFINITY, 0) : mask);
