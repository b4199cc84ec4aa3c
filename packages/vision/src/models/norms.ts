/** Normalisation whose settings several families share. */

import { BatchNorm2d, LayerNorm } from "@kindling/nn";
import type { NormLayer } from "../ops/index.js";

/** Batch norm as networks have it whose weights came from TensorFlow, with its defaults in torch's terms. */
export const slowBatchNorm: NormLayer = (channels) => new BatchNorm2d(channels, { eps: 1e-3, momentum: 0.01 });

export const layerNorm: NormLayer = (channels) => new LayerNorm(channels);

/** Layer norm with the small eps of vision transformers and ConvNeXt. */
export const fineLayerNorm: NormLayer = (channels) => new LayerNorm(channels, { eps: 1e-6 });
