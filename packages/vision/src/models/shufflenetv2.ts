/** ShuffleNet V2 (Ma et al. 2018), with torchvision's names. */

import { ArgumentError, cat, type Tensor } from "@kindling/core";
import { BatchNorm2d, Conv2d, functional, type Layer, Linear, MaxPool2d, Module, ReLU, Sequential } from "@kindling/nn";
import { builder } from "./builder.js";
import { type ClassifierOptions, checkOptions } from "./options.js";
import { depthwise, pointwise } from "./separable.js";

/** Half the channels pass a branch (all of them at stride 2, through two branches), then the channels are shuffled. */
class InvertedResidual extends Module implements Layer {
  branch1: Sequential;
  branch2: Sequential;

  constructor(
    inputs: number,
    outputs: number,
    readonly stride: number,
  ) {
    super();
    const half = outputs / 2;
    if (stride < 1 || stride > 3 || (stride === 1 && inputs !== outputs))
      throw new ArgumentError(
        `InvertedResidual: ${inputs} to ${outputs} channels at stride ${stride}; stride 1 keeps the channels`,
      );
    this.branch1 =
      stride > 1
        ? new Sequential(
            depthwise(inputs, 3, stride),
            new BatchNorm2d(inputs),
            pointwise(inputs, half),
            new BatchNorm2d(half),
            new ReLU({ inplace: true }),
          )
        : new Sequential();
    this.branch2 = new Sequential(
      pointwise(stride > 1 ? inputs : half, half),
      new BatchNorm2d(half),
      new ReLU({ inplace: true }),
      depthwise(half, 3, stride),
      new BatchNorm2d(half),
      pointwise(half, half),
      new BatchNorm2d(half),
      new ReLU({ inplace: true }),
    );
  }

  forward(x: Tensor): Tensor {
    const [kept, used] = this.stride === 1 ? x.chunk(2, 1) : [this.branch1.call(x), x];
    return functional.channelShuffle(cat([kept, this.branch2.call(used)], 1), 2);
  }
}

export class ShuffleNetV2 extends Module implements Layer {
  conv1: Sequential;
  maxpool: Layer;
  stage2: Sequential;
  stage3: Sequential;
  stage4: Sequential;
  conv5: Sequential;
  fc: Layer;

  /** @param repeats blocks in stages 2, 3 and 4; @param channels of the stem, the three stages and the last convolution */
  constructor(
    repeats: readonly [number, number, number],
    channels: readonly [number, number, number, number, number],
    options: ClassifierOptions = {},
  ) {
    super();
    checkOptions("ShuffleNetV2", options, ["numClasses"]);
    const { numClasses = 1000 } = options;
    const [stem, second, third, fourth, last] = channels;
    this.conv1 = new Sequential(
      new Conv2d(3, stem, 3, { stride: 2, padding: 1, bias: false }),
      new BatchNorm2d(stem),
      new ReLU({ inplace: true }),
    );
    this.maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
    this.stage2 = stage(stem, second, repeats[0]);
    this.stage3 = stage(second, third, repeats[1]);
    this.stage4 = stage(third, fourth, repeats[2]);
    this.conv5 = new Sequential(pointwise(fourth, last), new BatchNorm2d(last), new ReLU({ inplace: true }));
    this.fc = new Linear(last, numClasses);
  }

  /** x: [N, 3, H, W] gives logits [N, numClasses]. */
  forward(x: Tensor): Tensor {
    let y = this.maxpool.call(this.conv1.call(x));
    for (const layer of [this.stage2, this.stage3, this.stage4, this.conv5]) y = layer.call(y);
    return this.fc.call(y.mean([2, 3]));
  }
}

function stage(inputs: number, outputs: number, repeats: number): Sequential {
  const blocks = new Sequential(new InvertedResidual(inputs, outputs, 2));
  for (let i = 1; i < repeats; i++) blocks.append(new InvertedResidual(outputs, outputs, 1));
  return blocks;
}

const REPEATS = [4, 8, 4] as const;

export const shufflenet_v2_x0_5 = builder(
  "shufflenet_v2_x0_5",
  (options: ClassifierOptions) => new ShuffleNetV2(REPEATS, [24, 48, 96, 192, 1024], options),
);
export const shufflenet_v2_x1_0 = builder(
  "shufflenet_v2_x1_0",
  (options: ClassifierOptions) => new ShuffleNetV2(REPEATS, [24, 116, 232, 464, 1024], options),
);
export const shufflenet_v2_x1_5 = builder(
  "shufflenet_v2_x1_5",
  (options: ClassifierOptions) => new ShuffleNetV2(REPEATS, [24, 176, 352, 704, 1024], options),
);
export const shufflenet_v2_x2_0 = builder(
  "shufflenet_v2_x2_0",
  (options: ClassifierOptions) => new ShuffleNetV2(REPEATS, [24, 244, 488, 976, 2048], options),
);
