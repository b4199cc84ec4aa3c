/** What a part of a loop kernel touches. */

import { type Expr, postorder } from "../../expr.js";
import type { LoopKernel, Stage } from "../../kernel.js";
import type { Use } from "../../uses.js";

/** Numbers of the sources that the expressions load. */
export function loadedSources(roots: readonly Expr[]): Set<number> {
  const loads = postorder(roots).filter((e) => e.op === "load" || e.op === "loadAt");
  return new Set(loads.map((e) => e.value));
}

/** The accesses that some stages of a kernel make. */
export function usesOfStages(kernel: LoopKernel, stages: readonly Stage[]): Use[] {
  const sizes = [...kernel.rows, ...kernel.inner];
  const loads = [...loadedSources(stages.map((s) => s.value))].map((s) => kernel.sources[s]);
  const stores = stages.flatMap((s) => (s.kind === "store" ? [s.target] : []));
  return [
    ...loads.map((access) => ({ access, sizes, write: false })),
    ...stores.map((access) => ({ access, sizes, write: true })),
  ];
}
