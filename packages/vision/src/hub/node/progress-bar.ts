/** What a person sees of a download: a bar on a terminal, one line elsewhere. Both on stderr, as torch's. */

import { SingleBar } from "cli-progress";
import type { DownloadProgress } from "../options.js";
import type { ProgressView } from "../store.js";

export function progressView(name: string, stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? new Bar(name, stream) : new Line(name, stream);
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

class Bar implements ProgressView {
  #bar: SingleBar | undefined;

  constructor(
    private readonly name: string,
    private readonly stream: NodeJS.WriteStream,
  ) {}

  update({ received, total }: DownloadProgress): void {
    const details = total === undefined ? megabytes(received) : `${megabytes(received)} of ${megabytes(total)}`;
    const payload = { name: this.name, details };
    // Of an unknown whole nothing is there.
    const [value, whole] = total === undefined ? [0, 1] : [received, total];
    if (!this.#bar) {
      // The terminal is left as it is: the program may end at any time, by Ctrl-C for one.
      this.#bar = new SingleBar({
        stream: this.stream,
        format: "{name}  {bar} {percentage}%  {details}",
        barCompleteChar: "━",
        barIncompleteChar: "─",
        barsize: 24,
        hideCursor: false,
        linewrap: true,
        gracefulExit: false,
      });
      this.#bar.start(whole, value, payload);
    }
    this.#bar.setTotal(whole);
    this.#bar.update(value, payload);
  }

  say(line: string): void {
    this.end();
    this.stream.write(`${line}\n`);
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

class Line implements ProgressView {
  #begun = false;

  constructor(
    private readonly name: string,
    private readonly stream: NodeJS.WritableStream,
  ) {}

  update({ total }: DownloadProgress): void {
    if (this.#begun) return;
    this.#begun = true;
    this.say(`downloading ${this.name}${total === undefined ? "" : ` (${megabytes(total)})`}`);
  }

  say(line: string): void {
    this.stream.write(`${line}\n`);
  }

  end(): void {}
}
