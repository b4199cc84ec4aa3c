/**
 * Sorts as WGSL: rows are cut into runs that are sorted by themselves, and these are merged two by two. Only as many
 * elements of a run are kept as are asked for, so that the largest few of a long row cost little more than reading it.
 */

import type { SortKernel } from "../../kernel.js";
import { numelOf } from "../../node.js";
import type { KernelProgram, Pass, Target } from "../program.js";
import { powerAbove, powerBelow } from "./powers.js";
import { bitonicPass, countingPass } from "./sort-blocks.js";
import { mergePass } from "./sort-merge.js";
import { keptBy, type Runs, runsOf, type Side, type Sink } from "./sort-runs.js";

/** Rows so short that counting is as fast as anything: on a graphics card, and where barriers are dear. */
const COUNTED = 32;
const COUNTED_BY_SOFTWARE = 256;
/** The length of runs that are sorted by counting. */
const COUNTED_RUN = 64;
/** Bytes of a key and a position. */
const ENTRY_BYTES = 8;

/** How the first pass sorts: runs of `span`, in a network of `network` places, or by counting. */
interface Blocks {
  readonly span: number;
  readonly network?: number;
}

function blocksOf({ length }: SortKernel, { software, workgroupBytes }: Target): Blocks {
  if (software) return { span: length <= COUNTED_BY_SOFTWARE ? length : COUNTED_RUN };
  if (length <= COUNTED) return { span: length };
  const most = powerBelow(workgroupBytes / ENTRY_BYTES);
  const network = Math.min(most, powerAbove(length));
  return { span: Math.min(length, network), network };
}

/** The program of a sort. `elements[i]` is the size of its buffer i. */
export function printSort(kernel: SortKernel, elements: readonly number[], target: Target): KernelProgram {
  const { rows, length, take, name } = kernel;
  const rowCount = numelOf(rows);
  if (rowCount * length * take === 0) return { passes: [], scratch: [] };
  const blocks = blocksOf(kernel, target);
  const title = `${name}: ${rows.join(" × ") || 1} rows, ${take} of ${length}`;
  const passes: Pass[] = [];
  const sides = [0, 0];
  const sinkOf = (runs: Runs, side: Side): Sink => {
    if (runs.count === 1) return "target";
    sides[side] = Math.max(sides[side], keptBy(runs));
    return side;
  };

  let side: Side = 0;
  let runs = runsOf(rowCount, kernel, blocks.span);
  const first = { kernel, runs, sink: sinkOf(runs, side), elements, target, title: `${title}, runs of ${blocks.span}` };
  passes.push(blocks.network ? bitonicPass(first, blocks.network) : countingPass(first));
  while (runs.count > 1) {
    const merged = runsOf(rowCount, kernel, 2 * runs.span);
    const next: Side = side === 0 ? 1 : 0;
    const to = { sink: sinkOf(merged, next), runs: merged };
    passes.push(mergePass(kernel, { side, runs }, to, elements, target, `${title}, merging runs of ${runs.span}`));
    [runs, side] = [merged, next];
  }
  return { passes, scratch: sides.filter((size) => size > 0).flatMap((size) => [size, size]) };
}
