// Convolutions at the shapes of ResNets and of networks of depthwise convolutions, batch 8: forward, input gradient, weight
// gradient.

import { grad, scoped } from "@kindling/core";
import * as nn from "@kindling/nn";
import type { Conv2dTask } from "../../peers/tasks.js";
import { input, type Run, realize, type Workload } from "../workload.js";

type Layer = Omit<Conv2dTask, "op" | "pass"> & { label: string };

const batch = 8;

const plain = (kernel: number, channels: number, size: number): Layer => ({
  label: `${kernel}x${kernel} ${channels}@${size}`,
  batch,
  inChannels: channels,
  outChannels: channels,
  size,
  kernel,
  stride: 1,
  padding: kernel >> 1,
  groups: 1,
});

const layers: Layer[] = [
  plain(3, 64, 56),
  plain(3, 128, 28),
  plain(3, 256, 14),
  plain(3, 512, 7),
  { ...plain(7, 64, 224), label: "7x7 s2 3to64@224", inChannels: 3, stride: 2 },
  { ...plain(3, 64, 56), label: "3x3 s2 64to128@56", outChannels: 128, stride: 2 },
  { ...plain(1, 256, 56), label: "1x1 256to64@56", outChannels: 64 },
  { ...plain(1, 64, 56), label: "1x1 64to256@56", outChannels: 256 },
  { ...plain(1, 1024, 14), label: "1x1 1024to256@14", outChannels: 256 },
  { ...plain(3, 144, 56), label: "depthwise 3x3 144@56", groups: 144 },
  { ...plain(3, 96, 112), label: "depthwise 3x3 s2 96@112", groups: 96, stride: 2 },
  { ...plain(5, 240, 28), label: "depthwise 5x5 240@28", groups: 240 },
];

function prepare(layer: Layer, pass: Conv2dTask["pass"]): Run {
  const { inChannels, outChannels, size, kernel, stride, padding, groups } = layer;
  const options = { stride, padding, groups };
  const x = input([batch, inChannels, size, size], { requiresGrad: pass === "inputGrad" });
  const weight = input([outChannels, inChannels / groups, kernel, kernel], { requiresGrad: pass === "weightGrad" });
  const convolve = () => nn.functional.conv2d(x, weight, null, options);
  if (pass === "forward") return () => realize(convolve());
  const outSize = outputSize(layer);
  const gradOutputs = [input([batch, outChannels, outSize, outSize])];
  const wanted = pass === "inputGrad" ? x : weight;
  // The convolution itself, an inner value of the scope that nobody reads, is never computed.
  return () => realize(scoped(() => grad(convolve(), wanted, { gradOutputs })));
}

const outputSize = ({ size, kernel, stride, padding }: Layer): number =>
  Math.floor((size + 2 * padding - kernel) / stride) + 1;

/** All three passes multiply the same pairs of numbers. */
const flops = (layer: Layer): number =>
  2 * batch * layer.outChannels * outputSize(layer) ** 2 * (layer.inChannels / layer.groups) * layer.kernel ** 2;

const passes = { forward: "forward", inputGrad: "input gradient", weightGrad: "weight gradient" } as const;

function convolution(layer: Layer, pass: keyof typeof passes): Workload {
  const { label, ...shape } = layer;
  return {
    task: { name: `conv ${label} ${passes[pass]}`, op: "conv2d", pass, ...shape },
    flops: flops(layer),
    prepare: () => prepare(layer, pass),
  };
}

export const convolutions = (Object.keys(passes) as (keyof typeof passes)[]).flatMap((pass) =>
  layers.map((layer) => convolution(layer, pass)),
);
