// The targets of the cpu device (issue 6 and its numbers): what each is about, the relation, the number. Nothing asserts
// them: a run prints which it met.

import type { Report } from "./report.js";

/** The figures of one engine in a report. */
export interface Look {
  ms(workload: string): number | undefined;
  /** Billions of operations or bytes a second. */
  rate(workload: string): number | undefined;
  peerMs(workload: string, peer: string): number | undefined;
  figure(name: string): number | undefined;
}

export interface Target {
  subject: string;
  /** What is measured, in words. */
  measure: string;
  relation: "≥" | "≤";
  wanted: number;
  /** The engines of which it is wanted; of the others the number is only shown. */
  engines: readonly string[];
  value(look: Look): number | undefined;
}

const PLAIN = "Node 24";
const REVECTORIZED = "Node 24 --experimental-wasm-revectorize";
const WEB = "onnxruntime-web";

const quotient = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? undefined : a / b;

const rateOf = (subject: string, wanted: number, engine: string): Target => ({
  subject,
  measure: "GFLOP/s",
  relation: "≥",
  wanted,
  engines: [engine],
  value: (look) => look.rate(subject),
});

/** A share of the rate that another of our workloads reaches. */
const shareOf = (subject: string, other: string, wanted: number): Target => ({
  subject,
  measure: `× the rate of ${other}`,
  relation: "≥",
  wanted,
  engines: [PLAIN],
  value: (look) => quotient(look.rate(subject), look.rate(other)),
});

const fasterThan = (peer: string, subject: string, wanted: number): Target => ({
  subject,
  measure: `× faster than ${peer}`,
  relation: "≥",
  wanted,
  engines: [PLAIN],
  value: (look) => quotient(look.peerMs(subject, peer), look.ms(subject)),
});

const withinOf = (peer: string, subject: string, wanted: number, engine = PLAIN): Target => ({
  subject,
  measure: `× the time of ${peer}`,
  relation: "≤",
  wanted,
  engines: [engine],
  value: (look) => quotient(look.ms(subject), look.peerMs(subject, peer)),
});

const figureOf = (subject: string, measure: string, relation: Target["relation"], wanted: number): Target => ({
  subject,
  measure,
  relation,
  wanted,
  engines: [PLAIN],
  value: (look) => look.figure(subject),
});

/** 85 % of what a product written by hand reaches on each engine with two threads. */
const products = ["matmul 1024", "matmul 2048"].flatMap((name) => [
  rateOf(name, 80, PLAIN),
  rateOf(name, 145, REVECTORIZED),
  rateOf(name, 64, "Node 20"),
]);

const otherProducts = [
  "matmul 128",
  "matmul 256",
  "matmul 8192x64x64",
  "matmul 64x64x8192",
  "matmul 64x8192x64",
  "matmul 197x768x768",
  "matmul 12 of 197x64x197",
  "matmul 12 of 197x197x64",
  "matmul 256 of 64",
].map((name) => shareOf(name, "matmul 1024", 0.5));

const layers3x3 = ["3x3 64@56", "3x3 128@28", "3x3 256@14", "3x3 512@7"];
const otherLayers = [
  "7x7 s2 3to64@224",
  "1x1 256to64@56",
  "1x1 64to256@56",
  "1x1 1024to256@14",
  "depthwise 3x3 144@56",
  "depthwise 3x3 s2 96@112",
  "depthwise 5x5 240@28",
];

const convolutions = [
  ...layers3x3.map((layer) => fasterThan(WEB, `conv ${layer} forward`, 3)),
  ...otherLayers.map((layer) => fasterThan(WEB, `conv ${layer} forward`, 2)),
  ...[...layers3x3, "3x3 s2 64to128@56", ...otherLayers].flatMap((layer) =>
    ["input gradient", "weight gradient"].map((pass) =>
      shareOf(`conv ${layer} ${pass}`, `conv ${layer} forward`, 1 / 1.5),
    ),
  ),
];

const inference = [
  fasterThan(WEB, "resnet18 inference b1", 3),
  fasterThan(WEB, "resnet18 inference b8", 3.5),
  fasterThan(WEB, "mobilenet_v2 inference b1", 1.5),
  fasterThan(WEB, "mobilenet_v2 inference b8", 2.5),
  ...["vit_b_16", "efficientnet_b0", "convnext_tiny", "densenet121"].map((model) =>
    fasterThan(WEB, `${model} inference b1`, 1.5),
  ),
];

const training = [
  ...["resnet18 training step b8", "resnet18 head-only step b8"].flatMap((name) => [
    withinOf("PyTorch", name, 2),
    withinOf("PyTorch", name, 1.3, REVECTORIZED),
  ]),
  withinOf("PyTorch", "small CNN step b64", 1),
  withinOf("PyTorch", "mobilenet_v2 training step b8", 2.5),
  withinOf("PyTorch", "resnet50 training step b8", 2.5),
];

const COPY = "elementwise copy 10000000";

const memoryBound = [
  withinOf("PyTorch", "elementwise chain 10000000", 1),
  ...[
    "sum 10000000",
    "sumRows 8192x1024",
    "sumColumns 8192x1024",
    "sumChannels 32x64x56x56",
    "softmax 8192x1024",
    "layerNorm 8192x1024",
    "batchNorm 32x64x56x56",
    "batchNormStep 32x64x56x56",
    "transpose 4096x4096",
    "channelsLast 32x64x56x56",
  ].map((work) => shareOf(`elementwise ${work}`, COPY, 0.6)),
];

const processes = [
  figureOf("start to first result, over bare Node", "ms", "≤", 100),
  figureOf("compiling ResNet-18 training", "ms", "≤", 400),
  figureOf("training: peak of tensors and workspaces", "MB", "≤", 330),
  figureOf("training: longest collection", "ms", "≤", 5),
  figureOf("training: pages first touched by a step", "pages", "≤", 100),
  figureOf("scaling: speed-up", "×", "≥", 1.7),
  figureOf("idle: CPU time in a second", "ms", "≤", 10),
];

export const targets: Target[] = [
  ...products,
  ...otherProducts,
  ...convolutions,
  ...inference,
  ...training,
  ...memoryBound,
  ...processes,
];

/** What one engine makes of a target. */
export interface Verdict {
  engine: string;
  value: number;
  /** Undefined where the target is not about this engine. */
  met?: boolean;
}

export interface Outcome extends Omit<Target, "value"> {
  verdicts: Verdict[];
}

function look(report: Report, engine: string): Look {
  const result = (workload: string) => report.results.find(({ name }) => name === workload);
  const ours = (workload: string) => result(workload)?.engines.find((figure) => figure.engine === engine);
  return {
    ms: (workload) => ours(workload)?.ms,
    rate: (workload) => ours(workload)?.gflops ?? ours(workload)?.gigabytes,
    peerMs: (workload, peer) => result(workload)?.peers.find((figure) => figure.peer === peer)?.ms,
    figure: (name) => report.figures.find((f) => f.name === name)?.values.find((v) => v.engine === engine)?.value,
  };
}

/** The targets of which the report has figures. */
export function judge(report: Report, all: readonly Target[] = targets): Outcome[] {
  return all.flatMap(({ value: measured, ...target }) => {
    const verdicts = report.engines.flatMap(({ name: engine }): Verdict[] => {
      const value = measured(look(report, engine));
      if (value === undefined) return [];
      if (!target.engines.includes(engine)) return [{ engine, value }];
      return [{ engine, value, met: target.relation === "≥" ? value >= target.wanted : value <= target.wanted }];
    });
    return verdicts.length === 0 ? [] : [{ ...target, verdicts }];
  });
}
