/**
 * What a person sees of a run: facts first, then a live bar on a terminal or a line now and then elsewhere, and one line
 * for each epoch.
 */

import { SingleBar } from "cli-progress";
import type { Progress, Reporter } from "./finetune.js";
import { duration, percent, shape, whole } from "./format.js";
import type { WeightsReport } from "./pretrained.js";
import type { EpochRecord } from "./run-folder.js";

/** Time between two lines of progress where there is no terminal. */
const LINE_EVERY_MS = 5000;

/** Reading so few pictures takes no time worth showing. */
const WORTH_SHOWING = 500;

/** Shows progress on the stream; a bar that is drawn over again, or plain lines. */
export function createReporter(stream: NodeJS.WriteStream): ConsoleReporter {
  return new ConsoleReporter(stream, stream.isTTY ? new LiveProgress(stream) : new PlainProgress(stream));
}

/** Shows one pass at a time. */
interface ProgressView {
  update(label: string, done: number, total: number, details: string): void;
  /** Takes the bar away, so that a line can be written. */
  clear(): void;
}

class LiveProgress implements ProgressView {
  readonly #stream: NodeJS.WriteStream;
  #bar: SingleBar | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  update(label: string, done: number, total: number, details: string): void {
    if (!this.#bar) {
      this.#bar = new SingleBar({
        stream: this.#stream,
        format: "{label}  {bar} {value}/{total}  {details}",
        barCompleteChar: "━",
        barIncompleteChar: "─",
        barsize: 24,
        clearOnComplete: true,
        hideCursor: true,
        linewrap: false,
        gracefulExit: false,
      });
      this.#bar.start(total, done, { label, details });
    }
    this.#bar.setTotal(total);
    this.#bar.update(done, { label, details });
  }

  clear(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

class PlainProgress implements ProgressView {
  readonly #stream: NodeJS.WritableStream;
  #last = performance.now();

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  update(label: string, done: number, total: number, details: string): void {
    if (performance.now() - this.#last < LINE_EVERY_MS) return;
    this.#last = performance.now();
    this.#stream.write(`${label}  ${done}/${total}  ${details}\n`);
  }

  clear(): void {}
}

export class ConsoleReporter implements Reporter {
  readonly #stream: NodeJS.WritableStream;
  readonly #view: ProgressView;
  #classes = 0;

  constructor(stream: NodeJS.WritableStream, view: ProgressView) {
    this.#stream = stream;
    this.#view = view;
  }

  #line(text: string): void {
    this.#view.clear();
    this.#stream.write(`${text}\n`);
  }

  /** What computes. */
  device(name: string): void {
    this.#line(`device    ${name}`);
  }

  weights(report: WeightsReport | undefined): void {
    if (!report) {
      this.#line("weights   none: the network starts from random numbers");
      return;
    }
    const { path, loaded, leftOut } = report;
    const head = leftOut.map(({ key, shape: sizes }) => `${key} ${shape(sizes)}`).join(", ");
    this.#line(`weights   ${path}`);
    this.#line(`          matched ${loaded.length} of ${loaded.length + leftOut.length} keys: ${groups(loaded)}`);
    this.#line(`          left out, because the head is new: ${head || "nothing, the file has no head"}`);
  }

  checking(done: number, total: number): void {
    if (total < WORTH_SHOWING) return;
    this.#view.update("reading pictures", done, total, "");
    if (done === total) this.#view.clear();
  }

  data({ train, val, classes, leftOut }: Parameters<Reporter["data"]>[0]): void {
    this.#classes = classes.length;
    for (const message of leftOut) this.#line(`left out  ${message}`);
    this.#line(`pictures  ${whole(train)} for training, ${whole(val)} for validation`);
    this.#line(`classes   ${classes.length}: ${classes.join(", ")}`);
  }

  model({ name, trainable, parameters, batchSize, steps }: Parameters<Reporter["model"]>[0]): void {
    this.#line(
      `model     ${name} for ${this.#classes} classes; ${whole(trainable)} of ${whole(parameters)} parameters train`,
    );
    this.#line(`epoch     ${steps} ${steps === 1 ? "step" : "steps"} of ${batchSize} pictures\n`);
  }

  progress({ phase, epoch, epochs, step, steps, loss, rate, secondsLeft }: Progress): void {
    const details = [
      Number.isFinite(loss) && `loss ${loss.toFixed(4)}`,
      `${rate.toFixed(rate < 10 ? 1 : 0)} pictures/s`,
      `${duration(secondsLeft)} left`,
    ];
    const label = `epoch ${epoch}/${epochs} ${phase === "train" ? "training  " : "validation"}`;
    this.#view.update(label, step, steps, details.filter(Boolean).join("  "));
  }

  epoch({ epoch, trainLoss, valLoss, valAccuracy, seconds }: EpochRecord): void {
    this.#line(
      `epoch ${epoch}  training loss ${trainLoss.toFixed(4)}  validation loss ${valLoss.toFixed(4)}  ` +
        `accuracy ${percent(valAccuracy)}  ${duration(seconds)}`,
    );
  }

  /** Gives the terminal back as it was. */
  close(): void {
    this.#view.clear();
  }
}

/** Keys counted by what they begin with: "conv1 6, layer1 24". */
function groups(keys: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const key of keys) {
    const [first] = key.split(".");
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
}
