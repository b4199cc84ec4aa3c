/**
 * Models, as torchvision.models: the builders keep torchvision's names, and the models its attribute names and
 * state-dict keys, so that any `.pth` loads. They come with random or with published weights.
 */

export * from "../weights/index.js";
export { AlexNet, type AlexNetOptions, alexnet } from "./alexnet.js";
export type { ModelBuilder, PublishedWeights, RandomWeights, WeightsChoice, WithWeights } from "./builder.js";
export { getModel, getModelBuilder, listModels, type ModelName } from "./builders.js";
export {
  CNBlock,
  type CNBlockConfig,
  type CNBlockType,
  ConvNeXt,
  type ConvNeXtOptions,
  convnext_base,
  convnext_large,
  convnext_small,
  convnext_tiny,
  LayerNorm2d,
} from "./convnext.js";
export { DenseNet, type DenseNetOptions, densenet121, densenet161, densenet169, densenet201 } from "./densenet.js";
export {
  EfficientNet,
  type EfficientNetOptions,
  efficientnet_b0,
  efficientnet_b1,
  efficientnet_b2,
  efficientnet_b3,
  efficientnet_b4,
  efficientnet_b5,
  efficientnet_b6,
  efficientnet_b7,
  efficientnet_v2_l,
  efficientnet_v2_m,
  efficientnet_v2_s,
  FusedMBConv,
  MBConv,
  type MBConvBlock,
  type MBConvConfig,
} from "./efficientnet.js";
export {
  createFeatureExtractor,
  FeatureExtractor,
  getGraphNodeNames,
  type ReturnNodes,
  type TraceOptions,
} from "./feature-extraction.js";
export { type FreezeOptions, freeze, type ModelPart, type ParameterPredicate, unfreeze } from "./freeze.js";
export {
  type AuxBlock,
  GoogLeNet,
  type GoogLeNetOptions,
  type GoogLeNetOutputs,
  googlenet,
  Inception,
  InceptionAux as GoogLeNetAux,
  type InceptionBlock,
} from "./googlenet.js";
export { findHead, type Head, type ModelHead, replaceHead } from "./head.js";
export {
  Inception3,
  type Inception3Options,
  InceptionA,
  InceptionAux,
  InceptionB,
  type InceptionBlocks,
  InceptionC,
  InceptionD,
  InceptionE,
  type InceptionOutputs,
  inception_v3,
} from "./inception.js";
export { BasicConv2d, type BasicConv2dOptions, type ConvBlock } from "./inception-parts.js";
export { type InterpolateEmbeddingsOptions, interpolateEmbeddings } from "./interpolate-embeddings.js";
export { MaxVit, type MaxVitConfig, type MaxVitOptions, maxvit_t } from "./maxvit.js";
export { MNASNet, type MNASNetOptions, mnasnet0_5, mnasnet0_75, mnasnet1_0, mnasnet1_3 } from "./mnasnet.js";
export {
  type BlockLayer as MobileNetV2Block,
  type InvertedResidualOptions as MobileNetV2BlockOptions,
  type InvertedResidualSetting,
  MobileNetV2,
  type MobileNetV2Options,
  mobilenet_v2,
} from "./mobilenetv2.js";
export {
  type InvertedResidualConfig,
  MobileNetV3,
  type MobileNetV3Options,
  mobilenet_v3_large,
  mobilenet_v3_small,
} from "./mobilenetv3.js";
export type { ClassifierOptions } from "./options.js";
export { type AuxiliaryOutputs, type Classifier, outputsOf } from "./outputs.js";
export { type DepthGroup, type DepthGroupOptions, parameterGroupsByDepth } from "./parameter-groups.js";
export type { NamePatterns } from "./registry.js";
export {
  type BlockOptions as RegNetBlockOptions,
  BlockParams,
  type BlockType as RegNetBlockType,
  RegNet,
  type RegNetOptions,
  type RegNetParams,
  ResBottleneckBlock,
  regnet_x_1_6gf,
  regnet_x_3_2gf,
  regnet_x_8gf,
  regnet_x_16gf,
  regnet_x_32gf,
  regnet_x_400mf,
  regnet_x_800mf,
  regnet_y_1_6gf,
  regnet_y_3_2gf,
  regnet_y_8gf,
  regnet_y_16gf,
  regnet_y_32gf,
  regnet_y_128gf,
  regnet_y_400mf,
  regnet_y_800mf,
  SimpleStemIN,
  type StageParams,
  type StemOptions as RegNetStemOptions,
  type StemType as RegNetStemType,
} from "./regnet.js";
export {
  BasicBlock,
  type BlockOptions as ResNetBlockOptions,
  type BlockType as ResNetBlockType,
  Bottleneck,
  ResNet,
  type ResNetOptions,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  resnext50_32x4d,
  resnext101_32x8d,
  resnext101_64x4d,
  wide_resnet50_2,
  wide_resnet101_2,
} from "./resnet.js";
export {
  ShuffleNetV2,
  shufflenet_v2_x0_5,
  shufflenet_v2_x1_0,
  shufflenet_v2_x1_5,
  shufflenet_v2_x2_0,
} from "./shufflenetv2.js";
export {
  SqueezeNet,
  type SqueezeNetOptions,
  type SqueezeNetVersion,
  squeezenet1_0,
  squeezenet1_1,
} from "./squeezenet.js";
export { type LayerSummary, Summary, type SummaryOptions, summary } from "./summary.js";
export {
  PatchMerging,
  PatchMergingV2,
  type SwinBlockOptions,
  SwinTransformer,
  SwinTransformerBlock,
  SwinTransformerBlockV2,
  type SwinTransformerConfig,
  type SwinTransformerOptions,
  swin_b,
  swin_s,
  swin_t,
  swin_v2_b,
  swin_v2_s,
  swin_v2_t,
} from "./swin.js";
export { VGG, type VGGOptions, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn } from "./vgg.js";
export {
  type ConvStemConfig,
  VisionTransformer,
  type VisionTransformerConfig,
  type VisionTransformerOptions,
  vit_b_16,
  vit_b_32,
  vit_h_14,
  vit_l_16,
  vit_l_32,
} from "./vision-transformer.js";
