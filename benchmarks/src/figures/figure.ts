// What a process takes besides the time of its work: a number with a unit.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Engine } from "../engines.js";
import { median } from "../median.js";

export interface Figure {
  name: string;
  unit: string;
  value: number;
}

/** Figures that are had together. */
export interface FigureGroup {
  /** Chosen by this name, as workloads are by theirs. */
  name: string;
  measure(engine: Engine, threads: number): Promise<Figure[]>;
}

/** The program of this folder, built. */
export const programPath = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** A group of figures that a program of this folder prints; medians over so many processes. */
export const printedBy = (name: string, program: string, processes: number): FigureGroup => ({
  name,
  async measure(engine, threads) {
    const args = ["--expose-gc", ...engine.flags, programPath(program), String(threads)];
    const all: Figure[][] = [];
    for (let i = 0; i < processes; i++) {
      const { stdout } = await promisify(execFile)(engine.node, args);
      all.push(JSON.parse(stdout) as Figure[]);
    }
    return all[0].map((figure, i) => ({ ...figure, value: median(all.map((figures) => figures[i].value)) }));
  },
});
