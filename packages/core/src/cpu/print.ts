/** Prints a kernel as WebAssembly. */

import type { Kernel } from "../kernel.js";
import { type ConvOptions, printConv } from "./conv.js";
import { printMatmul } from "./gemm.js";
import type { CpuKernel } from "./kernel.js";
import { printLoop } from "./loop.js";
import { printScan } from "./scan.js";
import { printSort } from "./sort.js";

export function printKernel(kernel: Kernel, options: ConvOptions = {}): CpuKernel {
  switch (kernel.kind) {
    case "loop":
      return printLoop(kernel);
    case "matmul":
      return printMatmul(kernel);
    case "conv2d":
    case "conv2dInputGrad":
    case "conv2dWeightGrad":
      return printConv(kernel, options);
    case "scan":
      return printScan(kernel);
    case "sort":
      return printSort(kernel);
  }
}
