/** The stages of a loop kernel as the passes of its program take them. */

import { type Expr, postorder } from "../../expr.js";
import type { Stage } from "../../kernel.js";
import { type Sweep, sweepsOf } from "../../sweep.js";

type Reduce = Extract<Sweep, { kind: "reduce" }>;

/** One walk over a row: reductions that do not need each other, or stores. */
export type Step =
  | { readonly kind: "reduce"; readonly reduces: readonly Reduce[] }
  | Extract<Sweep, { readonly kind: "store" }>;

/** Numbers of the reductions whose results the expressions use. */
export function accsOf(roots: readonly Expr[]): Set<number> {
  return new Set(
    postorder(roots)
      .filter((e) => e.op === "acc")
      .map((e) => e.value),
  );
}

export const valuesOf = (step: Step): Expr[] =>
  step.kind === "reduce" ? step.reduces.map((r) => r.stage.value) : step.stores.map((s) => s.stage.value);

export const stagesOf = (step: Step): Stage[] =>
  step.kind === "reduce" ? step.reduces.map((r) => r.stage) : step.stores.map((s) => s.stage);

/** The walks that the stages take. */
export function stepsOf(stages: readonly Stage[]): Step[] {
  const steps: Step[] = [];
  for (const sweep of sweepsOf(stages)) {
    const last = steps.at(-1);
    if (sweep.kind === "store") steps.push(sweep);
    else if (last?.kind === "reduce" && !last.reduces.some((r) => accsOf([sweep.stage.value]).has(r.index))) {
      steps[steps.length - 1] = { kind: "reduce", reduces: [...last.reduces, sweep] };
    } else steps.push({ kind: "reduce", reduces: [sweep] });
  }
  return steps;
}

/** The walks in parts, each but the last ending with reductions. */
export function phasesOf(steps: readonly Step[]): Step[][] {
  const phases: Step[][] = [[]];
  steps.forEach((step, i) => {
    phases[phases.length - 1].push(step);
    if (step.kind === "reduce" && i + 1 < steps.length) phases.push([]);
  });
  return phases;
}
