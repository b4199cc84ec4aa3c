// `npm start [-- options]`: fine-tunes the sample network on the sample pictures; results go to runs/sample.
// Options given here come last and win: `npm start -- --device webgpu --epochs 2`.

import { parseArgs } from "node:util";
import { runNode } from "./lib/process.mjs";
import { setup, setupWebGpu } from "./setup.mjs";

const sample = "examples/finetune-sample";

const recipe = {
  model: "shufflenet_v2_x0_5",
  weights: `${sample}/shufflenet_v2_x0_5-fashion6.pth`,
  size: 64,
  "batch-size": 32,
  lr: 0.05,
  seed: 1,
  epochs: 5,
  out: "runs/sample",
};

const given = process.argv.slice(2);
const { device } = parseArgs({ args: given, options: { device: { type: "string" } }, strict: false }).values;

await setup();
const env = device === "webgpu" ? { ...process.env, ...(await setupWebGpu()) } : process.env;
const options = Object.entries(recipe).flatMap(([name, value]) => [`--${name}`, String(value)]);
const args = ["packages/cli/bin/kindling.js", "finetune", sample, "--freeze", ...options, ...given];
const { code } = await runNode(args, { env });
process.exitCode = code;
