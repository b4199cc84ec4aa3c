// Shows what was measured: a table for people, JSON for programs.

import type { PeerResult } from "./peers.js";
import type { Measurement } from "./workload.js";

export interface Report {
  device: string;
  threads: number;
  node: string;
  runs: number;
  /** How often all of it was measured; figures are medians of medians. */
  rounds: number;
  results: (Measurement & { peers: { peer: string; ms: number; ratio: number }[] })[];
  notes: string[];
}

/** Puts each peer's figure beside ours; `ratio` is our time over the peer's: below 1 we are faster. */
export function makeReport(
  setting: Pick<Report, "device" | "threads" | "node" | "runs" | "rounds">,
  measurements: Measurement[],
  peers: PeerResult[],
): Report {
  const results = measurements.map((ours) => ({
    ...ours,
    peers: peers.flatMap(({ peer, ms }) => {
      const theirs = ms.get(ours.name);
      return theirs === undefined ? [] : [{ peer, ms: theirs, ratio: ours.ms / theirs }];
    }),
  }));
  return { ...setting, results, notes: peers.flatMap(({ peer, notes }) => notes.map((note) => `${peer}: ${note}`)) };
}

const milliseconds = (ms: number): string => ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0);

/** Columns as wide as their widest cell; the first is left-aligned, numbers are right-aligned. */
export function layOut(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

/** The table that the runner prints. */
export function formatReport(report: Report): string {
  const peers = [...new Set(report.results.flatMap((result) => result.peers.map(({ peer }) => peer)))];
  const header = [
    "",
    "ms",
    "GFLOP/s",
    "GB/s",
    "kernels",
    "peak MB",
    ...peers.flatMap((_, i) => [`[${i + 1}] ms`, "ratio"]),
  ];
  const rows = report.results.map((result) => [
    result.name,
    milliseconds(result.ms),
    result.gflops?.toFixed(1) ?? "–",
    result.gigabytes?.toFixed(1) ?? "–",
    result.kernels.toFixed(0),
    (result.peakBytes / 1e6).toFixed(0),
    ...peers.flatMap((name) => {
      const found = result.peers.find(({ peer }) => peer === name);
      return found === undefined ? ["–", "–"] : [milliseconds(found.ms), found.ratio.toFixed(2)];
    }),
  ]);
  const times = report.rounds === 1 ? `${report.runs}` : `${report.rounds} × ${report.runs}`;
  const title = `Kindling on ${report.device}, ${report.threads} threads, Node ${report.node}: medians of ${times}`;
  const legend = peers.map((peer, i) => `[${i + 1}] ${peer}; ratio = our time / theirs`);
  return [title, "", layOut([header, ...rows]), "", ...legend, ...report.notes].join("\n").trimEnd();
}
