/** A set of published weights, as an entry of torchvision's `ResNet50_Weights` and its like. */

import type { Tensor } from "@kindling/core";
import type { Picture } from "../transforms/index.js";
import type { Transform } from "../transforms/transform.js";

/** What is known of a set of weights. */
export interface WeightsMeta {
  /** Names of the classes, in the order of the logits. */
  readonly categories: readonly string[];
  readonly numParams: number;
  /** Smallest input that the model takes, [height, width]. */
  readonly minSize: readonly [number, number];
  /** By data set, then by measure: `metrics["ImageNet-1K"]["acc@1"]`, in percent. */
  readonly metrics: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** One set of published weights. Entries are compared by identity: each exists once. */
export interface WeightsEntry {
  /** `ResNet50_Weights.IMAGENET1K_V2` */
  readonly name: string;
  /** `ResNet50_Weights` */
  readonly enumName: string;
  /** `IMAGENET1K_V2` */
  readonly entry: string;
  /** The builder they belong to: `resnet50`. */
  readonly model: string;
  /** File name, which ends in the first digits of the file's SHA-256: `resnet50-11ad3fa6.pth`. */
  readonly file: string;
  /** The first digits, in hexadecimal, of the SHA-256 of the file. */
  readonly hashPrefix: string;
  /** Makes the transform that the weights were measured with: a picture gives [3, H, W]. */
  transforms(): Transform<Picture, Tensor>;
  readonly meta: WeightsMeta;
}
