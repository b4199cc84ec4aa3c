// A training step of a small convolutional network on 28×28 pictures, batch 64: overhead counts as much as arithmetic.

import * as nn from "@kindling/nn";
import type { Workload } from "../workload.js";
import { trainingStep } from "./training.js";

const batch = 64;
const size = 28;

const network = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(1, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(32, 64, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(64 * 7 * 7, 128),
    new nn.ReLU(),
    new nn.Linear(128, 10),
  );

export const smallCnn: Workload = {
  task: { name: "small CNN step b64", op: "smallCnn", batch, size },
  prepare: () => trainingStep(network(), [batch, 1, size, size]),
};
