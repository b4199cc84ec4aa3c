/**
 * Puts a `LoopKernel` into the form that the printer likes: simplified, and with the dimension along which four lanes
 * run as the last of its group. The choices depend on the kernel alone, so its results do not depend on who runs it.
 */

import { expr, postorder } from "../expr.js";
import type { Access, LoopKernel } from "../kernel.js";
import { dimensions, mapParts, mergeDims, selectDims, simplifyLoop } from "../loop-merge.js";
import { numelOf } from "../node.js";
import { costOf } from "./cost.js";
import { CPU_BYTES } from "./kernel.js";

export interface NormalLoop {
  readonly kernel: LoopKernel;
  /** The group whose last dimension the lanes run along. */
  readonly lanes: "rows" | "inner";
  /** Whether rows that differ in the last dimension before the lanes' are done in tiles, because what is apart along the
   *  lanes is together along that dimension. */
  readonly tiled: boolean;
}

export function normalizeLoop(kernel: LoopKernel): NormalLoop {
  const simple = simplifyLoop(kernel);
  const merged = simple.rows.length > 0 ? simple : withUnitRow(simple);
  const { group, position } = chooseLanes(merged);
  const { rows, inner } = dimensions(merged);
  const last = (dims: number[], d: number): number[] => [...dims.filter((x) => x !== d), d];
  if (group === "inner")
    return { kernel: mergeDims(selectDims(merged, rows, last(inner, position))), lanes: group, tiled: false };
  const tile = merged.sources.map((s) => acrossDim(merged, s, position)).find((d) => d >= 0);
  const outer = tile === undefined ? rows : last(rows, tile);
  return {
    kernel: mergeDims(selectDims(merged, last(outer, position), inner)),
    lanes: group,
    tiled: tile !== undefined,
  };
}

/**
 * The dimension along which elements of a source are neighbours that are apart along the lanes, where such tiles can be
 * transposed; else −1.
 */
function acrossDim({ rows, stages }: LoopKernel, { dtype, strides, bounds, indirect }: Access, lanes: number): number {
  if (stages.some((s) => s.kind === "reduce") || CPU_BYTES[dtype] !== 4 || bounds.length > 0 || indirect.length > 0)
    return -1;
  if (Math.abs(strides[lanes] ?? 0) <= 1) return -1;
  return rows.findIndex((size, d) => d !== lanes && strides[d] === 1 && size >= 4);
}

/** The lanes need a dimension to run along. */
function withUnitRow(kernel: LoopKernel): LoopKernel {
  const shifted = mapParts(
    kernel,
    (strides) => [0, ...strides],
    (e) => (e.op === "index" ? expr("index", e.type, [], e.value + 1) : e),
  );
  return { ...shifted, rows: [1] };
}

/** What four accesses cost against one vector access, when their elements are neighbours, the same, or apart. */
const accessCost = (stride: number): number => (stride === 0 ? 0.25 : stride === 1 ? 1 : 6);

/** What a row costs besides its points when its inner positions lie in the lanes: joining them again. */
const ROW_OVERHEAD = 15;

/** The dimension along which lanes cost the least, by a rough count of instructions; the last of equals. */
function chooseLanes(kernel: LoopKernel): { group: "rows" | "inner"; position: number } {
  const { rows, inner } = dimensions(kernel);
  const sizes = [...kernel.rows, ...kernel.inner];
  const rowCount = numelOf(kernel.rows);
  const pointCount = rowCount * numelOf(kernel.inner);
  const readCost = (source: Access, d: number): number => {
    const stride = source.strides[d] ?? 0;
    const shuffled = (stride === 2 && CPU_BYTES[source.dtype] === 4) || acrossDim(kernel, source, d) >= 0;
    return shuffled ? 2 : accessCost(stride);
  };
  let best = { cost: Infinity, group: "rows" as "rows" | "inner", position: rows.length - 1 };
  for (const d of [...rows, ...inner]) {
    const group = d < rows.length ? "rows" : "inner";
    const turns = (Math.floor(sizes[d] / 4) + (sizes[d] % 4)) / Math.max(sizes[d], 1);
    let cost = 0;
    for (const stage of kernel.stages) {
      const nodes = postorder([stage.value]);
      const sources = new Set(nodes.flatMap((e) => (e.op === "load" || e.op === "loadAt" ? [e.value] : [])));
      const write = stage.kind === "store" ? accessCost(stage.target.strides[d] ?? 0) : 0;
      const turn = [...sources].reduce((sum, s) => sum + readCost(kernel.sources[s], d), costOf(nodes) + write);
      const perRow = stage.kind === "store" && stage.per === "row";
      if (!perRow) cost += pointCount * turns * turn;
      else cost += rowCount * turn * (group === "rows" ? turns : 1);
      if (stage.kind === "reduce" && group === "inner") cost += rowCount * ROW_OVERHEAD;
    }
    if (cost <= best.cost) best = { cost, group, position: d };
  }
  return best;
}
