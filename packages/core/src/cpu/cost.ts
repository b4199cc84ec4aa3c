/** A rough count of the instructions that expressions cost, for choosing how to print and how to divide the work. */

import type { Expr, ExprOp } from "../expr.js";

const COSTS: Partial<Record<ExprOp, number>> = {
  const: 0,
  uniform: 0,
  acc: 0,
  load: 0,
  loadAt: 8,
  cast: 1,
  div: 4,
  sqrt: 4,
  mulhi: 4,
  exp: 25,
  expm1: 28,
  log: 35,
  log1p: 40,
  sin: 50,
  cos: 50,
  tanh: 40,
  erf: 50,
  pow: 120,
};

/** Instructions of the nodes for four lanes, without what loads from memory cost. */
export const costOf = (nodes: readonly Expr[]): number => nodes.reduce((sum, e) => sum + (COSTS[e.op] ?? 1), 0);
