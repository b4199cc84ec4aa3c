// Targets: their arithmetic, of whom they are wanted, and how verdicts are printed.

import { describe, expect, test } from "vitest";
import { formatOutcomes } from "../dist/format.js";
import { makeReport } from "../dist/report.js";
import { judge, targets } from "../dist/targets.js";
import { allWorkloads } from "../dist/workloads/index.js";

const PLAIN = "Node 24";
const REVECTORIZED = "Node 24 --experimental-wasm-revectorize";

const column = (name: string, times: Record<string, number>) => ({
  name,
  title: name,
  answers: new Map(Object.entries(times).map(([task, ms]) => [task, { ms }])),
});

const MATMUL = "matmul 1024";
const GRADIENT = "conv 3x3 64@56 weight gradient";
const FORWARD = "conv 3x3 64@56 forward";
const STEP = "resnet18 training step b8";

const workloads = [
  { task: { name: MATMUL }, flops: 2e9 },
  { task: { name: FORWARD }, flops: 1e9 },
  { task: { name: GRADIENT }, flops: 1e9 },
  { task: { name: STEP } },
];
const report = makeReport(
  {
    runs: 7,
    rounds: 1,
    figures: [{ name: "scaling: speed-up", unit: "×", values: [{ engine: PLAIN, value: 1.65 }] }],
    notes: [],
  },
  workloads,
  [
    column(PLAIN, { [MATMUL]: 20, [FORWARD]: 10, [GRADIENT]: 14, [STEP]: 630 }),
    column(REVECTORIZED, { [MATMUL]: 16, [STEP]: 450 }),
  ],
  [column("PyTorch", { [STEP]: 300 }), column("onnxruntime-web", { [FORWARD]: 31 })],
);

const outcomes = judge(report);
const verdictsOf = (subject: string, measure: string) =>
  outcomes.filter((outcome) => outcome.subject === subject && outcome.measure === measure);

describe("judge", () => {
  test("a rate is wanted of the engine that it is about, and shown of the others", () => {
    const [plain, revectorized] = verdictsOf(MATMUL, "GFLOP/s").map(({ verdicts }) => verdicts);
    expect(plain).toEqual([
      { engine: PLAIN, value: 100, met: true },
      { engine: REVECTORIZED, value: 125 },
    ]);
    expect(revectorized).toEqual([
      { engine: PLAIN, value: 100 },
      { engine: REVECTORIZED, value: 125, met: false },
    ]);
  });

  test("times compare with a peer's in both directions", () => {
    const [faster] = verdictsOf(FORWARD, "× faster than onnxruntime-web");
    expect(faster.verdicts).toEqual([{ engine: PLAIN, value: 3.1, met: true }]);
    const [within2, within13] = verdictsOf(STEP, "× the time of PyTorch");
    expect(within2).toMatchObject({ relation: "≤", wanted: 2 });
    expect(within2.verdicts[0]).toEqual({ engine: PLAIN, value: 2.1, met: false });
    expect(within13.verdicts[1]).toEqual({ engine: REVECTORIZED, value: 1.5, met: false });
  });

  test("a gradient's rate is held against forward's", () => {
    const [{ verdicts }] = verdictsOf(GRADIENT, `× the rate of ${FORWARD}`);
    expect(verdicts).toHaveLength(1);
    expect(verdicts[0]).toMatchObject({ engine: PLAIN, met: true });
    expect(verdicts[0].value).toBeCloseTo(10 / 14);
  });

  test("figures of processes have targets too", () => {
    expect(verdictsOf("scaling: speed-up", "×")[0].verdicts).toEqual([{ engine: PLAIN, value: 1.65, met: false }]);
  });

  test("what was not measured has no outcome", () => {
    expect(verdictsOf("matmul 2048", "GFLOP/s")).toEqual([]);
  });
});

test("formatOutcomes counts what was met and brackets what was not wanted", () => {
  const lines = formatOutcomes(report, outcomes).split("\n");
  expect(lines[0]).toBe("Targets: 3 of 7 met");
  expect(lines).toContainEqual(expect.stringMatching(/^matmul 1024: ≥ 80\.0 GFLOP\/s +100 met +\(125\)$/));
  expect(lines).toContainEqual(expect.stringMatching(/^scaling: speed-up: ≥ 1\.70 × +1\.65 missed +–$/));
});

test("every target but those of processes is about a workload that there is", () => {
  const names = new Set(allWorkloads({ folder: "." }).map(({ task }) => task.name));
  const subjects = targets.map(({ subject }) => subject);
  const ofProcesses = /^(start|compiling|training|scaling|idle)[: ]/;
  expect(subjects.filter((subject) => !ofProcesses.test(subject) && !names.has(subject))).toEqual([]);
});
