/** Matrix products, convolutions, pooling, resizing, normalisation, attention and losses, by torch's name. */

import { einsum, type Tensor } from "@kindling/core";
import { functional as F } from "@kindling/nn";
import { ops } from "@kindling/vision";
import { type Args, type Table, valuesAndIndices } from "./row.js";

/** The options of a convolution. */
const convolution = ({ stride, padding, dilation, groups }: Args) => ({ stride, padding, dilation, groups });

/** The options of a pooling window. */
const window = ({ stride, padding, dilation, ceil_mode: ceilMode }: Args) => ({ stride, padding, dilation, ceilMode });

const transposedIf = (condition: boolean, t: Tensor): Tensor => (condition ? t.transpose(-2, -1) : t);

export const layers: Table = {
  bmm: ({ a, b }) => a.bmm(b),
  einsum: (inputs, { eq }) => einsum(eq, ...Object.values(inputs)),
  linear: ({ x, weight, bias }) => F.linear(x, weight, bias),
  matmul: ({ a, b }) => a.matmul(b),
  matmul_t: ({ a, b }, { ta, tb }) => transposedIf(ta, a).matmul(transposedIf(tb, b)),

  conv1d: ({ x, weight, bias }, args) => F.conv1d(x, weight, bias, convolution(args)),
  conv2d: ({ x, weight, bias }, args) => F.conv2d(x, weight, bias, convolution(args)),
  conv_transpose2d: ({ x, weight, bias }, args) =>
    F.convTranspose2d(x, weight, bias, { ...convolution(args), outputPadding: args.output_padding }),
  unfold: ({ x }, { kernel_size, stride, padding, dilation }) =>
    F.unfold(x, kernel_size, { stride, padding, dilation }),

  adaptive_avg_pool1d: ({ x }, { output_size }) => F.adaptiveAvgPool1d(x, output_size),
  adaptive_avg_pool2d: ({ x }, { output_size }) => F.adaptiveAvgPool2d(x, output_size),
  adaptive_max_pool2d: ({ x }, { output_size }) => F.adaptiveMaxPool2d(x, output_size),
  avg_pool2d: ({ x }, args) =>
    F.avgPool2d(x, args.kernel_size, {
      ...window(args),
      countIncludePad: args.count_include_pad,
      divisorOverride: args.divisor_override,
    }),
  max_pool1d: ({ x }, args) => F.maxPool1d(x, args.kernel_size, window(args)),
  max_pool2d: ({ x }, args) => valuesAndIndices(F.maxPool2dWithIndices(x, args.kernel_size, window(args))),

  interpolate: ({ x }, args) =>
    F.interpolate(x, {
      size: args.size,
      scaleFactor: args.scale_factor,
      mode: args.mode as F.InterpolateMode,
      alignCorners: args.align_corners,
      antialias: args.antialias,
      recomputeScaleFactor: args.recompute_scale_factor,
    }),

  batch_norm: ({ x, running_mean, running_var, weight, bias }, { training, momentum, eps }) => {
    const y = F.batchNorm(x, running_mean, running_var, { weight, bias, training, momentum, eps });
    return [y, running_mean, running_var];
  },
  frozen_batch_norm2d: ({ x, ...state }, { eps }) =>
    Object.assign(new ops.FrozenBatchNorm2d(x.shape[1], { eps }), state).call(x),
  group_norm: ({ x, weight, bias }, { num_groups, eps }) => F.groupNorm(x, num_groups, { weight, bias, eps }),
  instance_norm: ({ x }, { eps }) => F.instanceNorm(x, { eps }),
  layer_norm: ({ x, weight, bias }, { normalized_shape, eps }) =>
    F.layerNorm(x, normalized_shape, { weight, bias, eps }),
  local_response_norm: ({ x }, { size, alpha, beta, k }) => F.localResponseNorm(x, size as number, { alpha, beta, k }),

  dropout: ({ x }, { p, training }) => F.dropout(x, { p, training }),
  stochastic_depth: ({ x }, { p, mode, training }) =>
    ops.stochasticDepth(x, { p, mode: mode as ops.StochasticDepthMode, training }),
  squeeze_excitation: ({ x, w1, b1, w2, b2 }) => F.squeezeExcitation(x, w1, b1, w2, b2),

  multihead_attention: ({ q, k = q, v = k, ...weights }, { num_heads, need_weights: needWeights }) => {
    const [query, key, value] = [q, k, v].map((t) => t.transpose(0, 1));
    const [output, attention] = F.multiHeadAttentionForward(
      query,
      key,
      value,
      num_heads,
      {
        inProjWeight: weights.in_proj_weight,
        inProjBias: weights.in_proj_bias,
        outProjWeight: weights.out_proj_weight,
        outProjBias: weights.out_proj_bias,
      },
      { needWeights },
    );
    return [output.transpose(0, 1), ...(attention ? [attention] : [])];
  },
  scaled_dot_product_attention: ({ q, k, v, mask }) => F.scaledDotProductAttention(q, k, v, { attnMask: mask }),

  binary_cross_entropy: ({ x, target, weight }, { reduction }) =>
    F.binaryCrossEntropy(x, target, { weight, reduction }),
  binary_cross_entropy_with_logits: ({ x, target, weight, pos_weight: posWeight }, { reduction }) =>
    F.binaryCrossEntropyWithLogits(x, target, { weight, posWeight, reduction }),
  cross_entropy: ({ x, target, weight }, { reduction, ignore_index, label_smoothing }) =>
    F.crossEntropy(x, target, { weight, reduction, ignoreIndex: ignore_index, labelSmoothing: label_smoothing }),
  huber_loss: ({ x, target }, { delta, reduction }) => F.huberLoss(x, target, { delta, reduction }),
  kl_div: ({ x, target }, { reduction, log_target }) => F.klDiv(x, target, { reduction, logTarget: log_target }),
  l1_loss: ({ x, target }, { reduction }) => F.l1Loss(x, target, { reduction }),
  mse_loss: ({ x, target }, { reduction }) => F.mseLoss(x, target, { reduction }),
  nll_loss: ({ x, target, weight }, { reduction, ignore_index }) =>
    F.nllLoss(x, target, { weight, reduction, ignoreIndex: ignore_index }),
  smooth_l1_loss: ({ x, target }, { beta, reduction }) => F.smoothL1Loss(x, target, { beta, reduction }),
};
