// `pnpm bench`: times the hot paths on one device and one or more engines, and peers beside them.

import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { init } from "@kindling/core";
import { Contestant } from "./contestant.js";
import { comparedEngines, engineProgram, thisEngine } from "./engines.js";
import { allPeers } from "./peers.js";
import { formatProfile, profile, profilingDevice } from "./profile.js";
import { type Column, formatReport, makeReport, type Report } from "./report.js";
import { askInRounds } from "./rounds.js";
import type { Workload } from "./workload.js";
import { allWorkloads } from "./workloads/index.js";

const usage = `pnpm bench [options]
  --only <pattern>   workloads whose name matches this regular expression
  --device <name>    cpu (default) or auto
  --engines          on Node 24 without and with --experimental-wasm-revectorize and on this Node, not on this Node alone;
                     the first run installs Node 24
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
        engines: { type: "boolean", default: false },
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

async function profileAll(workloads: Workload[], threads: number): Promise<void> {
  const device = await profilingDevice(threads);
  await init({ device });
  for (const workload of workloads) {
    const found = await profile(device, workload);
    if (found) console.log(formatProfile(workload.task.name, found));
  }
}

type Options = ReturnType<typeof options>;

/** Starts everybody, asks everybody everything, and lets everybody end. */
async function measureAll(workloads: Workload[], folder: string, choices: Options): Promise<Report> {
  const { device, threads, runs, rounds, checkpoint, engines, "no-peers": alone } = choices;
  const settings = Object.entries({ device, threads, runs, folder, checkpoint });
  const kindling = settings.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
  const ours = (engines ? comparedEngines : [thisEngine]).map((engine) => engineProgram(engine, kindling));
  const theirs = alone ? [] : allPeers(threads, runs);

  const contestants: Contestant[] = [];
  for (const program of [...ours, ...theirs]) contestants.push(await Contestant.start(program));
  if (!contestants[0].running) fail(`Kindling did not start. ${contestants[0].failure}`);
  const answers = await askInRounds(
    contestants,
    workloads.map(({ task }) => task),
    rounds,
  );
  await Promise.all(contestants.map((contestant) => contestant.close()));

  const columns = contestants.map(({ name, title }, i): Column => ({ name, title, answers: answers[i] }));
  const notes = contestants.flatMap((contestant) => contestant.notes);
  return makeReport({ runs, rounds, notes }, workloads, columns.slice(0, ours.length), columns.slice(ours.length));
}

async function run(folder: string): Promise<void> {
  const choices = options();
  const { only, threads, json, checkpoint } = choices;
  if (choices.help) return console.log(usage);
  const pattern = new RegExp(only, "i");
  const all = allWorkloads({ folder, checkpoint });
  const workloads = all.filter(({ task }) => pattern.test(task.name));
  const names = all.map(({ task }) => `  ${task.name}`).join("\n");
  if (choices.list) return console.log(names);
  if (workloads.length === 0) fail(`no workload matches "${only}". There are:\n${names}`);
  if (choices.profile) return profileAll(workloads, threads);
  const report = await measureAll(workloads, folder, choices);
  console.log(json ? JSON.stringify(report, undefined, 2) : formatReport(report));
}

const folder = mkdtempSync(join(tmpdir(), "kindling-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true }));
await run(folder);
