/** RegNetX and RegNetY (Radosavovic et al. 2020), with torchvision's names. */

import { ArgumentError, type Tensor } from "@kindling/core";
import { AdaptiveAvgPool2d, Conv2d, type Layer, Linear, Module, ReLU, Sequential } from "@kindling/nn";
import {
  type ActivationLayer,
  batchNorm2d,
  Conv2dNormActivation,
  type NormLayer,
  SqueezeExcitation,
} from "../ops/index.js";
import { roundHalfEven } from "../transforms/numbers.js";
import { builder } from "./builder.js";
import { makeDivisible } from "./channels.js";
import { heFanOut, initialize, normal } from "./initialize.js";
import { type ClassifierOptions, checkOptions } from "./options.js";

/** A point of the design space (Section 3.3 of the paper). */
export interface RegNetParams {
  /** Blocks in all stages. */
  readonly depth: number;
  /** Width of the first block before rounding, a multiple of 8. */
  readonly w0: number;
  /** Growth of the width from block to block: w0 + wa·i. */
  readonly wa: number;
  /** Ratio of the widths of stages that follow each other; above 1. */
  readonly wm: number;
  /** Channels in a group of the 3×3 convolutions. */
  readonly groupWidth: number;
  /** Inner channels of a block for each of its outputs. Default 1. */
  readonly bottleneckMultiplier?: number;
  /** Channels of the squeeze for each input of a block. Default: no squeeze-and-excitation, which is RegNetX. */
  readonly seRatio?: number | null;
}

/** Settings of the stages, one entry each, and the squeeze ratio that all blocks share. */
export interface StageParams {
  /** Blocks. */
  readonly depths: readonly number[];
  /** Channels of a block's output. */
  readonly widths: readonly number[];
  readonly groupWidths: readonly number[];
  readonly bottleneckMultipliers: readonly number[];
  /** Strides of the first blocks; the others' are 1. */
  readonly strides: readonly number[];
  /** Default null: no squeeze-and-excitation. */
  readonly seRatio?: number | null;
}

/** The structure of a network. */
export class BlockParams implements StageParams {
  readonly depths: readonly number[];
  readonly widths: readonly number[];
  readonly groupWidths: readonly number[];
  readonly bottleneckMultipliers: readonly number[];
  readonly strides: readonly number[];
  readonly seRatio: number | null;

  /** @throws ArgumentError if the lists differ in length */
  constructor({ depths, widths, groupWidths, bottleneckMultipliers, strides, seRatio = null }: StageParams) {
    const lengths = [depths, widths, groupWidths, bottleneckMultipliers, strides].map((list) => list.length);
    if (new Set(lengths).size !== 1)
      throw new ArgumentError(
        `BlockParams: depths, widths, groupWidths, bottleneckMultipliers and strides have ${lengths.join(", ")} entries; give one a stage in each`,
      );
    this.depths = depths;
    this.widths = widths;
    this.groupWidths = groupWidths;
    this.bottleneckMultipliers = bottleneckMultipliers;
    this.strides = strides;
    this.seRatio = seRatio;
  }

  /**
   * Quantises the linear widths w0 + wa·i to w0·wm^k for whole k, and those to multiples of 8: neighbouring blocks of one
   * width are a stage.
   * @throws ArgumentError if wa < 0, w0 ≤ 0, wm ≤ 1, or 8 does not divide w0
   */
  static fromInitParams(params: RegNetParams): BlockParams {
    const { depth, w0, wa, wm, groupWidth, bottleneckMultiplier = 1, seRatio } = params;
    if (wa < 0 || w0 <= 0 || wm <= 1 || w0 % 8 !== 0)
      throw new ArgumentError(
        `BlockParams: w0 ${w0}, wa ${wa}, wm ${wm}; w0 is a positive multiple of 8, wa 0 or more, and wm more than 1`,
      );
    const depths = new Map<number, number>();
    for (let i = 0; i < depth; i++) {
      const exponent = roundHalfEven(Math.log((w0 + wa * i) / w0) / Math.log(wm));
      const width = 8 * roundHalfEven((w0 * wm ** exponent) / 8);
      depths.set(width, (depths.get(width) ?? 0) + 1);
    }
    const fitted = [...depths.keys()].map((width) => fitGroups(width, groupWidth, bottleneckMultiplier));
    return new BlockParams({
      depths: [...depths.values()],
      widths: fitted.map((stage) => stage.width),
      groupWidths: fitted.map((stage) => stage.groupWidth),
      bottleneckMultipliers: fitted.map(() => bottleneckMultiplier),
      strides: fitted.map(() => 2),
      seRatio,
    });
  }
}

/** The width, moved so that whole groups fill the bottleneck, and the groups, no wider than that. */
function fitGroups(width: number, groupWidth: number, multiplier: number): { width: number; groupWidth: number } {
  const bottleneck = Math.floor(width * multiplier);
  const fitting = Math.min(groupWidth, bottleneck);
  return { width: Math.floor(makeDivisible(bottleneck, fitting) / multiplier), groupWidth: fitting };
}

/** What a block is built from. */
export interface BlockOptions {
  readonly widthIn: number;
  readonly widthOut: number;
  readonly stride: number;
  readonly groupWidth: number;
  readonly bottleneckMultiplier: number;
  readonly seRatio: number | null;
  readonly normLayer: NormLayer;
  readonly activation: ActivationLayer;
}

/** What a stem is built from. */
export type StemOptions = Pick<BlockOptions, "widthIn" | "widthOut" | "normLayer" | "activation">;

/** 3×3 at stride 2. */
export class SimpleStemIN extends Conv2dNormActivation {
  constructor({ widthIn, widthOut, normLayer, activation }: StemOptions) {
    super(widthIn, widthOut, { stride: 2, normLayer, activationLayer: activation });
  }
}

/** 1×1, 3×3 in groups, squeeze-and-excitation if asked for, 1×1. */
class BottleneckTransform extends Sequential {
  constructor(options: BlockOptions) {
    super();
    const { widthIn, widthOut, stride, groupWidth, seRatio, normLayer, activation: activationLayer } = options;
    const inner = roundHalfEven(widthOut * options.bottleneckMultiplier);
    const pointwise = { kernelSize: 1, normLayer };
    const groups = Math.floor(inner / groupWidth);
    this.addModule("a", new Conv2dNormActivation(widthIn, inner, { ...pointwise, activationLayer }));
    this.addModule("b", new Conv2dNormActivation(inner, inner, { stride, groups, normLayer, activationLayer }));
    if (seRatio) {
      // The ratio is that of the block's input, not of the inner channels.
      const activation = (): Layer => activationLayer({ inplace: false });
      this.addModule("se", new SqueezeExcitation(inner, roundHalfEven(seRatio * widthIn), { activation }));
    }
    this.addModule("c", new Conv2dNormActivation(inner, widthOut, { ...pointwise, activationLayer: null }));
  }
}

/** A bottleneck with a shortcut, which is projected where the shape changes. */
export class ResBottleneckBlock extends Module implements Layer {
  proj: Layer | null;
  f: Layer;
  activation: Layer;

  constructor(options: BlockOptions) {
    super();
    const { widthIn, widthOut, stride, normLayer } = options;
    const projects = widthIn !== widthOut || stride !== 1;
    this.proj = projects
      ? new Conv2dNormActivation(widthIn, widthOut, { kernelSize: 1, stride, normLayer, activationLayer: null })
      : null;
    this.f = new BottleneckTransform(options);
    this.activation = options.activation({ inplace: true });
  }

  forward(x: Tensor): Tensor {
    return this.activation.call((this.proj ? this.proj.call(x) : x).add(this.f.call(x)));
  }
}

/** Blocks of one width, the first of which halves the size. */
class AnyStage extends Sequential {
  /** @param index of the stage, from 1, which stands in the names of its blocks */
  constructor(depth: number, index: number, blockType: BlockType, first: BlockOptions) {
    super();
    for (let i = 0; i < depth; i++) {
      const options = i === 0 ? first : { ...first, widthIn: first.widthOut, stride: 1 };
      this.addModule(`block${index}-${i}`, new blockType(options));
    }
  }
}

export type BlockType = new (options: BlockOptions) => Layer;
export type StemType = new (options: StemOptions) => Layer;

export interface RegNetOptions extends ClassifierOptions {
  /** Channels after the stem. Default 32. */
  readonly stemWidth?: number;
  /** Default SimpleStemIN. */
  readonly stemType?: StemType;
  /** Default ResBottleneckBlock. */
  readonly blockType?: BlockType;
  /** Default BatchNorm2d. */
  readonly normLayer?: NormLayer;
  /** Default ReLU. */
  readonly activation?: ActivationLayer;
}

const OPTIONS = [
  "numClasses",
  "stemWidth",
  "stemType",
  "blockType",
  "normLayer",
  "activation",
] as const satisfies (keyof RegNetOptions)[];

export class RegNet extends Module implements Layer {
  stem: Layer;
  trunk_output: Sequential;
  avgpool: Layer;
  fc: Layer;

  constructor(params: BlockParams, options: RegNetOptions = {}) {
    super();
    checkOptions("RegNet", options, OPTIONS);
    const {
      numClasses = 1000,
      stemWidth = 32,
      stemType: Stem = SimpleStemIN,
      blockType = ResBottleneckBlock,
    } = options;
    const { normLayer = batchNorm2d, activation = (o) => new ReLU(o) } = options;
    this.stem = new Stem({ widthIn: 3, widthOut: stemWidth, normLayer, activation });
    this.trunk_output = new Sequential();
    let widthIn = stemWidth;
    for (const [i, depth] of params.depths.entries()) {
      const first = {
        widthIn,
        widthOut: params.widths[i],
        stride: params.strides[i],
        groupWidth: params.groupWidths[i],
        bottleneckMultiplier: params.bottleneckMultipliers[i],
        seRatio: params.seRatio,
        normLayer,
        activation,
      };
      this.trunk_output.addModule(`block${i + 1}`, new AnyStage(depth, i + 1, blockType, first));
      widthIn = first.widthOut;
    }
    this.avgpool = new AdaptiveAvgPool2d([1, 1]);
    this.fc = new Linear(widthIn, numClasses);
    initialize(this, { linear: normal(0.01) });
    for (const layer of this.modules()) if (layer instanceof Conv2d) heFanOut(layer.weight);
  }

  /** x: [N, 3, H, W] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    return this.fc.call(this.avgpool.call(this.trunk_output.call(this.stem.call(x))).flatten(1));
  }
}

/** A line of the appendix of the paper: depth, w0, wa, wm, group width. */
type Row = readonly [depth: number, w0: number, wa: number, wm: number, groupWidth: number];

function regNet([depth, w0, wa, wm, groupWidth]: Row, seRatio: number | null, options: RegNetOptions): RegNet {
  return new RegNet(BlockParams.fromInitParams({ depth, w0, wa, wm, groupWidth, seRatio }), options);
}

const regNetX = (row: Row, options: RegNetOptions): RegNet => regNet(row, null, options);
const regNetY = (row: Row, options: RegNetOptions): RegNet => regNet(row, 0.25, options);

export const regnet_y_400mf = builder("regnet_y_400mf", (options: RegNetOptions) =>
  regNetY([16, 48, 27.89, 2.09, 8], options),
);
export const regnet_y_800mf = builder("regnet_y_800mf", (options: RegNetOptions) =>
  regNetY([14, 56, 38.84, 2.4, 16], options),
);
export const regnet_y_1_6gf = builder("regnet_y_1_6gf", (options: RegNetOptions) =>
  regNetY([27, 48, 20.71, 2.65, 24], options),
);
export const regnet_y_3_2gf = builder("regnet_y_3_2gf", (options: RegNetOptions) =>
  regNetY([21, 80, 42.63, 2.66, 24], options),
);
export const regnet_y_8gf = builder("regnet_y_8gf", (options: RegNetOptions) =>
  regNetY([17, 192, 76.82, 2.19, 56], options),
);
export const regnet_y_16gf = builder("regnet_y_16gf", (options: RegNetOptions) =>
  regNetY([18, 200, 106.23, 2.48, 112], options),
);
export const regnet_y_32gf = builder("regnet_y_32gf", (options: RegNetOptions) =>
  regNetY([20, 232, 115.89, 2.53, 232], options),
);
export const regnet_y_128gf = builder("regnet_y_128gf", (options: RegNetOptions) =>
  regNetY([27, 456, 160.83, 2.52, 264], options),
);
export const regnet_x_400mf = builder("regnet_x_400mf", (options: RegNetOptions) =>
  regNetX([22, 24, 24.48, 2.54, 16], options),
);
export const regnet_x_800mf = builder("regnet_x_800mf", (options: RegNetOptions) =>
  regNetX([16, 56, 35.73, 2.28, 16], options),
);
export const regnet_x_1_6gf = builder("regnet_x_1_6gf", (options: RegNetOptions) =>
  regNetX([18, 80, 34.01, 2.25, 24], options),
);
export const regnet_x_3_2gf = builder("regnet_x_3_2gf", (options: RegNetOptions) =>
  regNetX([25, 88, 26.31, 2.25, 48], options),
);
export const regnet_x_8gf = builder("regnet_x_8gf", (options: RegNetOptions) =>
  regNetX([23, 80, 49.56, 2.88, 120], options),
);
export const regnet_x_16gf = builder("regnet_x_16gf", (options: RegNetOptions) =>
  regNetX([22, 216, 55.59, 2.1, 128], options),
);
export const regnet_x_32gf = builder("regnet_x_32gf", (options: RegNetOptions) =>
  regNetX([23, 320, 69.86, 2, 168], options),
);
