/** Loop kernels with fewer and larger dimensions: what every device does first. */

import { type Expr, expr, mapLeaves, postorder } from "./expr.js";
import type { Access, LoopKernel, Stage } from "./kernel.js";

/** The kernel without dimensions of size 1, neighbouring ones merged where all addresses allow it. Without a reduction
 *  every point is a row, and `inner` is empty. */
export const simplifyLoop = (kernel: LoopKernel): LoopKernel => mergeDims(dropUnits(flatten(kernel)));

/** Without a reduction every point is a row. */
function flatten(kernel: LoopKernel): LoopKernel {
  if (!kernel.stages.every((s) => s.kind === "store" && (s.per === "point" || kernel.inner.length === 0)))
    return kernel;
  const stages = kernel.stages.map((s): Stage => (s.kind === "store" ? { ...s, per: "row" } : s));
  return { ...kernel, rows: [...kernel.rows, ...kernel.inner], inner: [], stages };
}

/** Numbers of the kernel's dimensions. */
export const dimensions = (kernel: LoopKernel): { rows: number[]; inner: number[] } => ({
  rows: kernel.rows.map((_, d) => d),
  inner: kernel.inner.map((_, d) => d + kernel.rows.length),
});

function dropUnits(kernel: LoopKernel): LoopKernel {
  const sizes = [...kernel.rows, ...kernel.inner];
  const { rows, inner } = dimensions(kernel);
  const kept = (dims: readonly number[]): number[] => dims.filter((d) => sizes[d] !== 1);
  return selectDims(kernel, kept(rows), kept(inner));
}

/** The kernel with every list of strides and every leaf passed through a function. */
export function mapParts(
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
export function selectDims(kernel: LoopKernel, rows: readonly number[], inner: readonly number[]): LoopKernel {
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

/** Merges neighbouring dimensions of a group where all addresses allow it. */
export function mergeDims(kernel: LoopKernel): LoopKernel {
  const sizes = [...kernel.rows, ...kernel.inner];
  const indexed = indexedDims(kernel);
  const strides = allStrides(kernel);
  for (let d = 0; d + 1 < sizes.length; d++) {
    if (d + 1 === kernel.rows.length || indexed.has(d) || indexed.has(d + 1)) continue;
    if (!strides.every((s) => (s[d] ?? 0) === (s[d + 1] ?? 0) * sizes[d + 1])) continue;
    const { rows, inner } = dimensions(kernel);
    const without = selectDims(
      kernel,
      rows.filter((x) => x !== d),
      inner.filter((x) => x !== d),
    );
    const grow = (group: readonly number[], at: number): number[] => group.map((n, i) => (i === at ? n * sizes[d] : n));
    return mergeDims({
      ...without,
      rows: grow(without.rows, d),
      inner: grow(without.inner, d - without.rows.length),
    });
  }
  return kernel;
}
