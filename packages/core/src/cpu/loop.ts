/**
 * Prints loop kernels (elementwise, reductions, rows of both) as WebAssembly SIMD: `loop-split` cuts long rows,
 * `loop-keep` saves work, `loop-normal` simplifies the kernel, `loop-structure` separates what is code from what is a
 * parameter, `loop-code` and `loop-values` print the code.
 */

import { postorder } from "../expr.js";
import type { LoopKernel } from "../kernel.js";
import { numelOf } from "../node.js";
import { costOf } from "./cost.js";
import { type CpuKernel, type CpuStage, moduleCode } from "./kernel.js";
import { printLoopRun, type TASK_WORDS } from "./loop-code.js";
import { keepValues } from "./loop-keep.js";
import { type NormalLoop, normalizeLoop } from "./loop-normal.js";
import { splitLoop } from "./loop-split.js";
import { type LoopStructure, structureOf, TILE_ROWS } from "./loop-structure.js";
import { Params } from "./params.js";

/** The most pieces that a kernel is cut into, and the least work (in rough instructions) worth a piece of its own. */
const MOST_TASKS = 64;
const TASK_WORK = 1 << 15;
/** Chunks of the lanes' dimension are multiples of this, so that only the last has a tail. */
const CHUNK = 64;
/** Where tiles are transposed each lane reads another page: few enough for the TLB, many enough for long writes. */
const TILED_CHUNK = 128;

/** Tells structures apart. JSON does so, but for constants that it does not keep apart. */
function keyOf(structure: LoopStructure): string {
  const lost = structure.nodes.flatMap(({ op, value }) =>
    op === "const" && (!Number.isFinite(value) || Object.is(value, -0)) ? [Object.is(value, -0) ? "-0" : value] : [],
  );
  return `${JSON.stringify(structure)} ${lost}`;
}

/** The program of a loop kernel, and its parameters. */
export function printLoop(kernel: LoopKernel): CpuKernel {
  const { parts, workspace } = splitLoop(kernel);
  return { stages: parts.map(printPart), workspace };
}

function printPart(kernel: LoopKernel): CpuStage {
  const normal = normalizeLoop(keepValues(kernel));
  const params = new Params();
  const { tasks, words } = divide(normal);
  for (const name of ["units", "unitsPerTask", "rows", "chunk"] as const) params.word(words[name]);
  const structure = structureOf(normal, params);
  return {
    code: moduleCode(`loop ${keyOf(structure)}`, (m) => printLoopRun(m, structure)),
    tasks,
    scratch: 0,
    ...params.finish(),
  };
}

/** Cuts the rows, and where rows are few and lanes run along them also the lanes' dimension, into tasks. */
function divide({ kernel, lanes, tiled }: NormalLoop): {
  tasks: number;
  words: Record<keyof typeof TASK_WORDS, number>;
} {
  const laneSize = lanes === "rows" ? kernel.rows[kernel.rows.length - 1] : 1;
  const rows = numelOf(lanes === "rows" ? kernel.rows.slice(0, -1) : kernel.rows);
  const points = numelOf(kernel.rows) * numelOf(kernel.inner);
  const perPoint = costOf(postorder(kernel.stages.map((s) => s.value))) + kernel.sources.length + kernel.stages.length;
  const work = (points * perPoint) / 4;
  const wanted = Math.max(1, Math.min(MOST_TASKS, Math.floor(work / TASK_WORK)));
  const piece = laneSize / Math.max(1, Math.ceil(wanted / Math.max(rows, 1)));
  const chunk = Math.min(laneSize, tiled ? TILED_CHUNK : Math.ceil(piece / CHUNK) * CHUNK);
  const units = laneSize === 0 ? 0 : rows * Math.ceil(laneSize / chunk);
  const grain = tiled ? TILE_ROWS : 1;
  const unitsPerTask = Math.max(1, Math.ceil(units / wanted / grain)) * grain;
  return { tasks: Math.ceil(units / unitsPerTask), words: { units, unitsPerTask, rows, chunk } };
}
