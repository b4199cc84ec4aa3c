// `pnpm bench`: times the hot paths on one device, and peers beside them.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { init } from "@kindling/core";
import { allPeers, type Peer, runPeer } from "./peers.js";
import { formatProfile, profile, profilingDevice } from "./profile.js";
import { formatReport, makeReport } from "./report.js";
import { checkResults, combine, type Round } from "./rounds.js";
import { measure } from "./runner.js";
import type { Workload } from "./workload.js";
import { allWorkloads } from "./workloads/index.js";

const usage = `pnpm bench [options]
  --only <pattern>   workloads whose name matches this regular expression
  --device <name>    cpu (default) or auto
  --threads <n>      ours and the peers' (default: as many as the machine has cores)
  --runs <n>         runs of which the median is taken (default 7)
  --rounds <n>       measure everything so many times, we and the peers in turn, and take medians (default 1)
  --checkpoint <path>  a .pth of a state dict for the checkpoint workloads (default: one is made)
  --profile          time each kernel of a run alone on the cpu device, instead of the whole
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
        rounds: { type: "string", default: "1" },
        checkpoint: { type: "string" },
        profile: { type: "boolean", default: false },
        peers: { type: "boolean", default: true },
        "no-peers": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const counts = {
      threads: count("threads", values.threads),
      runs: count("runs", values.runs),
      rounds: count("rounds", values.rounds),
    };
    return { ...values, ...counts };
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

/** Measures every workload, then every peer. Refuses peers that give other results than we. */
async function measureRound(workloads: Workload[], peers: Peer[], runs: number, threads: number): Promise<Round> {
  const round: Round = { ours: [], peers: [] };
  for (const workload of workloads) {
    console.error(`${workload.task.name} …`);
    round.ours.push(await measure(workload, runs));
  }
  for (const peer of peers) {
    console.error(`${peer.name} …`);
    const tasks = workloads.map(({ task }) => task);
    round.peers.push(await runPeer(peer, tasks, runs, threads));
  }
  checkResults(round);
  return round;
}

async function profileAll(workloads: Workload[], threads: number): Promise<void> {
  const device = await profilingDevice(threads);
  await init({ device });
  for (const workload of workloads) {
    const found = await profile(device, workload);
    if (found) console.log(formatProfile(workload.task.name, found));
  }
}

async function main(): Promise<void> {
  const { only, device, threads, runs, rounds, json, checkpoint, ...flags } = options();
  if (flags.help) return console.log(usage);
  const pattern = new RegExp(only, "i");
  const all = allWorkloads(checkpoint);
  const workloads = all.filter(({ task }) => pattern.test(task.name));
  const names = all.map(({ task }) => `  ${task.name}`).join("\n");
  if (flags.list) return console.log(names);
  if (workloads.length === 0) fail(`no workload matches "${only}". There are:\n${names}`);

  if (flags.profile) return profileAll(workloads, threads);

  // init knows the devices, and refuses a name that is none of them.
  await init({ device: device as "cpu" | "auto", threads }).catch((error: Error) => fail(error.message));
  const peers = flags["no-peers"] ? [] : allPeers(threads);
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round++) measured.push(await measureRound(workloads, peers, runs, threads));
  const { ours, peers: theirs } = combine(measured);
  const report = makeReport({ device, threads, node: process.versions.node, runs, rounds }, ours, theirs);
  console.log(json ? JSON.stringify(report, undefined, 2) : formatReport(report));
}

await main();
