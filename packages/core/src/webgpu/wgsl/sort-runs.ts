/** Sorted runs: what rows are cut into, and where their elements lie between the passes of a sort. */

import type { SortKernel } from "../../kernel.js";
import type { ScratchUse, Shader } from "./shader.js";
import { affine } from "./values.js";

/** Every row as runs of `span` neighbouring elements (the last may be shorter), of each of which `kept` are kept. */
export interface Runs {
  readonly rowCount: number;
  /** Runs of a row. */
  readonly count: number;
  readonly span: number;
  readonly kept: number;
}

export const runsOf = (rowCount: number, { length, take }: SortKernel, span: number): Runs => ({
  rowCount,
  count: Math.ceil(length / span),
  span,
  kept: Math.min(span, take, length),
});

/** Elements that all runs keep. */
export const keptBy = ({ rowCount, count, kept }: Runs): number => rowCount * count * kept;

/** Scratch that holds runs: one buffer of keys, one of positions along the row. Two such sides take turns. */
export type Side = 0 | 1;

export const sideUses = (side: Side, runs: Runs, write: boolean): ScratchUse[] =>
  [2 * side, 2 * side + 1].map((index) => ({ index, elements: keptBy(runs), type: "u32", write }));

export const loadKey = (shader: Shader, side: Side, slot: string): string => shader.loadScratch(2 * side, slot);
export const loadItem = (shader: Shader, side: Side, slot: string): string => shader.loadScratch(2 * side + 1, slot);

/** Where a pass leaves its runs: the target if they are whole rows, else one side of the scratch. */
export type Sink = Side | "target";

/**
 * The statements that leave an element as number `rank` of run `run`. All texts are u32, `run` counts over all rows;
 * `rowPosition` gives the row's positions.
 */
export function leaveElement(
  shader: Shader,
  { target, rows }: SortKernel,
  { kept }: Runs,
  sink: Sink,
  element: { readonly run: string; readonly rank: string; readonly key: string; readonly item: string },
  rowPosition: (dimension: number) => string,
): string[] {
  const { run, rank, key, item } = element;
  if (sink === "target") {
    const position = (d: number): string => (d === rows.length ? `i32(${rank})` : rowPosition(d));
    return [shader.store(target, affine(target.offset, target.strides, position), `i32(${item})`)];
  }
  return [
    `let slot = i32(${run} * ${kept}u + ${rank});`,
    shader.storeScratch(2 * sink, "slot", key),
    shader.storeScratch(2 * sink + 1, "slot", item),
  ];
}
