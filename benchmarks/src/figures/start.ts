// From nothing to a first result, and from the last result to the end of the process.

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type { Engine } from "../engines.js";
import { median } from "../median.js";
import { type Figure, type FigureGroup, programPath } from "./figure.js";
import type { StartParts } from "./start-process.js";

/** Processes of each kind, in turn. */
const REPEATS = 11;

interface Process {
  /** From before its start until it has ended. */
  ms: number;
  /** From the arrival of what it printed until it has ended. */
  exitMs: number;
  printed: string;
}

async function time(engine: Engine, args: readonly string[]): Promise<Process> {
  const start = performance.now();
  const child = spawn(engine.node, [...engine.flags, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let printedAt = start;
  child.stdout.once("data", () => {
    printedAt = performance.now();
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", () => resolve(performance.now()));
  });
  const printed = await text(child.stdout);
  const end = await ended;
  return { ms: end - start, exitMs: end - printedAt, printed };
}

async function measure(engine: Engine, threads: number): Promise<Figure[]> {
  const bare: Process[] = [];
  const ours: Process[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    bare.push(await time(engine, ["--eval", "0"]));
    ours.push(await time(engine, [programPath("start-process"), String(threads)]));
  }
  const parts = ours.map(({ printed }) => JSON.parse(printed) as StartParts);
  const whole = (processes: readonly Process[]) => median(processes.map(({ ms }) => ms));
  const figure = (name: string, value: number): Figure => ({ name, unit: "ms", value });
  return [
    figure("bare Node, from start to end", whole(bare)),
    figure("start to first result, over bare Node", whole(ours) - whole(bare)),
    ...(["import", "init", "matmul"] as const).map((part) =>
      figure(`start: ${part}`, median(parts.map((all) => all[part]))),
    ),
    figure("start: from the result to the end of the process", median(ours.map(({ exitMs }) => exitMs))),
  ];
}

export const start: FigureGroup = { name: "process start", measure };
