// All figures of processes, in the order of the report.

import type { Engine } from "../engines.js";
import type { FigureRow } from "../report.js";
import { type FigureGroup, printedBy } from "./figure.js";
import { scaling } from "./scaling.js";
import { start } from "./start.js";

export const allFigures: FigureGroup[] = [
  start,
  printedBy("process compiling", "compile-process", 7),
  printedBy("process training", "steady-process", 1),
  scaling,
];

/** Measures groups on all engines: each group on one engine after another, so that its figures compare. */
export async function measureFigures(
  groups: readonly FigureGroup[],
  engines: readonly Engine[],
  threads: number,
): Promise<FigureRow[]> {
  const rows = new Map<string, FigureRow>();
  for (const group of groups)
    for (const engine of engines) {
      console.error(`${group.name}, ${engine.name} …`);
      for (const { name, unit, value } of await group.measure(engine, threads)) {
        const row = rows.get(name) ?? { name, unit, values: [] };
        row.values.push({ engine: engine.name, value });
        rows.set(name, row);
      }
    }
  return [...rows.values()];
}
