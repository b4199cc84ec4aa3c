/**
 * Puts a `LoopKernel` into the form that the printer likes: no dimensions of size 1, neighbouring dimensions merged
 * where all addresses allow it, and the dimension along which four lanes run as the last of its group. The choices
 * depend on the kernel alone, so its results do not depend on who runs it.
 */

import { type Expr, expr, mapLeaves, postorder } from "../expr.js";
import type { Access, LoopKernel, Stage } from "../kernel.js";
import { costOf } from "./cost.js";

export interface NormalLoop {
  readonly kernel: LoopKernel;
  /** The group whose last dimension the lanes run along. */
  readonly lanes: "rows" | "inner";
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

export function normalizeLoop(kernel: LoopKernel): NormalLoop {
  const merged = mergeAll(dropUnits(flatten(kernel)));
  const { group, position } = chooseLanes(merged);
  const { rows, inner } = dimensions(merged);
  const last = (dims: number[], d: number): number[] => [...dims.filter((x) => x !== dims[d]), dims[d]];
  const ordered =
    group === "rows" ? select(merged, last(rows, position), inner) : select(merged, rows, last(inner, position));
  return { kernel: mergeAll(ordered), lanes: group };
}

/** Without a reduction every point is a row. */
function flatten(kernel: LoopKernel): LoopKernel {
  if (!kernel.stages.every((s) => s.kind === "store" && (s.per === "point" || kernel.inner.length === 0)))
    return kernel;
  const stages = kernel.stages.map((s): Stage => (s.kind === "store" ? { ...s, per: "row" } : s));
  return { ...kernel, rows: [...kernel.rows, ...kernel.inner], inner: [], stages };
}

const dimensions = (kernel: LoopKernel): { rows: number[]; inner: number[] } => ({
  rows: kernel.rows.map((_, d) => d),
  inner: kernel.inner.map((_, d) => d + kernel.rows.length),
});

function dropUnits(kernel: LoopKernel): LoopKernel {
  const sizes = [...kernel.rows, ...kernel.inner];
  const { rows, inner } = dimensions(kernel);
  const kept = select(
    kernel,
    rows.filter((d) => sizes[d] !== 1),
    inner.filter((d) => sizes[d] !== 1),
  );
  return kept.rows.length > 0 ? kept : withUnitRow(kept);
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

/** The kernel with every list of strides and every leaf passed through a function. */
function mapParts(
  kernel: LoopKernel,
  strides: (old: readonly number[]) => readonly number[],
  leaf: (e: Expr) => Expr,
): LoopKernel {
  const access = (a: Access): Access => ({
    ...a,
    strides: strides(a.strides),
    bounds: a.bounds.map((b) => ({ ...b, strides: strides(b.strides) })),
  });
  const stages = kernel.stages.map((s): Stage => {
    const value = mapLeaves(s.value, leaf);
    return s.kind === "store" ? { ...s, value, target: access(s.target) } : { ...s, value };
  });
  return { ...kernel, sources: kernel.sources.map(access), stages };
}

/** The kernel with only these dimensions, in this order; those left out have size 1. */
function select(kernel: LoopKernel, rows: readonly number[], inner: readonly number[]): LoopKernel {
  const sizes = [...kernel.rows, ...kernel.inner];
  const dims = [...rows, ...inner];
  const leaf = (e: Expr): Expr => {
    if (e.op !== "index") return e;
    const to = dims.indexOf(e.value);
    return to < 0 ? expr("const", e.type, [], 0) : expr("index", e.type, [], to);
  };
  return {
    ...mapParts(kernel, (old) => dims.map((d) => old[d] ?? 0), leaf),
    rows: rows.map((d) => sizes[d]),
    inner: inner.map((d) => sizes[d]),
  };
}

/** All lists of strides in the kernel. */
const allStrides = (kernel: LoopKernel): (readonly number[])[] => {
  const targets = kernel.stages.flatMap((s) => (s.kind === "store" ? [s.target] : []));
  return [...kernel.sources, ...targets].flatMap((a) => [a.strides, ...a.bounds.map((b) => b.strides)]);
};

const indexedDims = (kernel: LoopKernel): Set<number> =>
  new Set(
    postorder(kernel.stages.map((s) => s.value))
      .filter((e) => e.op === "index")
      .map((e) => e.value),
  );

function mergeAll(kernel: LoopKernel): LoopKernel {
  const sizes = [...kernel.rows, ...kernel.inner];
  const indexed = indexedDims(kernel);
  const strides = allStrides(kernel);
  for (let d = 0; d + 1 < sizes.length; d++) {
    if (d + 1 === kernel.rows.length || indexed.has(d) || indexed.has(d + 1)) continue;
    if (!strides.every((s) => (s[d] ?? 0) === (s[d + 1] ?? 0) * sizes[d + 1])) continue;
    const { rows, inner } = dimensions(kernel);
    const without = select(
      kernel,
      rows.filter((x) => x !== d),
      inner.filter((x) => x !== d),
    );
    const grow = (group: readonly number[], at: number): number[] => group.map((n, i) => (i === at ? n * sizes[d] : n));
    return mergeAll({
      ...without,
      rows: grow(without.rows, d),
      inner: grow(without.inner, d - without.rows.length),
    });
  }
  return kernel;
}

/** What four accesses cost against one vector access, when their elements are neighbours, the same, or apart. */
const accessCost = (stride: number): number => (stride === 0 ? 0.25 : stride === 1 ? 1 : 6);

/** What a row costs besides its points when its inner positions lie in the lanes: joining them again. */
const ROW_OVERHEAD = 15;

/** The dimension along which lanes cost the least, by a rough count of instructions; the last of equals. */
function chooseLanes(kernel: LoopKernel): { group: "rows" | "inner"; position: number } {
  const { rows, inner } = dimensions(kernel);
  const sizes = [...kernel.rows, ...kernel.inner];
  const rowCount = product(kernel.rows);
  const pointCount = rowCount * product(kernel.inner);
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
