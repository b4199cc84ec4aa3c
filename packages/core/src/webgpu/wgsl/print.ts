/** Every kind of kernel as WGSL, cut into slices where its buffers lie in more pieces than a dispatch binds. */

import { DeviceError } from "../../errors.js";
import type { Kernel } from "../../kernel.js";
import { usesOf } from "../../uses.js";
import type { KernelProgram, Pass, Printer, Target } from "../program.js";
import { printConv } from "./conv.js";
import { printLoop } from "./loop.js";
import { printMatmul } from "./matmul.js";
import { printScan } from "./scan.js";
import { reachOf } from "./shader.js";
import { divisions } from "./slice.js";
import { printSort } from "./sort.js";

export const printKernel: Printer = (kernel, elements, target) => {
  const program = printWhole(kernel, elements, target);
  if (program.passes.every(({ bindings }) => bindings.length <= target.storageBuffers)) return program;
  const halves = divide(kernel, elements, target);
  return halves.map((half) => printKernel(half, elements, target)).reduce(join);
};

function printWhole(kernel: Kernel, elements: readonly number[], target: Target): KernelProgram {
  switch (kernel.kind) {
    case "loop":
      return printLoop(kernel, elements, target);
    case "matmul":
      return printMatmul(kernel, elements, target);
    case "scan":
      return printScan(kernel, elements, target);
    case "sort":
      return printSort(kernel, elements, target);
    default:
      return printConv(kernel, elements, target);
  }
}

/** Pieces that a kernel reaches, over all its buffers. */
function piecesOf(kernel: Kernel, elements: readonly number[], { pieceElements }: Target): number {
  const reached = new Set<string>();
  for (const use of usesOf(kernel)) {
    const { buffer } = use.access;
    const { low, high } = reachOf(use, elements[buffer]);
    for (let p = Math.floor(low / pieceElements); p <= Math.floor(high / pieceElements); p++)
      reached.add(`${buffer} ${p}`);
  }
  return reached.size;
}

/** The two parts, of all that a cut can give, of which the larger reaches the fewest pieces. */
function divide(kernel: Kernel, elements: readonly number[], target: Target): readonly [Kernel, Kernel] {
  let best: { pieces: number; halves: readonly [Kernel, Kernel] } | undefined;
  for (const { size, target: output, stride, slice } of divisions(kernel)) {
    if (size < 2) continue;
    const at = cutNear(size, output.offset, stride, target.pieceElements);
    const halves = [slice(0, at), slice(at, size - at)] as const;
    const pieces = Math.max(...halves.map((half) => piecesOf(half, elements, target)));
    if (!best || pieces < best.pieces) best = { pieces, halves };
  }
  if (best) return best.halves;
  throw new DeviceError(
    `the kernel ${kernel.name} reaches ${piecesOf(kernel, elements, target)} pieces of its buffers at once, and a ` +
      `dispatch of this adapter binds ${target.storageBuffers}: use a smaller batch, or another device`,
  );
}

/** Where to cut a dimension: at the end of a piece of the output if there is one, the nearest to the middle. */
function cutNear(size: number, offset: number, stride: number, pieceElements: number): number {
  const middle = size >> 1;
  if (stride <= 0) return middle;
  const boundary = Math.round((offset + middle * stride) / pieceElements) * pieceElements;
  const at = Math.ceil((boundary - offset) / stride);
  return at > 0 && at < size ? at : middle;
}

/** One program after the other. */
function join(first: KernelProgram, second: KernelProgram): KernelProgram {
  const behind = first.scratch.length;
  const moved = second.passes.map(
    (pass): Pass => ({
      ...pass,
      bindings: pass.bindings.map((b) => (b.of === "scratch" ? { ...b, index: b.index + behind } : b)),
    }),
  );
  return { passes: [...first.passes, ...moved], scratch: [...first.scratch, ...second.scratch] };
}
