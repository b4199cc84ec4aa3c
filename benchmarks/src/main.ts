// `pnpm bench`: times the hot paths on one or more engines with peers beside them, and measures what processes take.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { init } from "@kindling/core";
import { Contestant, type Program } from "./contestant.js";
import { availableEngines, comparedEngines, type Engine, engineProgram, thisEngine } from "./engines.js";
import type { FigureGroup } from "./figures/figure.js";
import { allFigures, measureFigures } from "./figures/index.js";
import { formatOutcomes, formatReport } from "./format.js";
import { fail, type Options, parseOptions } from "./options.js";
import { allPeers } from "./peers.js";
import { formatProfile, profile, profilingDevice } from "./profile.js";
import { type Column, makeReport, type Report } from "./report.js";
import { askInRounds } from "./rounds.js";
import { judge } from "./targets.js";
import type { Workload } from "./workload.js";
import { allWorkloads } from "./workloads/index.js";

/** What was chosen to be measured. */
interface Choice {
  workloads: Workload[];
  figures: FigureGroup[];
}

async function profileAll(workloads: Workload[], threads: number): Promise<void> {
  const device = await profilingDevice(threads);
  await init({ device });
  for (const workload of workloads) {
    const found = await profile(device, workload);
    if (found) console.log(formatProfile(workload.task.name, found));
  }
}

/** Starts everybody, asks everybody everything, and lets everybody end. */
async function timeAll(programs: Program[], { workloads }: Choice, rounds: number) {
  if (workloads.length === 0)
    return { columns: programs.map(({ name }): Column => ({ name, title: name, answers: new Map() })), notes: [] };
  const contestants: Contestant[] = [];
  for (const program of programs) contestants.push(await Contestant.start(program));
  if (!contestants[0].running) fail(`Kindling did not start. ${contestants[0].failure}`);
  const tasks = workloads.map(({ task }) => task);
  const answers = await askInRounds(contestants, tasks, rounds);
  await Promise.all(contestants.map((contestant) => contestant.close()));
  return {
    columns: contestants.map(({ name, title }, i): Column => ({ name, title, answers: answers[i] })),
    notes: contestants.flatMap((contestant) => contestant.notes),
  };
}

async function measureAll(choice: Choice, engines: Engine[], folder: string, options: Options): Promise<Report> {
  const { device, threads, runs, rounds, checkpoint } = options;
  const settings = Object.entries({ device, threads, runs, folder, checkpoint });
  const kindling = settings.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
  const ours = engines.map((engine) => engineProgram(engine, kindling));
  const theirs = options["no-peers"] ? [] : allPeers(threads, runs);
  const { columns, notes } = await timeAll([...ours, ...theirs], choice, rounds);
  const figures = await measureFigures(choice.figures, engines, threads);
  const [us, peers] = [columns.slice(0, ours.length), columns.slice(ours.length)];
  return makeReport({ runs, rounds, figures, notes }, choice.workloads, us, peers);
}

async function main(folder: string): Promise<void> {
  const options = parseOptions();
  const { only, checkpoint, device } = options;
  const pattern = new RegExp(only, "i");
  const all = allWorkloads({ folder, checkpoint });
  // What processes take is known of the cpu device.
  const groups = device === "cpu" ? allFigures : [];
  const choice: Choice = {
    workloads: all.filter(({ task }) => pattern.test(task.name)),
    figures: groups.filter(({ name }) => pattern.test(name)),
  };
  const names = [...all.map(({ task }) => task.name), ...groups.map(({ name }) => name)].join("\n  ");
  if (options.list) return console.log(`  ${names}`);
  if (choice.workloads.length + choice.figures.length === 0) fail(`nothing matches "${only}". There are:\n  ${names}`);
  if (options.profile) return profileAll(choice.workloads, options.threads);

  const engines = options.engines ? availableEngines(comparedEngines) : [thisEngine];
  const report = await measureAll(choice, engines, folder, options);
  const outcomes = options.targets ? judge(report) : [];
  if (options.json) return console.log(JSON.stringify({ ...report, targets: outcomes }, undefined, 2));
  console.log(formatReport(report));
  if (options.targets) console.log(`\n${formatOutcomes(report, outcomes)}`);
}

const folder = mkdtempSync(join(tmpdir(), "kindling-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true }));
await main(folder);
