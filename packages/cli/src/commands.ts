/** The commands: each turns parsed options into a call, prints what comes back, and gives the exit code. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { inspect as inspectFile } from "@kindling/checkpoint";
import { type Device, init } from "@kindling/core";
import { UsageError } from "./errors.js";
import { type FinetuneOptions, type FinetuneResult, finetune } from "./finetune.js";
import { bytes, duration, percent, shape, table, whole } from "./format.js";
import { predict } from "./predict.js";
import { createReporter } from "./reporter.js";

/** Which device computes, and on how many threads. */
export interface DeviceOptions {
  readonly device: string;
  readonly threads?: number;
}

/** Starts the device for the time of `use`. */
async function withDevice<T>({ device, threads }: DeviceOptions, use: () => Promise<T>): Promise<T> {
  // Names are checked by init, which knows them.
  const started: Device = await init({ device: device as "auto", threads });
  try {
    return await use();
  } finally {
    started.close();
  }
}

/** Exit code of a program that a signal ended, as shells have it. */
const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

export async function finetuneCommand(options: FinetuneOptions & DeviceOptions): Promise<number> {
  const reporter = createReporter(process.stdout);
  const stop = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (received) process.exit(exitCodeOf(signal));
    received = signal;
    reporter.close();
    console.error("stopping: the step that runs is finished, then everything is saved (again to stop at once)");
    stop.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const result = await withDevice(options, () => finetune(options, reporter, stop.signal));
    reporter.close();
    console.log(summary(result, options.out));
    return received ? exitCodeOf(received) : 0;
  } finally {
    reporter.close();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function summary({ history, saved }: FinetuneResult, out: string): string {
  if (!saved) return "stopped before training began; nothing was written";
  const rows = history.map(({ epoch, trainLoss, valLoss, valAccuracy, seconds }) => [
    String(epoch),
    trainLoss.toFixed(4),
    valLoss.toFixed(4),
    percent(valAccuracy),
    duration(seconds),
  ]);
  const titles = ["epoch", "training loss", "validation loss", "accuracy", "time"];
  const columns = titles.map((title) => ({ title, align: "right" as const }));
  const written = `${out}: model.pth, classes.json, history.json, curves.svg, config.json`;
  return `${rows.length > 0 ? `\n${table(columns, rows)}\n\n` : ""}wrote ${written}`;
}

export async function predictCommand(
  images: readonly string[],
  { checkpoint, top, ...device }: DeviceOptions & { readonly checkpoint: string; readonly top: number },
): Promise<number> {
  return withDevice(device, async () => {
    let unreadable = 0;
    for await (const prediction of predict(images, checkpoint, top)) {
      if ("error" in prediction) {
        unreadable++;
        console.error(`error: ${prediction.error.message}`);
        continue;
      }
      console.log(prediction.path);
      for (const { name, probability } of prediction.guesses)
        console.log(`  ${percent(probability).padStart(7)}  ${name}`);
    }
    return unreadable > 0 ? 1 : 0;
  });
}

export async function inspectCommand(file: string): Promise<number> {
  const tensors = await inspectFile(file);
  const rows = tensors.map((tensor) => [tensor.name, shape(tensor.shape), tensor.dtype, whole(tensor.bytes)]);
  const columns = [
    { title: "name" },
    { title: "shape" },
    { title: "dtype" },
    { title: "bytes", align: "right" as const },
  ];
  console.log(table(columns, rows));
  const total = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  console.log(`\n${whole(tensors.length)} tensors, ${bytes(total)}`);
  return 0;
}

/** Runs the benchmarks of the clone that the working directory is in. */
export async function benchCommand(args: readonly string[]): Promise<number> {
  const runner = findUpwards(process.cwd(), join("benchmarks", "dist", "main.js"));
  if (!runner)
    throw new UsageError("the benchmarks are part of the repository: run kindling bench inside a clone that is built");
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [runner, ...args], { stdio: "inherit" });
    child.on("error", fail);
    child.on("close", (code, signal) => done(code ?? exitCodeOf(signal!)));
  });
}

function findUpwards(folder: string, file: string): string | undefined {
  const candidate = join(resolve(folder), file);
  if (existsSync(candidate)) return candidate;
  const parent = dirname(resolve(folder));
  return parent === resolve(folder) ? undefined : findUpwards(parent, file);
}
