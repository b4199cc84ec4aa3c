// Kindling among those that answer tasks (see ../peers/tasks.d.ts): the program that the runner starts on each engine.

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { init } from "@kindling/core";
import type { AnswerLine, PeerTask } from "../peers/tasks.js";
import { measure } from "./runner.js";
import { allWorkloads } from "./workloads/index.js";

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cpu" },
    threads: { type: "string", default: "1" },
    runs: { type: "string", default: "7" },
    folder: { type: "string", default: "." },
    checkpoint: { type: "string" },
  },
});

const print = (line: AnswerLine): void => console.log(JSON.stringify(line));

const device = await init({ device: values.device as "cpu" | "auto", threads: Number(values.threads) });
const workloads = new Map(allWorkloads(values).map((workload) => [workload.task.name, workload]));
const engine = ["Node", process.versions.node, ...process.execArgv.filter((flag) => flag !== "--expose-gc")].join(" ");
print({ peer: `Kindling on ${device.name}, ${engine}, ${values.threads} threads` });
for await (const line of createInterface({ input: process.stdin })) {
  const { name } = JSON.parse(line) as PeerTask;
  const workload = workloads.get(name);
  if (workload === undefined) print({ name, cannot: "no such workload" });
  else print({ name, ...(await measure(workload, Number(values.runs))) });
}
