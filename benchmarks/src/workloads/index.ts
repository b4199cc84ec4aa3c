// All workloads, in the order of the report.

import type { Workload } from "../workload.js";
import { type CheckpointFiles, checkpoints } from "./checkpoints.js";
import { convolutions } from "./convolution.js";
import { elementwise } from "./elementwise.js";
import { matmuls } from "./matmul.js";
import { networks } from "./networks.js";
import { smallCnn } from "./small-cnn.js";

export const allWorkloads = (files: CheckpointFiles): Workload[] => [
  ...matmuls,
  ...convolutions,
  ...elementwise,
  ...networks,
  smallCnn,
  ...checkpoints(files),
];
