/**
 * Puts a `LoopKernel` into the form that the printer likes: simplified, and with the dimension along which four lanes
 * run as the last of its group. The choices depend on the kernel alone, so its results do not depend on who runs it.
 */

import { expr, postorder } from "../expr.js";
import type { LoopKernel } from "../kernel.js";
import { dimensions, mapParts, mergeDims, selectDims, simplifyLoop } from "../loop-merge.js";
import { numelOf } from "../node.js";
import { costOf } from "./cost.js";

export interface NormalLoop {
  readonly kernel: LoopKernel;
  /** The group whose last dimension the lanes run along. */
  readonly lanes: "rows" | "inner";
}

export function normalizeLoop(kernel: LoopKernel): NormalLoop {
  const simple = simplifyLoop(kernel);
  const merged = simple.rows.length > 0 ? simple : withUnitRow(simple);
  const { group, position } = chooseLanes(merged);
  const { rows, inner } = dimensions(merged);
  const last = (dims: number[], d: number): number[] => [...dims.filter((x) => x !== dims[d]), dims[d]];
  const ordered =
    group === "rows"
      ? selectDims(merged, last(rows, position), inner)
      : selectDims(merged, rows, last(inner, position));
  return { kernel: mergeDims(ordered), lanes: group };
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
  let best = { cost: Infinity, group: "rows" as "rows" | "inner", position: rows.length - 1 };
  for (const d of [...rows, ...inner]) {
    const group = d < rows.length ? "rows" : "inner";
    const turns = (Math.floor(sizes[d] / 4) + (sizes[d] % 4)) / Math.max(sizes[d], 1);
    let cost = 0;
    for (const stage of kernel.stages) {
      const nodes = postorder([stage.value]);
      const sources = new Set(nodes.flatMap((e) => (e.op === "load" || e.op === "loadAt" ? [e.value] : [])));
      const accesses = [...sources].map((s) => kernel.sources[s]);
      if (stage.kind === "store") accesses.push(stage.target);
      const turn = accesses.reduce((sum, a) => sum + accessCost(a.strides[d] ?? 0), costOf(nodes));
      const perRow = stage.kind === "store" && stage.per === "row";
      if (!perRow) cost += pointCount * turns * turn;
      else cost += rowCount * turn * (group === "rows" ? turns : 1);
      if (stage.kind === "reduce" && group === "inner") cost += rowCount * ROW_OVERHEAD;
    }
    if (cost <= best.cost) best = { cost, group, position: group === "rows" ? d : d - rows.length };
  }
  return best;
}
