/**
 * Residual networks (He et al. 2015), ResNeXt (Xie et al. 2017) and Wide ResNet (Zagoruyko & Komodakis 2016), with
 * torchvision's names. As there, a bottleneck's stride is at its 3×3 convolution ("ResNet v1.5").
 */

import { ArgumentError, type Tensor } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  GroupNorm,
  init,
  type Layer,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from "@kindling/nn";
import { batchNorm2d, type NormLayer } from "../ops/index.js";
import { builder, fixedOption, type ModelBuilder } from "./builder.js";
import { heFanOut, initialize } from "./initialize.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

function conv3x3(inPlanes: number, outPlanes: number, stride = 1, groups = 1, dilation = 1): Conv2d {
  return new Conv2d(inPlanes, outPlanes, 3, { stride, padding: dilation, groups, bias: false, dilation });
}

function conv1x1(inPlanes: number, outPlanes: number, stride = 1): Conv2d {
  return new Conv2d(inPlanes, outPlanes, 1, { stride, bias: false });
}

/** What a block is built from. */
export interface BlockOptions {
  readonly inplanes: number;
  readonly planes: number;
  readonly stride: number;
  readonly downsample: Layer | null;
  readonly groups: number;
  readonly baseWidth: number;
  readonly dilation: number;
  readonly normLayer: NormLayer;
}

/** Two 3×3 convolutions. */
export class BasicBlock extends Module implements Layer {
  static readonly expansion = 1;
  conv1: Layer;
  bn1: Layer;
  relu: Layer;
  conv2: Layer;
  bn2: Layer;
  downsample: Layer | null;
  readonly stride: number;

  constructor({ inplanes, planes, stride, downsample, groups, baseWidth, dilation, normLayer }: BlockOptions) {
    super();
    if (groups !== 1 || baseWidth !== 64 || dilation !== 1)
      throw new ArgumentError(
        `BasicBlock takes groups 1, widthPerGroup 64 and no dilation; given: ${groups}, ${baseWidth}, dilation ${dilation}. Use a network of bottlenecks, such as resnet50`,
      );
    this.conv1 = conv3x3(inplanes, planes, stride);
    this.bn1 = normLayer(planes);
    this.relu = new ReLU({ inplace: true });
    this.conv2 = conv3x3(planes, planes);
    this.bn2 = normLayer(planes);
    this.downsample = downsample;
    this.stride = stride;
  }

  forward(x: Tensor): Tensor {
    let out = this.relu.call(this.bn1.call(this.conv1.call(x)));
    out = this.bn2.call(this.conv2.call(out));
    return this.relu.call(out.add(this.downsample ? this.downsample.call(x) : x));
  }
}

/** 1×1 down, 3×3, 1×1 up. */
export class Bottleneck extends Module implements Layer {
  static readonly expansion = 4;
  conv1: Layer;
  bn1: Layer;
  conv2: Layer;
  bn2: Layer;
  conv3: Layer;
  bn3: Layer;
  relu: Layer;
  downsample: Layer | null;
  readonly stride: number;

  constructor({ inplanes, planes, stride, downsample, groups, baseWidth, dilation, normLayer }: BlockOptions) {
    super();
    const width = Math.floor(planes * (baseWidth / 64)) * groups;
    const outPlanes = planes * Bottleneck.expansion;
    this.conv1 = conv1x1(inplanes, width);
    this.bn1 = normLayer(width);
    this.conv2 = conv3x3(width, width, stride, groups, dilation);
    this.bn2 = normLayer(width);
    this.conv3 = conv1x1(width, outPlanes);
    this.bn3 = normLayer(outPlanes);
    this.relu = new ReLU({ inplace: true });
    this.downsample = downsample;
    this.stride = stride;
  }

  forward(x: Tensor): Tensor {
    let out = this.relu.call(this.bn1.call(this.conv1.call(x)));
    out = this.relu.call(this.bn2.call(this.conv2.call(out)));
    out = this.bn3.call(this.conv3.call(out));
    return this.relu.call(out.add(this.downsample ? this.downsample.call(x) : x));
  }
}

export type BlockType = typeof BasicBlock | typeof Bottleneck;

export interface ResNetOptions extends ClassifierOptions {
  /** Start every residual branch at zero (Goyal et al. 2017). Default false. */
  readonly zeroInitResidual?: boolean;
  /** Groups of the 3×3 convolutions. Default 1. */
  readonly groups?: number;
  /** Width of a group in the first stage. Default 64. */
  readonly widthPerGroup?: number;
  /** For stages 2, 3 and 4: dilate instead of striding, so that the feature map stays large. Default none. */
  readonly replaceStrideWithDilation?: readonly [boolean, boolean, boolean];
  /** Default BatchNorm2d. */
  readonly normLayer?: NormLayer;
}

const OPTIONS = [
  "numClasses",
  "zeroInitResidual",
  "groups",
  "widthPerGroup",
  "replaceStrideWithDilation",
  "normLayer",
] as const satisfies (keyof ResNetOptions)[];

export class ResNet extends Module implements Layer {
  conv1: Layer;
  bn1: Layer;
  relu: Layer;
  maxpool: Layer;
  layer1: Sequential;
  layer2: Sequential;
  layer3: Sequential;
  layer4: Sequential;
  avgpool: Layer;
  fc: Layer;

  /** @param layers blocks in each of the four stages */
  constructor(block: BlockType, layers: readonly [number, number, number, number], options: ResNetOptions = {}) {
    super();
    checkOptions("ResNet", options, OPTIONS);
    const { numClasses = 1000, zeroInitResidual = false, normLayer = batchNorm2d } = options;
    const dilate = options.replaceStrideWithDilation ?? [false, false, false];
    if (dilate.length !== 3)
      throw new ArgumentError(
        `replaceStrideWithDilation has ${dilate.length} entries; it takes three, for stages 2, 3 and 4`,
      );
    const stages = new StageBuilder(block, options.groups ?? 1, options.widthPerGroup ?? 64, normLayer);
    this.conv1 = new Conv2d(3, stages.inplanes, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = normLayer(stages.inplanes);
    this.relu = new ReLU({ inplace: true });
    this.maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
    this.layer1 = stages.build(64, layers[0], 1, false);
    this.layer2 = stages.build(128, layers[1], 2, dilate[0]);
    this.layer3 = stages.build(256, layers[2], 2, dilate[1]);
    this.layer4 = stages.build(512, layers[3], 2, dilate[2]);
    this.avgpool = new AdaptiveAvgPool2d([1, 1]);
    this.fc = new Linear(512 * block.expansion, numClasses);
    this.#initialize(zeroInitResidual);
  }

  #initialize(zeroInitResidual: boolean): void {
    initialize(this, { conv: heFanOut });
    if (!zeroInitResidual) return;
    for (const m of this.modules()) {
      const last = m instanceof Bottleneck ? m.bn3 : m instanceof BasicBlock ? m.bn2 : null;
      if ((last instanceof BatchNorm2d || last instanceof GroupNorm) && last.weight) init.zeros_(last.weight);
    }
  }

  /** x: [N, 3, H, W] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    let y = this.maxpool.call(this.relu.call(this.bn1.call(this.conv1.call(x))));
    for (const layer of [this.layer1, this.layer2, this.layer3, this.layer4]) y = layer.call(y);
    return this.fc.call(this.avgpool.call(y).flatten(1));
  }
}

/** Builds stage after stage, and knows what the next one starts from. */
class StageBuilder {
  inplanes = 64;
  #dilation = 1;

  constructor(
    readonly block: BlockType,
    readonly groups: number,
    readonly baseWidth: number,
    readonly normLayer: NormLayer,
  ) {}

  build(planes: number, blocks: number, stride: number, dilate: boolean): Sequential {
    const { block: Block, groups, baseWidth, normLayer } = this;
    const outPlanes = planes * Block.expansion;
    const firstDilation = this.#dilation;
    if (dilate) this.#dilation *= stride;
    const firstStride = dilate ? 1 : stride;
    const downsample =
      firstStride !== 1 || this.inplanes !== outPlanes
        ? new Sequential(conv1x1(this.inplanes, outPlanes, firstStride), normLayer(outPlanes))
        : null;
    const shared = { planes, groups, baseWidth, normLayer };
    const stage = new Sequential(
      new Block({ ...shared, inplanes: this.inplanes, stride: firstStride, downsample, dilation: firstDilation }),
    );
    this.inplanes = outPlanes;
    for (let i = 1; i < blocks; i++)
      stage.append(
        new Block({ ...shared, inplanes: outPlanes, stride: 1, downsample: null, dilation: this.#dilation }),
      );
    return stage;
  }
}

export const resnet18 = builder("resnet18", (options: ResNetOptions) => new ResNet(BasicBlock, [2, 2, 2, 2], options));
export const resnet34 = builder("resnet34", (options: ResNetOptions) => new ResNet(BasicBlock, [3, 4, 6, 3], options));
export const resnet50 = builder("resnet50", (options: ResNetOptions) => new ResNet(Bottleneck, [3, 4, 6, 3], options));
export const resnet101 = builder(
  "resnet101",
  (options: ResNetOptions) => new ResNet(Bottleneck, [3, 4, 23, 3], options),
);
export const resnet152 = builder(
  "resnet152",
  (options: ResNetOptions) => new ResNet(Bottleneck, [3, 8, 36, 3], options),
);

/** ResNet-50 in 32 groups of width 4. */
export const resnext50_32x4d = grouped("resnext50_32x4d", resnet50, { groups: 32, widthPerGroup: 4 });

/** ResNet-101 in 32 groups of width 8. */
export const resnext101_32x8d = grouped("resnext101_32x8d", resnet101, { groups: 32, widthPerGroup: 8 });

/** ResNet-101 in 64 groups of width 4. */
export const resnext101_64x4d = grouped("resnext101_64x4d", resnet101, { groups: 64, widthPerGroup: 4 });

/** ResNet-50 with 3×3 convolutions twice as wide. */
export const wide_resnet50_2 = grouped("wide_resnet50_2", resnet50, { widthPerGroup: 128 });

/** ResNet-101 with 3×3 convolutions twice as wide. */
export const wide_resnet101_2 = grouped("wide_resnet101_2", resnet101, { widthPerGroup: 128 });

/** The builder of a network whose name tells the width of its 3×3 convolutions. */
/* @__NO_SIDE_EFFECTS__ */
function grouped(
  name: string,
  base: ModelBuilder<ResNet, ResNetOptions>,
  fixed: { groups?: number; widthPerGroup: number },
): ModelBuilder<ResNet, ResNetOptions> {
  return builder(name, (options: ResNetOptions) =>
    base({
      ...options,
      groups: fixed.groups ? fixedOption("groups", options.groups, fixed.groups) : options.groups,
      widthPerGroup: fixedOption("widthPerGroup", options.widthPerGroup, fixed.widthPerGroup),
    }),
  );
}
