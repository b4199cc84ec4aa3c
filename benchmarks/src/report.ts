// Shows what was measured: a table for people, JSON for programs.

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

export interface Report {
  runs: number;
  /** How often all of it was measured; figures are medians of medians. */
  rounds: number;
  engines: Omit<Column, "answers">[];
  peers: Omit<Column, "answers">[];
  results: Result[];
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
  { runs, rounds, notes }: Pick<Report, "runs" | "rounds" | "notes">,
  workloads: readonly Work[],
  engines: readonly Column[],
  peers: readonly Column[],
): Report {
  const titles = ({ name, title }: Column) => ({ name, title });
  return {
    runs,
    rounds,
    engines: engines.map(titles),
    peers: peers.filter(({ answers }) => answers.size > 0).map(titles),
    results: workloads.map((workload) => makeResult(workload, engines, peers)),
    notes,
  };
}

const number = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

/** Columns as wide as their widest cell; the first is left-aligned, numbers are right-aligned. */
export function layOut(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

const letter = (i: number): string => `[${String.fromCharCode(65 + i)}]`;

function rate({ gflops, gigabytes }: EngineFigure): string {
  if (gflops !== undefined) return `${number(gflops)} GFLOP/s`;
  return gigabytes === undefined ? "–" : `${number(gigabytes)} GB/s`;
}

/** The table that the runner prints. */
export function formatReport({ runs, rounds, engines, peers, results, notes }: Report): string {
  const header = [
    "",
    ...engines.flatMap((_, i) => [`${letter(i)} ms`, "rate"]),
    "kernels",
    "peak MB",
    ...peers.flatMap((_, i) => [`[${i + 1}] ms`, "ratio"]),
  ];
  const rows = results.map((result) => [
    result.name,
    ...engines.flatMap(({ name }) => {
      const found = result.engines.find(({ engine }) => engine === name);
      return found === undefined ? ["–", "–"] : [number(found.ms), rate(found)];
    }),
    result.engines[0]?.kernels?.toFixed(0) ?? "–",
    ((result.engines[0]?.peakBytes ?? 0) / 1e6).toFixed(0),
    ...peers.flatMap(({ name }) => {
      const found = result.peers.find(({ peer }) => peer === name);
      return found === undefined ? ["–", "–"] : [number(found.ms), found.ratio?.toFixed(2) ?? "–"];
    }),
  ]);
  const legend = [
    ...engines.map(({ title }, i) => `${letter(i)} ${title}`),
    ...peers.map(({ title }, i) => `[${i + 1}] ${title}; ratio = time of [A] / theirs`),
  ];
  const title = `Medians of ${rounds === 1 ? "" : `${rounds} × `}${runs} runs`;
  return [title, "", layOut([header, ...rows]), "", ...legend, ...notes].join("\n");
}
