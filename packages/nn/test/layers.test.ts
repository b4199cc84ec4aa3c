/** Layers and functions: what the goldens of torch do not show. Numbers in this file are PyTorch's. */

import { fromHost, init, manualSeed, noGrad, ones, randn, type Tensor, tensor, zeros } from "@kindling/core";
import {
  AdaptiveAvgPool2d,
  AvgPool1d,
  AvgPool2d,
  BatchNorm2d,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  CrossEntropyLoss,
  Dropout,
  Dropout2d,
  Embedding,
  functional as F,
  Flatten,
  GELU,
  GroupNorm,
  InstanceNorm2d,
  LayerNorm,
  LeakyReLU,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  type Module,
  MultiheadAttention,
  PixelShuffle,
  PReLU,
  ReLU,
  Softplus,
  Upsample,
} from "@kindling/nn";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init({ threads: 1 }));

/** 0, 1, 2, … in a shape. */
const count = (...shape: number[]): Tensor => {
  const n = shape.reduce((a, b) => a * b, 1);
  return fromHost(
    Float32Array.from({ length: n }, (_, i) => i),
    shape,
    "float32",
  );
};

const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);

async function expectClose(got: Tensor, want: readonly number[], digits = 5): Promise<void> {
  const values = await got.data();
  expect(values).toHaveLength(want.length);
  want.forEach((v, i) => {
    expect(values[i]).toBeCloseTo(v, digits);
  });
}

describe("printing", () => {
  it.each<[Module, string]>([
    [new Linear(3, 4, { bias: false }), "Linear(in_features=3, out_features=4, bias=False)"],
    [new Conv1d(2, 4, 3, { padding: 1 }), "Conv1d(2, 4, kernel_size=(3,), stride=(1,), padding=(1,))"],
    [
      new Conv2d(4, 4, [3, 1], { padding: "same", groups: 2, dilation: [2, 1], paddingMode: "reflect" }),
      "Conv2d(4, 4, kernel_size=(3, 1), stride=(1, 1), padding=same, dilation=(2, 1), groups=2, padding_mode=reflect)",
    ],
    [
      new ConvTranspose2d(2, 3, 3, { stride: 2, outputPadding: 1, bias: false }),
      "ConvTranspose2d(2, 3, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1), bias=False)",
    ],
    [new LayerNorm(8, { eps: 1e-6 }), "LayerNorm((8,), eps=1e-06, elementwise_affine=True)"],
    [new GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05, affine=True)"],
    [new InstanceNorm2d(3), "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)"],
    [new LocalResponseNorm(5), "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)"],
    [new MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"],
    [new AvgPool2d([2, 3], { stride: 1 }), "AvgPool2d(kernel_size=(2, 3), stride=1, padding=0)"],
    [new AvgPool1d(3), "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))"],
    [new AdaptiveAvgPool2d([1, null]), "AdaptiveAvgPool2d(output_size=(1, None))"],
    [new ReLU({ inplace: true }), "ReLU(inplace=True)"],
    [new LeakyReLU({ negativeSlope: 0.2, inplace: true }), "LeakyReLU(negative_slope=0.2, inplace=True)"],
    [new GELU({ approximate: "tanh" }), "GELU(approximate='tanh')"],
    [new Softplus(), "Softplus(beta=1, threshold=20)"],
    [new PReLU({ numParameters: 3 }), "PReLU(num_parameters=3)"],
    [new Embedding(10, 3, { paddingIdx: -1 }), "Embedding(10, 3, padding_idx=9)"],
    [new Flatten(), "Flatten(start_dim=1, end_dim=-1)"],
    [new Upsample({ scaleFactor: 2, mode: "bilinear" }), "Upsample(scale_factor=2.0, mode=bilinear)"],
    [new PixelShuffle(3), "PixelShuffle(upscale_factor=3)"],
    [new CrossEntropyLoss(), "CrossEntropyLoss()"],
  ])("%# %s", (module, text) => {
    expect(`${module}`).toBe(text);
  });
});

describe("convolutions", () => {
  it("take one example without a batch dimension", async () => {
    const conv = new Conv2d(2, 3, 3, { padding: 1 });
    const x = randn([2, 5, 4]);
    const y = conv.call(x);
    expect(y.shape).toEqual([3, 5, 4]);
    await expectClose(y, Array.from(await conv.call(x.unsqueeze(0)).data(), Number));
  });

  it.each(["reflect", "replicate", "circular"] as const)("pad by %s as pad does", async (paddingMode) => {
    const conv = new Conv2d(1, 1, 3, { padding: [2, 1], paddingMode });
    const plain = new Conv2d(1, 1, 3);
    plain.loadStateDict(conv.stateDict());
    const x = randn([1, 1, 4, 5]);
    const padded = F.pad(x, [1, 1, 2, 2], { mode: paddingMode });
    await expectClose(conv.call(x), await numbers(plain.call(padded)));
  });

  it("refuse what torch refuses", () => {
    expect(() => new Conv2d(3, 4, 3, { groups: 2 })).toThrow(/groups 2 must divide the channels, 3 in and 4 out/);
    expect(() => new Conv2d(3, 4, [3, 3, 3])).toThrow(/kernelSize is \[3, 3, 3\]; give one number, or 2 of them/);
    expect(() => new Conv2d(3, 4, 3).call(zeros([1, 2, 8, 8]))).toThrow(/has 2 channels; a weight of \[4, 3, 3, 3\]/);
    expect(() => new Conv2d(3, 4, 3).call(zeros([3, 8]))).toThrow(/takes 4 dimensions, or 3 for one example/);
    expect(() => new Conv2d(3, 4, 9).call(zeros([1, 3, 8, 8]))).toThrow(/conv2d.*larger/);
    expect(() => F.conv2d(zeros([1, 1, 4, 4]), zeros([1, 1, 3, 3]), null, { padding: "same", stride: 2 })).toThrow(
      /padding "same" with stride \[2, 2\]; it needs stride 1/,
    );
    expect(() => new Linear(3, 2).call(zeros([2, 4]))).toThrow(/linear: the input is \[2, 4\] and the weight \[2, 3\]/);
  });

  it("fold adds up what unfold took apart", async () => {
    const x = count(1, 2, 4, 5);
    const options = { stride: [1, 2], padding: 1 };
    const columns = F.unfold(x, [3, 2], options);
    expect(columns.shape).toEqual([1, 12, 12]);
    const times = F.fold(F.unfold(ones([1, 2, 4, 5]), [3, 2], options), [4, 5], [3, 2], options);
    const back = F.fold(columns, [4, 5], [3, 2], options).div(times);
    await expectClose(back, await numbers(x));
  });
});

describe("pools", () => {
  it("give positions of maxima in the flattened plane", async () => {
    const x = tensor([1, 9, 2, 3, 4, 8, 7, 6, 5], { shape: [1, 1, 3, 3] });
    const { values, indices } = F.maxPool2dWithIndices(x, 2, { stride: 1, padding: 1 });
    await expectClose(values, [1, 9, 9, 2, 3, 9, 9, 8, 7, 7, 8, 8, 7, 7, 6, 5]);
    await expectClose(indices, [0, 1, 1, 2, 3, 1, 1, 5, 6, 6, 5, 5, 6, 6, 7, 8]);
  });

  it("send the gradient of equal maxima to the first", async () => {
    const x = ones([1, 1, 3, 3], { requiresGrad: true });
    F.maxPool2d(x, 2, { stride: 1 }).sum().backward();
    await expectClose(x.grad!, [1, 1, 0, 1, 1, 0, 0, 0, 0]);
  });

  it("refuse kernels that do not fit and padding beyond half of them", () => {
    expect(() => F.maxPool2d(zeros([1, 1, 2, 2]), 3)).toThrow(/maxPool2d: a kernel of 3×3 does not fit/);
    expect(() => F.avgPool2d(zeros([1, 1, 8, 8]), 2, { padding: 2 })).toThrow(/more than half the kernel's 2/);
    expect(() => F.adaptiveAvgPool2d(zeros([1, 1, 8, 8]), [0, 1])).toThrow(/give 2 positive sizes/);
  });

  it("adaptive averages preserve the mean of evenly divided inputs", async () => {
    const size = fc.record({ oh: fc.integer({ min: 1, max: 4 }), ow: fc.integer({ min: 1, max: 4 }) });
    await fc.assert(
      fc.asyncProperty(size, async ({ oh, ow }) => {
        const x = randn([1, 1, 12, 12]);
        const mean = await x.mean().item();
        expect(await F.adaptiveAvgPool2d(x, [oh, ow]).mean().item()).toBeCloseTo(mean, 5);
      }),
      { numRuns: 8 },
    );
  });
});

describe("resizing", () => {
  it("keeps constants constant in every mode and size", async () => {
    const modes = ["nearest", "nearest-exact", "bilinear", "bicubic", "area"] as const;
    const given = fc.record({
      mode: fc.constantFrom(...modes),
      size: fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 })),
      antialias: fc.boolean(),
      alignCorners: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(given, async ({ mode, size, antialias, alignCorners }) => {
        const linear = mode === "bilinear" || mode === "bicubic";
        const y = F.interpolate(ones([1, 1, 4, 5]), {
          mode,
          size,
          antialias: linear && antialias,
          alignCorners: linear && alignCorners,
        });
        expect(y.shape).toEqual([1, 1, ...size]);
        for (const v of await y.data()) expect(v).toBeCloseTo(1, 5);
      }),
      { numRuns: 15 },
    );
  });

  it("refuses contradictory options", () => {
    expect(() => F.interpolate(zeros([1, 1, 4, 4]))).toThrow(/give size or scaleFactor/);
    expect(() => F.interpolate(zeros([1, 1, 4, 4]), { size: 2, mode: "trilinear" })).toThrow(/5 dimensions/);
    expect(() => F.interpolate(zeros([1, 1, 4, 4]), { size: 2, antialias: true })).toThrow(/antialias/);
  });
});

describe("dropout", () => {
  it("drops the share it should, scales the rest, and nothing in evaluation", async () => {
    manualSeed(3);
    const drop = new Dropout({ p: 0.25 });
    const y = await numbers(drop.call(ones([100, 100])));
    const zeroed = y.filter((v) => v === 0).length / y.length;
    expect(zeroed).toBeGreaterThan(0.23);
    expect(zeroed).toBeLessThan(0.27);
    expect(new Set(y).size).toBe(2);
    expect(Math.max(...y)).toBeCloseTo(4 / 3, 6);
    const x = ones([4]);
    expect(drop.eval().call(x)).toBe(x);
    expect(() => new Dropout({ p: 1.5 })).toThrow(/probability is 1.5/);
  });

  it("Dropout2d drops whole channels", async () => {
    manualSeed(1);
    const y = await numbers(new Dropout2d({ p: 0.5 }).call(ones([8, 8, 2, 2])));
    const channels = Array.from({ length: 64 }, (_, c) => new Set(y.slice(4 * c, 4 * c + 4)).size);
    expect(channels.every((values) => values === 1)).toBe(true);
    expect(new Set(y).size).toBe(2);
  });

  it("gives the same mask for the same seed, and passes gradients where it passed values", async () => {
    const run = async (): Promise<[number[], number[]]> => {
      manualSeed(7);
      const x = ones([64], { requiresGrad: true });
      const y = F.dropout(x);
      y.sum().backward();
      return [await numbers(y), await numbers(x.grad!)];
    };
    const [values, grads] = await run();
    expect(grads).toEqual(values);
    expect((await run())[0]).toEqual(values);
  });
});

describe("losses", () => {
  it("name a label out of range and the number of classes", () => {
    const logits = zeros([3, 4]);
    const labels = (...values: number[]) => fromHost(BigInt64Array.from(values, BigInt), [values.length], "int64");
    expect(() => F.crossEntropy(logits, labels(0, 4, 1))).toThrow(
      /label 4 \(at position 1\) is out of range: the input has 4 classes \(0 to 3\)/,
    );
    expect(() => F.crossEntropy(logits, labels(0, -1, 1))).toThrow(/label -1/);
    expect(() => F.crossEntropy(logits, labels(0, -1, 1), { ignoreIndex: -1 })).not.toThrow();
    expect(() => F.nllLoss(logits, labels(9, 0, 0))).toThrow(/nllLoss: label 9/);
    expect(() => F.embedding(labels(10), zeros([10, 2]))).toThrow(/index 10 is out of range: the table has 10 rows/);
  });

  it("refuse shapes that do not fit", () => {
    expect(() => F.crossEntropy(zeros([3, 4]), tensor([1, 2], { dtype: "int32" }))).toThrow(/expected labels \[3\]/);
    expect(() => F.crossEntropy(zeros([3, 4]), zeros([3]))).toThrow(
      /shapes must be equal \(labels would be integers\)/,
    );
    expect(() => F.mseLoss(zeros([3, 1]), zeros([3]))).toThrow(/the input is \[3, 1\] and the target \[3\]/);
    expect(() => F.crossEntropy(zeros([3, 4]), zeros([3], { dtype: "int32" }), { weight: ones([3]) })).toThrow(
      /4 classes take \[4\]/,
    );
  });

  it("ignore examples, also all of them", async () => {
    const logits = tensor(
      [
        [1, 2],
        [3, 5],
      ],
      { requiresGrad: true },
    );
    const loss = F.crossEntropy(logits, tensor([0, -100], { dtype: "int32" }));
    loss.backward();
    expect(await loss.item()).toBeCloseTo(Math.log(1 + Math.E), 5);
    await expectClose(logits.grad!, [-0.7310586, 0.7310586, 0, 0]);
    expect(await F.crossEntropy(logits, tensor([-100, -100], { dtype: "int32" })).item()).toBeNaN();
  });

  it("take weights as buffers that move with them", async () => {
    const loss = new CrossEntropyLoss({ weight: tensor([1, 3]), labelSmoothing: 0.1 });
    expect([...loss.stateDict().keys()]).toEqual(["weight"]);
    const value = loss.call(
      tensor([
        [0.2, -0.4],
        [1, 0.5],
        [0.1, 0.9],
      ]),
      tensor([1, 0, 1], { dtype: "int32" }),
    );
    expect(await value.item()).toBeCloseTo(0.6701988, 5);
  });
});

describe("attention", () => {
  const attention = (): MultiheadAttention => {
    const layer = new MultiheadAttention(4, 2, { batchFirst: true });
    noGrad(() => {
      layer.in_proj_weight.copy_(count(12, 4).mul(0.37).sin());
      layer.out_proj.weight.copy_(count(4, 4).mul(0.53).cos());
    });
    return layer;
  };

  it("has torch's names and order", () => {
    expect([...attention().stateDict().keys()]).toEqual([
      "in_proj_weight",
      "in_proj_bias",
      "out_proj.weight",
      "out_proj.bias",
    ]);
  });

  it("leaves out masked keys, whichever way they are masked", async () => {
    const layer = attention();
    const x = count(1, 3, 4).mul(0.2).cos();
    const [open, weights] = layer.call(x, x, x);
    expect(weights!.shape).toEqual([1, 3, 3]);
    const masked = tensor([[false, false, true]]);
    const [padded, paddedWeights] = layer.call(x, x, x, { keyPaddingMask: masked });
    const [blocked] = layer.call(x, x, x, { attnMask: masked.expand([3, 3]) });
    const two = x.narrow(1, 0, 2);
    const [shorter] = layer.call(x, two, two);
    const expected = await numbers(shorter);
    await expectClose(padded, expected);
    await expectClose(blocked, expected);
    expect((await paddedWeights!.data())[2]).toBe(0);
    expect((await open.sub(padded).abs().amax().item()) > 1e-3).toBe(true);
    expect(layer.call(x, x, x, { needWeights: false })[1]).toBeNull();
    expect(layer.call(x, x, x, { averageAttnWeights: false })[1]!.shape).toEqual([1, 2, 3, 3]);
  });

  it("is causal when asked", async () => {
    const [q, v] = [randn([1, 4, 8]), randn([1, 4, 8])];
    const y = F.scaledDotProductAttention(q, q, v, { isCausal: true });
    await expectClose(y.narrow(1, 0, 1), await numbers(v.narrow(1, 0, 1)));
    expect(() => F.scaledDotProductAttention(q, q, v, { isCausal: true, attnMask: ones([4, 4]) })).toThrow(/not both/);
  });
});

describe("embedding", () => {
  it("keeps its padding row at zero and without gradient", async () => {
    const table = new Embedding(4, 2, { paddingIdx: 1 });
    await expectClose(table.weight.at(1), [0, 0]);
    const y = table.call(
      tensor(
        [
          [1, 2],
          [2, 3],
        ],
        { dtype: "int32" },
      ),
    );
    expect(y.shape).toEqual([2, 2, 2]);
    y.sum().backward();
    await expectClose(table.weight.grad!, [0, 0, 0, 0, 2, 2, 1, 1]);
  });
});

describe("normalisation in evaluation", () => {
  it("is what running statistics say", async () => {
    const bn = new BatchNorm2d(1, { eps: 0 }).eval();
    noGrad(() => {
      bn.running_mean!.fill_(2);
      bn.running_var!.fill_(4);
      bn.weight!.fill_(3);
      bn.bias!.fill_(1);
    });
    await expectClose(bn.call(tensor([[[[0, 2, 6]]]])), [-2, 1, 7]);
  });
});
