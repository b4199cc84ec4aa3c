/** What a walk over a row computes anew at every position though it is the same at all of them. */

import { type Expr, postorder } from "../../expr.js";
import type { LoopKernel } from "../../kernel.js";

/** The largest parts of the expressions that do not vary along a row and are worth computing once. */
export function invariantsOf(kernel: LoopKernel, roots: readonly Expr[]): Expr[] {
  const rank = kernel.rows.length;
  const alongRow = (strides: readonly number[]): boolean => strides.slice(rank).some((stride) => stride !== 0);
  const varies = new Set<Expr>();
  const constant = new Set<Expr>();
  const nodes = postorder(roots);
  for (const e of nodes) {
    const { strides, bounds } = kernel.sources[e.value] ?? { strides: [], bounds: [] };
    const addressed = e.op === "load" || e.op === "loadAt";
    const bounded = addressed || e.op === "inside";
    if (e.op === "index" && e.value >= rank) varies.add(e);
    if (addressed && alongRow(strides)) varies.add(e);
    if (bounded && bounds.some((b) => alongRow(b.strides))) varies.add(e);
    if (e.args.some((a) => varies.has(a))) varies.add(e);
    if (e.op === "const" || (e.args.length > 0 && !addressed && e.args.every((a) => constant.has(a)))) constant.add(e);
  }
  const plain = (e: Expr): boolean => constant.has(e) || ["uniform", "index", "acc"].includes(e.op);
  const worth = (e: Expr): boolean => !varies.has(e) && !plain(e);
  const uppermost = nodes.flatMap((e) => (varies.has(e) ? e.args.filter(worth) : []));
  return [...new Set([...roots.filter(worth), ...uppermost])];
}
