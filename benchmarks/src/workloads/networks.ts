// torchvision's networks at 224×224: inference, a step over all layers, a step over a new head alone.

import { noGrad } from "@kindling/core";
import { models } from "@kindling/vision";
import type { NetworkTask } from "../../peers/tasks.js";
import { input, type Run, realize, type Workload } from "../workload.js";
import { trainingStep } from "./training.js";

const size = 224;

/** Multiply-adds of a forward pass over one picture, in billions, as torchvision states them. */
const multiplyAdds = {
  resnet18: 1.814,
  resnet50: 4.089,
  mobilenet_v2: 0.301,
  efficientnet_b0: 0.386,
  convnext_tiny: 4.456,
  densenet121: 2.834,
  vit_b_16: 17.564,
};

type Network = keyof typeof multiplyAdds;

function prepare(name: Network, pass: NetworkTask["pass"], batch: number): Run {
  const shape = [batch, 3, size, size] as const;
  const model = models.getModel(name);
  if (pass === "inference") {
    model.eval();
    const pictures = input(shape);
    return () => realize(noGrad(() => model.call(pictures)));
  }
  if (pass === "head") {
    model.requiresGrad_(false);
    models.replaceHead(model, 10);
  }
  return trainingStep(model, shape);
}

const passes: Record<NetworkTask["pass"], string> = {
  inference: "inference",
  train: "training step",
  head: "head-only step",
};

const network = (model: Network, pass: NetworkTask["pass"], batch: number): Workload => ({
  task: { name: `${model} ${passes[pass]} b${batch}`, op: "network", model, pass, batch, size },
  // The gradients of all layers take about twice what the forward pass takes.
  flops: 2e9 * multiplyAdds[model] * batch * (pass === "train" ? 3 : 1),
  prepare: () => prepare(model, pass, batch),
});

const names = Object.keys(multiplyAdds) as Network[];

export const networks = [
  ...names.map((name) => network(name, "inference", 1)),
  network("resnet18", "inference", 8),
  network("mobilenet_v2", "inference", 8),
  network("resnet18", "train", 8),
  network("resnet18", "head", 8),
  network("resnet50", "train", 8),
  network("mobilenet_v2", "train", 8),
];
