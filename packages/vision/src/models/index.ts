/**
 * Models, as torchvision.models: the builders keep torchvision's names, and the models its attribute names and
 * state-dict keys, so that any `.pth` loads. They come with random weights.
 */

import type { Layer } from "@kindling/nn";
import type { ModelBuilder, RandomWeights, WithWeights } from "./builder.js";
import * as mobilenetv3 from "./mobilenetv3.js";
import { type ClassifierOptions, findBuilder, type NamePatterns, selectNames } from "./registry.js";
import * as resnet from "./resnet.js";
import * as shufflenetv2 from "./shufflenetv2.js";

export * from "../weights/index.js";
export type { ModelBuilder, PublishedWeights, RandomWeights, WeightsChoice } from "./builder.js";
export { findHead, type Head, replaceHead } from "./head.js";
export { MobileNetV3, type MobileNetV3Options, mobilenet_v3_large, mobilenet_v3_small } from "./mobilenetv3.js";
export type { ClassifierOptions, NamePatterns } from "./registry.js";
export {
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

const BUILDERS: Readonly<Record<string, ModelBuilder>> = {
  mobilenet_v3_large: mobilenetv3.mobilenet_v3_large,
  mobilenet_v3_small: mobilenetv3.mobilenet_v3_small,
  resnet18: resnet.resnet18,
  resnet34: resnet.resnet34,
  resnet50: resnet.resnet50,
  resnet101: resnet.resnet101,
  resnet152: resnet.resnet152,
  resnext50_32x4d: resnet.resnext50_32x4d,
  resnext101_32x8d: resnet.resnext101_32x8d,
  resnext101_64x4d: resnet.resnext101_64x4d,
  shufflenet_v2_x0_5: shufflenetv2.shufflenet_v2_x0_5,
  shufflenet_v2_x1_0: shufflenetv2.shufflenet_v2_x1_0,
  shufflenet_v2_x1_5: shufflenetv2.shufflenet_v2_x1_5,
  shufflenet_v2_x2_0: shufflenetv2.shufflenet_v2_x2_0,
  wide_resnet50_2: resnet.wide_resnet50_2,
  wide_resnet101_2: resnet.wide_resnet101_2,
};

/** Names of the models, sorted; with patterns as in `listModels({ include: "resnet*", exclude: ["*50*", "*101*"] })`. */
export function listModels(patterns: NamePatterns = {}): string[] {
  return selectNames(Object.keys(BUILDERS), patterns);
}

/**
 * The builder of a name.
 * @throws ArgumentError for an unknown name, with the nearest ones
 */
export function getModelBuilder(name: string): ModelBuilder {
  return findBuilder(BUILDERS, name);
}

/** Options of a builder that is known only by its name. */
type NamedOptions = ClassifierOptions & Readonly<Record<string, unknown>>;

/**
 * Builds a model by name; options are those of its builder, e.g. `{ numClasses: 10 }` or `{ weights: "DEFAULT" }`.
 * @throws ArgumentError for an unknown name, with the nearest ones
 */
export function getModel(name: string, options?: NamedOptions & RandomWeights): Layer;
export function getModel(name: string, options: NamedOptions & WithWeights): Promise<Layer>;
export function getModel(name: string, options?: NamedOptions): Layer | Promise<Layer> {
  const build: (options?: NamedOptions) => Layer | Promise<Layer> = getModelBuilder(name);
  return build(options);
}
