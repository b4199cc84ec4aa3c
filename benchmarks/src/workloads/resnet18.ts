// ResNet-18 at 224×224: inference, a step over all layers, a step over a new head alone.

import { noGrad } from "@kindling/core";
import * as nn from "@kindling/nn";
import { models } from "@kindling/vision";
import type { ResNet18Task } from "../../peers/tasks.js";
import { input, type Run, realize, type Workload } from "../workload.js";
import { trainingStep } from "./training.js";

const size = 224;

/** Multiply-adds of a forward pass over one picture, as torchvision states them for its ResNet-18, times two. The gradients
 *  of all layers take about twice that again. */
const forwardFlops = 2 * 1.814e9;

function prepare(pass: ResNet18Task["pass"], batch: number): Run {
  const model = models.resnet18();
  if (pass === "inference") {
    model.eval();
    const pictures = input([batch, 3, size, size]);
    return () => realize(noGrad(() => model.call(pictures)));
  }
  if (pass === "head") {
    model.requiresGrad_(false);
    model.fc = new nn.Linear(512, 10);
  }
  return trainingStep(model, [batch, 3, size, size]);
}

const resnet18 = (name: string, pass: ResNet18Task["pass"], batch: number): Workload => ({
  task: { name, op: "resnet18", pass, batch, size },
  flops: batch * forwardFlops * (pass === "train" ? 3 : 1),
  prepare: () => prepare(pass, batch),
});

export const resnet18s = [
  resnet18("resnet18 inference b1", "inference", 1),
  resnet18("resnet18 inference b8", "inference", 8),
  resnet18("resnet18 training step b8", "train", 8),
  resnet18("resnet18 head-only step b8", "head", 8),
];
