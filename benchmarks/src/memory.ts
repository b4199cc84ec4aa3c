// `pnpm bench:memory`: what it takes to build a large model, to load its weights from a file, and to run it once.

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { save } from "@kindling/checkpoint";
import { fromHost, type Tensor } from "@kindling/core";
import { models } from "@kindling/vision";
import type { LoadCost } from "./memory-process.js";

const usage = `pnpm bench:memory [options]
  --model <name>     a builder of torchvision (default vit_l_16, whose weights take 1.2 GB)
  --device <name>    cpu (default) or webgpu
  --json             print JSON`;

/** Numbers that are not 0, since memory that was only cleared may not exist yet. */
function filled({ shape, dtype, numel }: Tensor): Tensor {
  if (dtype === "int64") return fromHost(new BigInt64Array(numel).fill(1n), shape);
  return fromHost(
    new Float32Array(numel).map((_, i) => 0.001 * ((i % 37) + 1)),
    shape,
  );
}

/** A file of weights for a model, as `torch.save(model.state_dict(), path)` writes it. */
async function writeWeights(name: string, path: string): Promise<void> {
  const state = models.getModel(name).stateDict();
  await save(new Map([...state].map(([key, tensor]) => [key, filled(tensor)])), path);
}

/** Loads the weights in a process of its own: what this one took to write them does not count. */
async function measure(name: string, device: string): Promise<LoadCost> {
  const folder = await mkdtemp(join(tmpdir(), "kindling-bench-"));
  try {
    const file = join(folder, `${name}.pth`);
    await writeWeights(name, file);
    const program = fileURLToPath(new URL("./memory-process.js", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, name, device, file]);
    return JSON.parse(stdout) as LoadCost;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

function report({ model, device, fileBytes, peakBytes, ...cost }: LoadCost): string {
  return [
    `${model} on ${device}, a file of ${megabytes(fileBytes)}`,
    `  build       ${cost.buildMs.toFixed(0)} ms, ${megabytes(cost.buildBytes)}`,
    `  load        ${cost.loadMs.toFixed(0)} ms`,
    `  first pass  ${cost.firstPassMs.toFixed(0)} ms`,
    `  peak        ${megabytes(peakBytes)} more than before: ${(peakBytes / fileBytes).toFixed(2)} × the file`,
  ].join("\n");
}

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "vit_l_16" },
    device: { type: "string", default: "cpu" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) console.log(usage);
else {
  const cost = await measure(values.model, values.device);
  console.log(values.json ? JSON.stringify(cost) : report(cost));
}
