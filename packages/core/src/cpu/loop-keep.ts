/**
 * Values that a reduction and a later store both need, such as the exponentials of a softmax, are computed once: they
 * are kept where the result will be stored, while the row is in the cache.
 */

import { type Expr, expr, mapLeaves, postorder } from "../expr.js";
import type { LoopKernel, Stage } from "../kernel.js";
import { costOf } from "./cost.js";

/** Instructions from which on computing a value again costs more than to store and to load it. */
const DEAR = 20;

type Store = Extract<Stage, { kind: "store" }>;

interface Kept {
  readonly value: Expr;
  /** Number of the first stage that needs it, a reduction. */
  readonly stage: number;
  /** Which store's place is used. */
  readonly store: Store;
}

/** The kernel with the dearest such value kept. */
export function keepValues(kernel: LoopKernel): LoopKernel {
  const kept = dearest(kernel);
  if (!kept) return kernel;
  const { value, stage, store } = kept;
  const place = expr("load", "f32", [], kernel.sources.length);
  const later = (e: Expr): Expr => (e.op === "acc" && e.value >= stage ? expr("acc", e.type, [], e.value + 1) : e);
  const before = kernel.stages.slice(0, stage);
  const after = kernel.stages.slice(stage).map((s) => ({ ...s, value: replace(s.value, value, place) }));
  const overwritten = (e: Expr): boolean =>
    (e.op === "load" || e.op === "loadAt") && kernel.sources[e.value]?.buffer === store.target.buffer;
  if (postorder(after.map((s) => s.value)).some(overwritten)) return kernel;
  return {
    ...kernel,
    sources: [...kernel.sources, store.target],
    stages: [
      ...before,
      { kind: "store", per: "point", target: store.target, value },
      ...after.map((s) => ({ ...s, value: mapLeaves(s.value, later) })),
    ],
  };
}

function dearest({ rows, inner, sources, stages }: LoopKernel): Kept | undefined {
  const moves = (source: number): boolean => inner.some((_, d) => sources[source].strides[rows.length + d]);
  const varying = new Set<Expr>();
  for (const e of postorder(stages.map((s) => s.value))) {
    const here = e.op === "load" || e.op === "loadAt" ? moves(e.value) : e.op === "index" && e.value >= rows.length;
    if (here || e.args.some((a) => varying.has(a))) varying.add(e);
  }
  const cost = (e: Expr): number => costOf(postorder([e]).filter((part) => varying.has(part)));
  const buffers = stages.flatMap((s) => (s.kind === "store" ? [s.target.buffer] : []));
  let best: Kept | undefined;
  for (const [at, store] of stages.entries()) {
    if (store.kind !== "store" || store.per === "row" || store.target.dtype !== "float32") continue;
    if (buffers.filter((b) => b === store.target.buffer).length > 1) continue;
    for (const value of postorder([store.value])) {
      if (value.type !== "f32" || cost(value) < Math.max(DEAR, best ? cost(best.value) + 1 : 0)) continue;
      const stage = stages.findIndex((s) => s.kind === "reduce" && postorder([s.value]).includes(value));
      if (stage >= 0 && stage < at) best = { value, stage, store };
    }
  }
  return best;
}

/** The expression with `to` in the place of `from`. */
function replace(root: Expr, from: Expr, to: Expr): Expr {
  const done = new Map<Expr, Expr>([[from, to]]);
  const visit = (e: Expr): Expr => {
    let result = done.get(e);
    if (!result) {
      result = e.args.length === 0 ? e : expr(e.op, e.type, e.args.map(visit), e.value);
      done.set(e, result);
    }
    return result;
  };
  return visit(root);
}
