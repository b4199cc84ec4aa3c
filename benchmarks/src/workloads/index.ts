// All workloads, in the order of the report.

import { convolutions } from "./convolution.js";
import { matmuls } from "./matmul.js";
import { resnet18s } from "./resnet18.js";
import { smallCnn } from "./small-cnn.js";

export const allWorkloads = [...matmuls, ...convolutions, ...resnet18s, smallCnn];
