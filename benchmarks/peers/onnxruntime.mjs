// What the peers on ONNX Runtime have in common: they answer tasks by running ONNX models (see tasks.d.ts).
// Options: --runs 7 --threads 2.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { onnxModel } from "./onnx-models.mjs";

const WARM_UP = 3;
/** Short runs are repeated at least so long, as the other answerers do. */
const MEASURE_MS = 200;

const { values: options } = parseArgs({
  options: { runs: { type: "string", default: "7" }, threads: { type: "string", default: "2" } },
});
const runs = Number(options.runs);
export const threads = Number(options.threads);

/** @param {import("./tasks.d.ts").AnswerLine} line */
const print = (line) => console.log(JSON.stringify(line));

/** @type {(shape: number[]) => Float32Array} */
const randomValues = (shape) =>
  Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => Math.random() * 2 - 1);

/** @type {(values: number[]) => number} */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/**
 * Times one model.
 *
 * @param {import("onnxruntime-common")} ort
 * @param {import("onnxruntime-common").InferenceSession.SessionOptions} sessionOptions
 * @param {import("./onnx-models.mjs").OnnxModel} model
 * @returns {Promise<{ ms: number, check: string }>}
 */
async function measure(ort, sessionOptions, { model, inputs }) {
  const bytes = typeof model === "string" ? readFileSync(model) : model;
  const session = await ort.InferenceSession.create(bytes, sessionOptions);
  const tensors = Object.entries(inputs).map(([name, shape]) => [
    name,
    new ort.Tensor("float32", randomValues(shape), shape),
  ]);
  const feeds = Object.fromEntries(tensors);
  let results = {};
  for (let run = 0; run < WARM_UP; run++) results = await session.run(feeds);
  const check = Object.values(results)
    .map(({ dims }) => `[${dims}]`)
    .join(" ");
  const times = [];
  const begin = performance.now();
  while (times.length < runs || performance.now() - begin < MEASURE_MS) {
    const start = performance.now();
    await session.run(feeds);
    times.push(performance.now() - start);
  }
  await session.release();
  return { ms: median(times), check };
}

/**
 * Answers the tasks on stdin, one after another.
 *
 * @param {string} peer its name, version and settings
 * @param {import("onnxruntime-common")} ort
 * @param {import("onnxruntime-common").InferenceSession.SessionOptions} sessionOptions
 */
export async function serve(peer, ort, sessionOptions) {
  print({ peer });
  for await (const line of createInterface({ input: process.stdin })) {
    /** @type {import("./tasks.d.ts").PeerTask} */
    const task = JSON.parse(line);
    try {
      const model = onnxModel(task);
      if (model === undefined) print({ name: task.name, cannot: "no ONNX model of it" });
      else print({ name: task.name, ...(await measure(ort, sessionOptions, model)) });
    } catch (error) {
      print({ name: task.name, cannot: String(error) });
    }
  }
  process.exit(0);
}
