/** Initial values are spread as torchvision's are: their mean, deviation and shape, in every family. */

import { init } from "@kindling/core";
import type { Module } from "@kindling/nn";
import { models } from "@kindling/vision";
import { beforeAll, expect, it } from "vitest";
import { blank, type Spread, torchvision } from "./recorded.js";

beforeAll(() => init({ device: "cpu" }));

/** Models that are not those of the builder of the name. */
const OPTIONED: Record<string, () => Module> = {
  alexnet: () => models.alexnet({ numClasses: 10 }),
  vgg11_bn: () => models.vgg11_bn({ numClasses: 10 }),
  "vgg11 as layers": () => models.vgg11({ numClasses: 10, initWeights: false }),
  resnet18: () => models.resnet18({ zeroInitResidual: true }),
  "googlenet as layers": () => models.googlenet({ initWeights: false }),
  vit_b_32: () => models.vit_b_32({ representationSize: 200 }),
  "vit with convolutions": () => models.vit_b_32({ convStemConfigs: [{ outChannels: 48, kernelSize: 3, stride: 32 }] }),
};

/** How far the means of draws of two generators may be apart, in standard errors. */
const SIGMAS = 6;

function expectSpread(values: Float32Array, [key, mean, std, largest]: Spread): void {
  const got = values.reduce((sum, v) => sum + v, 0) / values.length;
  const gotStd = Math.sqrt(values.reduce((sum, v) => sum + (v - got) ** 2, 0) / values.length);
  const slack = std * SIGMAS * Math.sqrt(2 / values.length) + 1e-6 * Math.abs(mean);
  expect(Math.abs(got - mean), `mean of ${key}`).toBeLessThanOrEqual(slack);
  expect(Math.abs(gotStd - std), `deviation of ${key}`).toBeLessThanOrEqual(slack);
  // Uniform values end at 1.73 deviations, and of hundreds of normal ones some lie beyond 2.
  const gotLargest = values.reduce((most, v) => Math.max(most, Math.abs(v - got)), 0);
  if (std > slack) expect(gotLargest > 2 * gotStd, `shape of ${key}`).toBe(largest > 2 * std);
}

it.each(Object.keys(torchvision.initialValues))("%s", async (name) => {
  const model = (OPTIONED[name] ?? (() => models.getModel(name)))();
  const spreads = torchvision.initialValues[name];
  blank(model, new Set(spreads.map(([key]) => key)));
  const parameters = new Map(model.namedParameters());
  for (const spread of spreads) expectSpread((await parameters.get(spread[0])!.data()) as Float32Array, spread);
});
