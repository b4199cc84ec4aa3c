/** The sweeps that a `LoopKernel` makes over a row: its stages, with neighbouring stores joined. */

import type { Stage } from "./kernel.js";

type Reduce = Extract<Stage, { kind: "reduce" }>;
type Store = Extract<Stage, { kind: "store" }>;

/** `index` is the position of the stage in the kernel. */
export type Sweep =
  | { readonly kind: "reduce"; readonly index: number; readonly stage: Reduce }
  | {
      readonly kind: "store";
      readonly per: "row" | "point";
      readonly stores: readonly { readonly index: number; readonly stage: Store }[];
    };

/** Consecutive stores of one kind are one sweep: at each point all values are computed before the first is written. */
export function sweepsOf(stages: readonly Stage[]): Sweep[] {
  const sweeps: Sweep[] = [];
  stages.forEach((stage, index) => {
    const last = sweeps.at(-1);
    if (stage.kind === "reduce") sweeps.push({ kind: "reduce", index, stage });
    else if (last?.kind === "store" && last.per === stage.per) {
      sweeps[sweeps.length - 1] = { ...last, stores: [...last.stores, { index, stage }] };
    } else sweeps.push({ kind: "store", per: stage.per, stores: [{ index, stage }] });
  });
  return sweeps;
}
