/** Loop kernels (elementwise, reductions, rows of both) as WGSL. */

import type { LoopKernel } from "../../kernel.js";
import type { KernelProgram, Target } from "../program.js";
import { printMap } from "./loop-map.js";
import { orderLoop } from "./loop-order.js";
import { printRows } from "./loop-rows.js";

/** The program of a loop kernel. `elements[i]` is the size of its buffer i. */
export function printLoop(kernel: LoopKernel, elements: readonly number[], target: Target): KernelProgram {
  const ordered = orderLoop(kernel);
  const { inner, stages } = ordered.kernel;
  const isMap = inner.length === 0 && stages.every((s) => s.kind === "store" && s.per === "row");
  return isMap ? printMap(ordered.kernel, elements, target) : printRows(ordered, elements, target);
}
