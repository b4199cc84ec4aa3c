// All workloads, in the order of the report.

import type { Workload } from "../workload.js";
import { checkpoints } from "./checkpoints.js";
import { convolutions } from "./convolution.js";
import { elementwise } from "./elementwise.js";
import { matmuls } from "./matmul.js";
import { networks } from "./networks.js";
import { smallCnn } from "./small-cnn.js";

/** @param checkpoint a `.pth` of a state dict for the checkpoint workloads to use; one is made by default */
export const allWorkloads = (checkpoint?: string): Workload[] => [
  ...matmuls,
  ...convolutions,
  ...elementwise,
  ...networks,
  smallCnn,
  ...checkpoints(checkpoint),
];
