// The report: engines and peers side by side, columns that line up.

import { describe, expect, test } from "vitest";
import { formatReport, layOut } from "../dist/format.js";
import { makeReport } from "../dist/report.js";

const workloads = [
  { task: { name: "matmul 1024" }, flops: 2 * 1024 ** 3 },
  { task: { name: "copy" }, bytes: 80e6 },
  { task: { name: "small CNN step" } },
];
const column = (name: string, times: Record<string, object>) => ({
  name,
  title: `${name}.1`,
  answers: new Map(Object.entries(times)) as ReadonlyMap<string, { ms: number }>,
});
const engines = [
  column("Node 24", {
    "matmul 1024": { ms: 40, kernels: 1, peakBytes: 12_582_912 },
    copy: { ms: 4, kernels: 1, peakBytes: 80e6 },
    "small CNN step": { ms: 25.04, kernels: 31.2, peakBytes: 40e6 },
  }),
  column("Node 20", { "matmul 1024": { ms: 50 } }),
];
const peers = [
  column("PyTorch", { "matmul 1024": { ms: 10 }, copy: { ms: 2.5 } }),
  column("onnxruntime-web", { "matmul 1024": { ms: 50 } }),
  column("absent", {}),
];
const figures = [{ name: "init", unit: "ms", values: [{ engine: "Node 20", value: 30.5 }] }];
const notes = ["absent: not installed"];
const report = makeReport({ runs: 7, rounds: 1, figures, notes }, workloads, engines, peers);

describe("makeReport", () => {
  test("gives each peer's time and the ratio of the first engine's to it", () => {
    expect(report.results[0].peers).toEqual([
      { peer: "PyTorch", ms: 10, ratio: 4 },
      { peer: "onnxruntime-web", ms: 50, ratio: 0.8 },
    ]);
    expect(report.results[2].peers).toEqual([]);
  });

  test("gives rates in billions a second", () => {
    expect(report.results[0].engines[0].gflops).toBeCloseTo(2.147483648 / 0.04);
    expect(report.results[0].engines[1].gflops).toBeCloseTo(2.147483648 / 0.05);
    expect(report.results[1].engines[0]).toMatchObject({ gigabytes: 20, gflops: undefined });
  });

  test("leaves out the column of a peer without figures", () => {
    expect(report.peers.map(({ name }) => name)).toEqual(["PyTorch", "onnxruntime-web"]);
  });
});

test("formatReport prints a row a workload, a row a figure and a legend", () => {
  expect(formatReport(report).split("\n")).toEqual([
    "Medians of 7",
    "",
    "                [A] ms          rate  [B] ms          rate  kernels  peak MB  [1] ms  ratio  [2] ms  ratio",
    "matmul 1024       40.0  53.7 GFLOP/s    50.0  42.9 GFLOP/s        1       13    10.0   4.00    50.0   0.80",
    "copy              4.00     20.0 GB/s       –             –        1       80    2.50   1.60       –      –",
    "small CNN step    25.0             –       –             –       31       40       –      –       –      –",
    "",
    "      [A]      [B]",
    "init    –  30.5 ms",
    "",
    "[A] Node 24.1",
    "[B] Node 20.1",
    "[1] PyTorch.1; ratio = time of [A] / theirs",
    "[2] onnxruntime-web.1; ratio = time of [A] / theirs",
    "absent: not installed",
  ]);
  expect(formatReport({ ...report, rounds: 3 })).toMatch(/^Medians of 3 × 7$/m);
});

test("layOut aligns the first column left and numbers right", () => {
  expect(
    layOut([
      ["a", "1"],
      ["long", "100"],
    ]),
  ).toBe("a       1\nlong  100");
});
