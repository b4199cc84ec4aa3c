// `pnpm bench`: times the hot paths on one device, and peers beside them.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { init } from "@kindling/core";
import { allPeers, type PeerResult, runPeer } from "./peers.js";
import { formatReport, makeReport } from "./report.js";
import { measure } from "./runner.js";
import type { Measurement } from "./workload.js";
import { allWorkloads } from "./workloads/index.js";

const usage = `pnpm bench [options]
  --only <pattern>   workloads whose name matches this regular expression
  --device <name>    cpu (default) or auto
  --threads <n>      ours and the peers' (default: as many as the machine has cores)
  --runs <n>         runs of which the median is taken (default 7)
  --no-peers         leave the other frameworks out; else the first run installs those that npm has
  --json             print JSON
  --list             print the workloads' names`;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", default: "" },
        device: { type: "string", default: "cpu" },
        threads: { type: "string", default: String(availableParallelism()) },
        runs: { type: "string", default: "7" },
        peers: { type: "boolean", default: true },
        "no-peers": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return { ...values, threads: count("threads", values.threads), runs: count("runs", values.runs) };
  } catch (error) {
    return fail((error as Error).message);
  }
}

function fail(message: string): never {
  console.error(`bench: ${message}\n\n${usage}`);
  process.exit(2);
}

function count(name: string, text: string): number {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : fail(`--${name} takes a number of at least 1, not "${text}"`);
}

async function main(): Promise<void> {
  const { only, device, threads, runs, json, ...flags } = options();
  if (flags.help) return console.log(usage);
  const pattern = new RegExp(only, "i");
  const workloads = allWorkloads.filter(({ task }) => pattern.test(task.name));
  const names = allWorkloads.map(({ task }) => `  ${task.name}`).join("\n");
  if (flags.list) return console.log(names);
  if (workloads.length === 0) fail(`no workload matches "${only}". There are:\n${names}`);

  // init knows the devices, and refuses a name that is none of them.
  await init({ device: device as "cpu" | "auto", threads }).catch((error: Error) => fail(error.message));
  const measurements: Measurement[] = [];
  for (const workload of workloads) {
    console.error(`${workload.task.name} …`);
    measurements.push(await measure(workload, runs));
  }
  const peers: PeerResult[] = [];
  for (const peer of flags["no-peers"] ? [] : allPeers(threads)) {
    console.error(`${peer.name} …`);
    const tasks = workloads.map(({ task }) => task);
    peers.push(await runPeer(peer, tasks, runs, threads));
  }
  const report = makeReport({ device, threads, node: process.versions.node, runs }, measurements, peers);
  console.log(json ? JSON.stringify(report, undefined, 2) : formatReport(report));
}

await main();
