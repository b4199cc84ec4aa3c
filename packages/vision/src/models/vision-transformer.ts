/** Vision transformers (Dosovitskiy et al. 2020), with torchvision's names. */

import { ArgumentError, cat, empty, ShapeError, type Tensor, zeros } from "@kindling/core";
import {
  Conv2d,
  Dropout,
  GELU,
  init,
  type Layer,
  Linear,
  Module,
  MultiheadAttention,
  Parameter,
  Sequential,
  Tanh,
} from "@kindling/nn";
import { type ActivationLayer, Conv2dNormActivation, MLP, type NormLayer } from "../ops/index.js";
import { builder, fixedOption, type ModelBuilder } from "./builder.js";
import { fineLayerNorm } from "./norms.js";
import { renameEntry } from "./older-names.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** The sizes in Table 1 of the paper, and the side of a patch, which the names end in. */
export interface VisionTransformerConfig {
  /** Side of the square patches that an image is cut into, in pixels. */
  readonly patchSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Width of a token. */
  readonly hiddenDim: number;
  /** Hidden width of the MLP in each layer. */
  readonly mlpDim: number;
}

const BASE = { numLayers: 12, numHeads: 12, hiddenDim: 768, mlpDim: 3072 };
const LARGE = { numLayers: 24, numHeads: 16, hiddenDim: 1024, mlpDim: 4096 };
const HUGE = { numLayers: 32, numHeads: 16, hiddenDim: 1280, mlpDim: 5120 };

/** A convolution of the stem that "Early Convolutions Help Transformers See Better" (Xiao et al. 2021) proposes. */
export interface ConvStemConfig {
  readonly outChannels: number;
  readonly kernelSize: number;
  readonly stride: number;
  /** Default BatchNorm2d. */
  readonly normLayer?: NormLayer;
  /** Default ReLU. */
  readonly activationLayer?: ActivationLayer;
}

export interface VisionTransformerOptions extends ClassifierOptions {
  /** Side of the square images, in pixels; position embeddings are learned for it. Default 224. */
  readonly imageSize?: number;
  /** Probability after embedding, attention and the MLP's maps. Default 0. */
  readonly dropout?: number;
  /** Probability that an attention weight is dropped. Default 0. */
  readonly attentionDropout?: number;
  /** Width of a hidden layer, with tanh, before the logits; the paper has one for pre-training. Default none. */
  readonly representationSize?: number | null;
  /** Default LayerNorm with eps 1e-6. */
  readonly normLayer?: NormLayer;
  /** Convolutions that take the place of cutting into patches; their strides multiply to the patch size. Default none. */
  readonly convStemConfigs?: readonly ConvStemConfig[] | null;
}

const OPTIONS = [
  "numClasses",
  "imageSize",
  "dropout",
  "attentionDropout",
  "representationSize",
  "normLayer",
  "convStemConfigs",
] as const satisfies (keyof VisionTransformerOptions)[];

/** The MLP of a transformer layer. */
class MLPBlock extends MLP {
  constructor(inDim: number, mlpDim: number, dropout: number) {
    super(inDim, [mlpDim, inDim], { activationLayer: () => new GELU(), inplace: false, dropout });
    for (const m of this)
      if (m instanceof Linear) {
        init.xavierUniform_(m.weight);
        if (m.bias) init.normal_(m.bias, 0, 1e-6);
      }
  }

  override get stateVersion(): number {
    return 2;
  }

  /** Files from before torchvision 0.13 call the two maps `linear_1` and `linear_2`. */
  override adaptStateDict(stateDict: Map<string, Tensor>, prefix: string): void {
    for (const kind of ["weight", "bias"]) {
      renameEntry(stateDict, `${prefix}linear_1.${kind}`, `${prefix}0.${kind}`);
      renameEntry(stateDict, `${prefix}linear_2.${kind}`, `${prefix}3.${kind}`);
    }
  }
}

type EncoderOptions = Omit<VisionTransformerConfig, "patchSize"> &
  Required<Pick<VisionTransformerOptions, "dropout" | "attentionDropout" | "normLayer">>;

/** Attention between tokens, then an MLP on each; both normalise first and add to what they get. [N, L, D] → [N, L, D] */
class EncoderBlock extends Module implements Layer {
  ln_1: Layer;
  self_attention: MultiheadAttention;
  dropout: Layer;
  ln_2: Layer;
  mlp: Layer;

  constructor({ numHeads, hiddenDim, mlpDim, dropout, attentionDropout, normLayer }: EncoderOptions) {
    super();
    this.ln_1 = normLayer(hiddenDim);
    this.self_attention = new MultiheadAttention(hiddenDim, numHeads, { dropout: attentionDropout, batchFirst: true });
    this.dropout = new Dropout({ p: dropout });
    this.ln_2 = normLayer(hiddenDim);
    this.mlp = new MLPBlock(hiddenDim, mlpDim, dropout);
  }

  forward(x: Tensor): Tensor {
    const tokens = this.ln_1.call(x);
    const [mixed] = this.self_attention.call(tokens, tokens, tokens, { needWeights: false });
    const y = this.dropout.call(mixed).add(x);
    return this.mlp.call(this.ln_2.call(y)).add(y);
  }
}

/** Position embeddings and a row of transformer layers. [N, L, D] → [N, L, D] */
class Encoder extends Module implements Layer {
  /** [1, L, D] */
  pos_embedding: Parameter;
  dropout: Layer;
  layers: Sequential;
  ln: Layer;

  constructor(seqLength: number, options: EncoderOptions) {
    super();
    this.pos_embedding = new Parameter(empty([1, seqLength, options.hiddenDim]));
    init.normal_(this.pos_embedding, 0, 0.02);
    this.dropout = new Dropout({ p: options.dropout });
    this.layers = new Sequential(
      Array.from({ length: options.numLayers }, (_, i) => [`encoder_layer_${i}`, new EncoderBlock(options)] as const),
    );
    this.ln = options.normLayer(options.hiddenDim);
  }

  forward(x: Tensor): Tensor {
    return this.ln.call(this.layers.call(this.dropout.call(x.add(this.pos_embedding))));
  }
}

export class VisionTransformer extends Module implements Layer {
  /** [1, 1, D]: the token that is classified, put before those of the patches. */
  class_token: Parameter;
  conv_proj: Conv2d | Sequential;
  encoder: Encoder;
  heads: Sequential;
  readonly imageSize: number;
  readonly patchSize: number;

  constructor(config: VisionTransformerConfig, options: VisionTransformerOptions = {}) {
    super();
    checkOptions("VisionTransformer", options, OPTIONS);
    const {
      imageSize = 224,
      dropout = 0,
      attentionDropout = 0,
      normLayer = fineLayerNorm,
      numClasses = 1000,
    } = options;
    const { patchSize, hiddenDim } = config;
    if (imageSize % patchSize !== 0)
      throw new ArgumentError(
        `VisionTransformer: imageSize ${imageSize} is no multiple of the patch size ${patchSize}; give one that is`,
      );
    this.imageSize = imageSize;
    this.patchSize = patchSize;
    this.class_token = new Parameter(zeros([1, 1, hiddenDim]));
    this.conv_proj = options.convStemConfigs
      ? convStem(options.convStemConfigs, hiddenDim)
      : patchify(patchSize, hiddenDim);
    const seqLength = (imageSize / patchSize) ** 2 + 1;
    this.encoder = new Encoder(seqLength, { ...config, dropout, attentionDropout, normLayer });
    this.heads = classifier(hiddenDim, options.representationSize ?? null, numClasses);
  }

  /** x: [N, 3, imageSize, imageSize] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    const patches = this.#patches(x);
    const [n, , width] = patches.shape;
    const tokens = cat([this.class_token.expand([n, 1, width]), patches], 1);
    return this.heads.call(this.encoder.call(tokens).select(1, 0));
  }

  /** The embeddings of an image's patches, row by row: [N, patches, D]. */
  #patches(x: Tensor): Tensor {
    const { imageSize } = this;
    const [, , height, width] = x.shape;
    if (x.ndim !== 4 || height !== imageSize || width !== imageSize)
      throw new ShapeError(
        `VisionTransformer: the input is [${x.shape.join(", ")}]; this model takes [N, 3, ${imageSize}, ${imageSize}]. ` +
          "Resize the images, or build it with another imageSize and load weights through interpolateEmbeddings",
      );
    return this.conv_proj.call(x).flatten(2).permute([0, 2, 1]);
  }
}

/** A linear embedding of each patch, which is a convolution as wide as its stride. */
function patchify(patchSize: number, hiddenDim: number): Conv2d {
  const conv = new Conv2d(3, hiddenDim, patchSize, { stride: patchSize });
  init.truncNormal_(conv.weight, 0, Math.sqrt(1 / (3 * patchSize ** 2)));
  if (conv.bias) init.zeros_(conv.bias);
  return conv;
}

function convStem(configs: readonly ConvStemConfig[], hiddenDim: number): Sequential {
  const stem = new Sequential();
  let channels = 3;
  configs.forEach(({ outChannels, kernelSize, stride, normLayer, activationLayer }, i) => {
    const conv = new Conv2dNormActivation(channels, outChannels, { kernelSize, stride, normLayer, activationLayer });
    stem.addModule(`conv_bn_relu_${i}`, conv);
    channels = outChannels;
  });
  const last = new Conv2d(channels, hiddenDim, 1);
  init.normal_(last.weight, 0, Math.sqrt(2 / hiddenDim));
  if (last.bias) init.zeros_(last.bias);
  stem.addModule("conv_last", last);
  return stem;
}

/** The head starts at zero, so that all classes start out equally likely. */
function classifier(hiddenDim: number, representationSize: number | null, numClasses: number): Sequential {
  const heads = new Sequential();
  if (representationSize !== null) {
    const preLogits = new Linear(hiddenDim, representationSize);
    init.truncNormal_(preLogits.weight, 0, Math.sqrt(1 / hiddenDim));
    if (preLogits.bias) init.zeros_(preLogits.bias);
    heads.addModule("pre_logits", preLogits);
    heads.addModule("act", new Tanh());
  }
  const head = new Linear(representationSize ?? hiddenDim, numClasses);
  for (const p of head.parameters()) init.zeros_(p);
  heads.addModule("head", head);
  return heads;
}

export const vit_b_16 = vit("vit_b_16", { patchSize: 16, ...BASE });
export const vit_b_32 = vit("vit_b_32", { patchSize: 32, ...BASE });
export const vit_l_16 = vit("vit_l_16", { patchSize: 16, ...LARGE });
export const vit_l_32 = vit("vit_l_32", { patchSize: 32, ...LARGE });
export const vit_h_14 = vit("vit_h_14", { patchSize: 14, ...HUGE });

/** Weights come with the image size that their position embeddings were learned for. */
/* @__NO_SIDE_EFFECTS__ */
function vit(name: string, config: VisionTransformerConfig): ModelBuilder<VisionTransformer, VisionTransformerOptions> {
  return builder(name, (options: VisionTransformerOptions) => new VisionTransformer(config, options), {
    options: (given, weights) => ({
      ...given,
      imageSize: fixedOption("imageSize", given.imageSize, weights.meta.minSize[0]),
    }),
  });
}
