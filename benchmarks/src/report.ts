// Puts what was measured side by side. This is what `--json` prints.

import type { Answer } from "../peers/tasks.js";
import type { Answers } from "./rounds.js";
import type { Workload } from "./workload.js";

/** Those that were asked, and what they answered. */
export interface Column {
  name: string;
  title: string;
  answers: Answers;
}

export interface EngineFigure extends Answer {
  engine: string;
  /** Billions of floating-point operations a second, where the workload counts them. */
  gflops?: number;
  /** Billions of bytes a second, where the workload counts them. */
  gigabytes?: number;
}

export interface PeerFigure {
  peer: string;
  ms: number;
  /** The first engine's time over the peer's: below 1 we are faster. */
  ratio?: number;
}

export interface Result {
  name: string;
  engines: EngineFigure[];
  peers: PeerFigure[];
}

/** What processes take besides the time of their work, by engine. */
export interface FigureRow {
  name: string;
  unit: string;
  values: { engine: string; value: number }[];
}

export interface Report {
  runs: number;
  /** How often all of it was measured; figures are medians of medians. */
  rounds: number;
  engines: Omit<Column, "answers">[];
  peers: Omit<Column, "answers">[];
  results: Result[];
  figures: FigureRow[];
  notes: string[];
}

type Work = Pick<Workload, "flops" | "bytes"> & { task: { name: string } };

function makeResult(
  { task: { name }, flops, bytes }: Work,
  engines: readonly Column[],
  peers: readonly Column[],
): Result {
  const ours = engines.flatMap(({ name: engine, answers }): EngineFigure[] => {
    const answer = answers.get(name);
    if (answer === undefined) return [];
    const rate = (amount?: number) => amount && amount / answer.ms / 1e6;
    return [{ engine, ...answer, gflops: rate(flops), gigabytes: rate(bytes) }];
  });
  const theirs = peers.flatMap(({ name: peer, answers }): PeerFigure[] => {
    const ms = answers.get(name)?.ms;
    return ms === undefined ? [] : [{ peer, ms, ratio: ours[0] && ours[0].ms / ms }];
  });
  return { name, engines: ours, peers: theirs };
}

/** Puts everybody's figures side by side. */
export function makeReport(
  measured: Pick<Report, "runs" | "rounds" | "figures" | "notes">,
  workloads: readonly Work[],
  engines: readonly Column[],
  peers: readonly Column[],
): Report {
  const titles = ({ name, title }: Column) => ({ name, title });
  return {
    ...measured,
    engines: engines.map(titles),
    peers: peers.filter(({ answers }) => answers.size > 0).map(titles),
    results: workloads.map((workload) => makeResult(workload, engines, peers)),
  };
}
