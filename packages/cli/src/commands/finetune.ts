/** `kindling finetune`: shows the run as it goes, and lets Ctrl-C end it with everything saved. */

import { type FinetuneResult, finetune } from "../finetune.js";
import { duration, percent, table } from "../format.js";
import type { DeviceOptions, FinetuneOptions } from "../options.js";
import { createReporter } from "../reporter.js";
import { withDevice } from "./device.js";
import { exitCodeOf } from "./exit-code.js";

export async function finetuneCommand(options: FinetuneOptions & DeviceOptions): Promise<number> {
  const reporter = createReporter(process.stdout);
  const stop = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    reporter.close();
    if (received) process.exit(exitCodeOf(signal));
    received = signal;
    console.error("stopping: the step that runs is finished, then everything is saved (again to stop at once)");
    stop.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const result = await withDevice(options, (device) => {
      reporter.device(device.name);
      return finetune(options, reporter, stop.signal);
    });
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
