/** The table of all builders, and models by name. */

import { alexnet } from "./alexnet.js";
import type { ModelBuilder, PublishedWeights, RandomWeights, WithWeights } from "./builder.js";
import { convnext_base, convnext_large, convnext_small, convnext_tiny } from "./convnext.js";
import { densenet121, densenet161, densenet169, densenet201 } from "./densenet.js";
import {
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
} from "./efficientnet.js";
import { googlenet } from "./googlenet.js";
import { inception_v3 } from "./inception.js";
import { maxvit_t } from "./maxvit.js";
import { mnasnet0_5, mnasnet0_75, mnasnet1_0, mnasnet1_3 } from "./mnasnet.js";
import { mobilenet_v2 } from "./mobilenetv2.js";
import { mobilenet_v3_large, mobilenet_v3_small } from "./mobilenetv3.js";
import { type ClassifierOptions, checkOptions } from "./options.js";
import type { Classifier } from "./outputs.js";
import { findBuilder, type NamePatterns, selectNames } from "./registry.js";
import {
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
} from "./regnet.js";
import {
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
import { shufflenet_v2_x0_5, shufflenet_v2_x1_0, shufflenet_v2_x1_5, shufflenet_v2_x2_0 } from "./shufflenetv2.js";
import { squeezenet1_0, squeezenet1_1 } from "./squeezenet.js";
import { swin_b, swin_s, swin_t, swin_v2_b, swin_v2_s, swin_v2_t } from "./swin.js";
import { vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn } from "./vgg.js";
import { vit_b_16, vit_b_32, vit_h_14, vit_l_16, vit_l_32 } from "./vision-transformer.js";

const BUILDERS = {
  alexnet,
  convnext_base,
  convnext_large,
  convnext_small,
  convnext_tiny,
  densenet121,
  densenet161,
  densenet169,
  densenet201,
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
  googlenet,
  inception_v3,
  maxvit_t,
  mnasnet0_5,
  mnasnet0_75,
  mnasnet1_0,
  mnasnet1_3,
  mobilenet_v2,
  mobilenet_v3_large,
  mobilenet_v3_small,
  regnet_x_16gf,
  regnet_x_1_6gf,
  regnet_x_32gf,
  regnet_x_3_2gf,
  regnet_x_400mf,
  regnet_x_800mf,
  regnet_x_8gf,
  regnet_y_128gf,
  regnet_y_16gf,
  regnet_y_1_6gf,
  regnet_y_32gf,
  regnet_y_3_2gf,
  regnet_y_400mf,
  regnet_y_800mf,
  regnet_y_8gf,
  resnet101,
  resnet152,
  resnet18,
  resnet34,
  resnet50,
  resnext101_32x8d,
  resnext101_64x4d,
  resnext50_32x4d,
  shufflenet_v2_x0_5,
  shufflenet_v2_x1_0,
  shufflenet_v2_x1_5,
  shufflenet_v2_x2_0,
  squeezenet1_0,
  squeezenet1_1,
  swin_b,
  swin_s,
  swin_t,
  swin_v2_b,
  swin_v2_s,
  swin_v2_t,
  vgg11,
  vgg11_bn,
  vgg13,
  vgg13_bn,
  vgg16,
  vgg16_bn,
  vgg19,
  vgg19_bn,
  vit_b_16,
  vit_b_32,
  vit_h_14,
  vit_l_16,
  vit_l_32,
  wide_resnet101_2,
  wide_resnet50_2,
} as const;

type Builders = typeof BUILDERS;

/** The names of all models. */
export type ModelName = keyof Builders;

type ModelOf<N extends ModelName> = Builders[N] extends ModelBuilder<infer M, infer _O> ? M : never;
type OptionsOf<N extends ModelName> = Builders[N] extends ModelBuilder<infer _M, infer O> ? O : never;
type AnyOptions = ClassifierOptions & Readonly<Record<string, unknown>>;

/**
 * Names of the models that fit the patterns, sorted; without patterns all of them. The case of letters matters, as in
 * torchvision: no name fits `"ResNet*"`, though `getModel("ResNet18")` finds its model.
 * @throws ArgumentError for anything but `include` and `exclude`
 */
export function listModels(select: NamePatterns = {}): ModelName[] {
  checkOptions("listModels", select, ["include", "exclude"]);
  return selectNames(Object.keys(BUILDERS), select) as ModelName[];
}

/**
 * The builder of a name, in whatever case.
 * @throws ArgumentError for an unknown name, with the nearest ones
 */
export function getModelBuilder<N extends ModelName>(name: N): Builders[N];
export function getModelBuilder(name: string): ModelBuilder<Classifier, AnyOptions>;
export function getModelBuilder(name: string): ModelBuilder<Classifier, AnyOptions> {
  return findBuilder<ModelBuilder<Classifier, AnyOptions>>(BUILDERS, name);
}

/**
 * Builds a model by name, in whatever case; options are those of its builder, e.g. `{ numClasses: 10 }`, or `{ weights: "DEFAULT" }` for
 * a promise of the model with published weights.
 * @throws ArgumentError for an unknown name, with the nearest ones
 */
export function getModel<N extends ModelName>(name: N, options?: OptionsOf<N> & RandomWeights): ModelOf<N>;
export function getModel<N extends ModelName>(name: N, options: OptionsOf<N> & WithWeights): Promise<ModelOf<N>>;
export function getModel<N extends ModelName>(
  name: N,
  options: OptionsOf<N> & PublishedWeights,
): ModelOf<N> | Promise<ModelOf<N>>;
export function getModel(name: string, options?: AnyOptions & RandomWeights): Classifier;
export function getModel(name: string, options: AnyOptions & WithWeights): Promise<Classifier>;
export function getModel(name: string, options: AnyOptions & PublishedWeights): Classifier | Promise<Classifier>;
export function getModel(name: string, options: object = {}): unknown {
  return getModelBuilder(name)(options as AnyOptions);
}
