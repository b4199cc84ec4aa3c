// The onnxruntime-web peer: its WebAssembly backend in Node. Reads tasks on stdin, prints JSON lines (see tasks.d.ts).
// Options: --runs 7 --threads 2. It only infers: tasks that need a gradient are answered with `cannot`.

import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-web";
import { onnxModel } from "./onnx-models.mjs";

const WARM_UP = 3;

const { values: options } = parseArgs({
  options: { runs: { type: "string", default: "7" }, threads: { type: "string", default: "2" } },
});
const runs = Number(options.runs);
ort.env.wasm.numThreads = Number(options.threads);
ort.env.logLevel = "error";

/** @param {import("./tasks.d.ts").PeerLine} line */
const print = (line) => console.log(JSON.stringify(line));

/** @type {(shape: number[]) => ort.Tensor} */
function randomTensor(shape) {
  const count = shape.reduce((product, size) => product * size, 1);
  return new ort.Tensor(
    "float32",
    Float32Array.from({ length: count }, () => Math.random() * 2 - 1),
    shape,
  );
}

/** @type {(model: Uint8Array, inputs: Record<string, number[]>) => Promise<number>} */
async function medianMs(model, inputs) {
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, randomTensor(shape)]));
  const times = [];
  for (let run = -WARM_UP; run < runs; run++) {
    const start = performance.now();
    await session.run(feeds);
    if (run >= 0) times.push(performance.now() - start);
  }
  await session.release();
  times.sort((a, b) => a - b);
  return (times[(runs - 1) >> 1] + times[runs >> 1]) / 2;
}

print({ peer: `onnxruntime-web ${ort.env.versions.web}, wasm, ${options.threads} threads` });
/** @type {import("./tasks.d.ts").PeerTask[]} */
const tasks = JSON.parse(await text(process.stdin));
for (const task of tasks) {
  if (task.op === "checkpoint") {
    print({ name: task.name, cannot: "onnxruntime-web reads no PyTorch files" });
    continue;
  }
  const found = onnxModel(task);
  if (found === undefined) print({ name: task.name, cannot: "onnxruntime-web computes no gradients" });
  else print({ name: task.name, ms: await medianMs(found.model, found.inputs) });
}
process.exit(0);
