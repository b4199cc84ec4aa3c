/** A row of the operator table: how a case of the fixtures is written with our names. */

import type { Tensor } from "@kindling/core";

/** One number for every dimension, or one a dimension. */
export type Sizes = number | number[];

/** The arguments that cases carry, under torch's names (convolutions may also have the padding "same"). */
export interface Args {
  align_corners: boolean;
  alpha: number;
  antialias: boolean;
  approximate: "none" | "tanh";
  beta: number;
  ceil_mode: boolean;
  chunks: number;
  count_include_pad: boolean;
  delta: number;
  descending: boolean;
  diagonal: number;
  dilation: Sizes;
  dim: number;
  dims: number[];
  divisor_override: number;
  eps: number;
  eq: string;
  groups: number;
  ignore_index: number;
  k: number;
  keepdim: boolean;
  kernel_size: Sizes;
  label_smoothing: number;
  largest: boolean;
  log_target: boolean;
  max: number;
  max_val: number;
  min: number;
  min_val: number;
  mode: string;
  momentum: number;
  need_weights: boolean;
  negative_slope: number;
  normalized_shape: number[];
  num_groups: number;
  num_heads: number;
  output_padding: Sizes;
  output_size: Sizes;
  p: number;
  pad: number[];
  padding: Sizes;
  padding_idx: number;
  r: number;
  recompute_scale_factor: boolean;
  reduction: "mean" | "sum" | "none";
  repeats: number;
  scale_factor: Sizes;
  shifts: number[];
  size: Sizes;
  sizes: Sizes;
  stride: Sizes;
  ta: boolean;
  tb: boolean;
  threshold: number;
  training: boolean;
  unbiased: boolean;
  value: number;
}

/** Inputs by name, arguments by torch's name, wanted shapes of the outputs; gives the outputs in order. */
export type Row = (inputs: Record<string, Tensor>, args: Args, shapes: readonly number[][]) => Tensor | Tensor[];

export type Table = Readonly<Record<string, Row>>;

/** The two outputs of sorting and picking operators, in torch's order. */
export const valuesAndIndices = ({ values, indices }: { values: Tensor; indices: Tensor }): Tensor[] => [
  values,
  indices,
];
