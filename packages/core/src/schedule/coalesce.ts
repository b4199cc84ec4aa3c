/** Fewer, longer loops: neighbouring dimensions that every access walks as one become one. */

import { type Expr, expr, mapLeaves, postorder } from "../expr.js";
import type { Access, LoopKernel, Stage } from "../kernel.js";

/** The same kernel over as few dimensions as possible. Dimensions whose position is read stay apart. */
export function coalesce(kernel: LoopKernel): LoopKernel {
  const sizes = [...kernel.rows, ...kernel.inner];
  const accesses = [...kernel.sources, ...kernel.stages.flatMap((s) => (s.kind === "store" ? [s.target] : []))];
  const lines = accesses.flatMap((a) => [a.strides, ...a.bounds.map((b) => b.strides)]);
  const positions = new Set<number>();
  for (const e of postorder(kernel.stages.map((s) => s.value))) if (e.op === "index") positions.add(e.value);
  // groups[i]: the old dimensions that become new dimension i, outermost first.
  const groups: number[][] = [];
  sizes.forEach((_, d) => {
    const last = groups[groups.length - 1];
    const before = last?.[last.length - 1];
    const merge =
      last !== undefined &&
      d !== kernel.rows.length &&
      !positions.has(d) &&
      !positions.has(before) &&
      lines.every((s) => s[before] === s[d] * sizes[d]);
    if (merge) last.push(d);
    else groups.push([d]);
  });
  if (groups.length === sizes.length) return kernel;
  const pick = (strides: readonly number[]): number[] => groups.map((g) => strides[g[g.length - 1]]);
  const access = (a: Access): Access => ({
    ...a,
    strides: pick(a.strides),
    bounds: a.bounds.map((b) => ({ ...b, strides: pick(b.strides) })),
  });
  const moved = (e: Expr): Expr =>
    mapLeaves(e, (l) =>
      l.op === "index"
        ? expr(
            "index",
            l.type,
            [],
            groups.findIndex((g) => g[0] === l.value),
          )
        : l,
    );
  const stages = kernel.stages.map(
    (s): Stage =>
      s.kind === "store" ? { ...s, target: access(s.target), value: moved(s.value) } : { ...s, value: moved(s.value) },
  );
  const merged = groups.map((g) => g.reduce((n, d) => n * sizes[d], 1));
  const rows = groups.filter((g) => g[0] < kernel.rows.length).length;
  return {
    ...kernel,
    rows: merged.slice(0, rows),
    inner: merged.slice(rows),
    sources: kernel.sources.map(access),
    stages,
  };
}
