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
    if (!this.#bar) {
      this.#bar = new SingleBar({
        stream: this.stream,
        format: `${this.name}  {bar} {percentage}%  {details}`,
        barCompleteChar: "━",
        barIncompleteChar: "─",
        barsize: 24,
        hideCursor: true,
        linewrap: false,
        gracefulExit: false,
      });
      this.#bar.start(total ?? 0, received, { details });
    }
    this.#bar.setTotal(total ?? 0);
    this.#bar.update(received, { details });
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
