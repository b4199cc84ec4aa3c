// The report: peers beside us, columns that line up.

import { describe, expect, test } from "vitest";
import { formatReport, layOut, makeReport } from "../dist/report.js";

const setting = { device: "cpu", threads: 2, node: "20.20.2", runs: 7, rounds: 1 };
const ours = [
  { name: "matmul 1024³", ms: 40, gflops: 53.7, gigabytes: 8, kernels: 1, peakBytes: 12_582_912 },
  { name: "small CNN step", ms: 25.04, kernels: 31.2, peakBytes: 40e6 },
];
const peers = [
  { peer: "PyTorch", ms: new Map([["matmul 1024³", 10]]), checks: new Map(), notes: [] },
  {
    peer: "onnxruntime-web",
    ms: new Map([["matmul 1024³", 50]]),
    checks: new Map(),
    notes: ["small CNN step: no gradients"],
  },
];

describe("makeReport", () => {
  test("gives each peer's time and the ratio of ours to it", () => {
    const { results } = makeReport(setting, ours, peers);
    expect(results[0].peers).toEqual([
      { peer: "PyTorch", ms: 10, ratio: 4 },
      { peer: "onnxruntime-web", ms: 50, ratio: 0.8 },
    ]);
    expect(results[1].peers).toEqual([]);
  });

  test("says which peer has no figure and why", () => {
    expect(makeReport(setting, ours, peers).notes).toEqual(["onnxruntime-web: small CNN step: no gradients"]);
  });
});

describe("formatReport", () => {
  test("prints a row a workload and a legend a peer", () => {
    expect(formatReport(makeReport(setting, ours, peers)).split("\n")).toEqual([
      "Kindling on cpu, 2 threads, Node 20.20.2: medians of 7",
      "",
      "                  ms  GFLOP/s  GB/s  kernels  peak MB  [1] ms  ratio  [2] ms  ratio",
      "matmul 1024³    40.0     53.7   8.0        1       13    10.0   4.00    50.0   0.80",
      "small CNN step  25.0        –     –       31       40       –      –       –      –",
      "",
      "[1] PyTorch; ratio = our time / theirs",
      "[2] onnxruntime-web; ratio = our time / theirs",
      "onnxruntime-web: small CNN step: no gradients",
    ]);
  });
});

test("says how many rounds there were", () => {
  const report = makeReport({ ...setting, rounds: 3 }, ours, peers);
  expect(formatReport(report)).toMatch(/^Kindling on cpu, 2 threads, Node 20.20.2: medians of 3 × 7$/m);
});

test("layOut aligns the first column left and numbers right", () => {
  expect(
    layOut([
      ["a", "1"],
      ["long", "100"],
    ]),
  ).toBe("a       1\nlong  100");
});
