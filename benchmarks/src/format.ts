// Reports as tables, for people.

import type { EngineFigure, Report } from "./report.js";
import type { Outcome, Verdict } from "./targets.js";

const NONE = "–";

const number = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

/** Columns as wide as their widest cell; the first is left-aligned, numbers are right-aligned. */
export function layOut(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

/** Engines are named by letters, peers by numbers. */
const letter = (i: number): string => `[${String.fromCharCode(65 + i)}]`;

function rate({ gflops, gigabytes }: EngineFigure): string {
  if (gflops !== undefined) return `${number(gflops)} GFLOP/s`;
  return gigabytes === undefined ? NONE : `${number(gigabytes)} GB/s`;
}

function timeTable({ engines, peers, results }: Report): string {
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
      return found === undefined ? [NONE, NONE] : [number(found.ms), rate(found)];
    }),
    result.engines[0]?.kernels?.toFixed(0) ?? NONE,
    ((result.engines[0]?.peakBytes ?? 0) / 1e6).toFixed(0),
    ...peers.flatMap(({ name }) => {
      const found = result.peers.find(({ peer }) => peer === name);
      return found === undefined ? [NONE, NONE] : [number(found.ms), found.ratio?.toFixed(2) ?? NONE];
    }),
  ]);
  return layOut([header, ...rows]);
}

function figureTable({ engines, figures }: Report): string {
  const rows = figures.map(({ name, unit, values }) => [
    name,
    ...engines.map((engine) => {
      const found = values.find((value) => value.engine === engine.name);
      return found === undefined ? NONE : `${number(found.value)} ${unit}`.trim();
    }),
  ]);
  return layOut([["", ...engines.map((_, i) => letter(i))], ...rows]);
}

/** The tables that the runner prints. */
export function formatReport(report: Report): string {
  const { runs, rounds, engines, peers, results, figures, notes } = report;
  const legend = [
    ...engines.map(({ title }, i) => `${letter(i)} ${title}`),
    ...peers.map(({ title }, i) => `[${i + 1}] ${title}; ratio = time of [A] / theirs`),
    ...notes,
  ];
  const count = rounds === 1 ? `${runs}` : `${rounds} × ${runs}`;
  const times = `Medians of ${count}\n\n${timeTable(report)}`;
  const parts = [...(results.length > 0 ? [times] : []), ...(figures.length > 0 ? [figureTable(report)] : [])];
  return [...parts, legend.join("\n")].join("\n\n");
}

const verdict = ({ value, met }: Verdict): string =>
  met === undefined ? `(${number(value)})` : `${number(value)} ${met ? "met" : "missed"}`;

/** Which targets were met, engine by engine; numbers in brackets are of engines that a target is not about. */
export function formatOutcomes({ engines }: Report, outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ subject, relation, wanted, measure, verdicts }) => [
    `${subject}: ${relation} ${number(wanted)} ${measure}`,
    ...engines.map(({ name }) => {
      const found = verdicts.find(({ engine }) => engine === name);
      return found === undefined ? NONE : verdict(found);
    }),
  ]);
  const judged = outcomes.flatMap(({ verdicts }) => verdicts.filter(({ met }) => met !== undefined));
  const title = `Targets: ${judged.filter(({ met }) => met).length} of ${judged.length} met`;
  return `${title}\n\n${layOut([["", ...engines.map((_, i) => letter(i))], ...rows])}`;
}
