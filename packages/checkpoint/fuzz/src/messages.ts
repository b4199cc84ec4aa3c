/** What the process that watches and the thread that fuzzes tell each other. */

/** What the thread is started with. */
export interface Assignment {
  readonly target: string;
  readonly seconds: number;
  readonly seed: number;
  /** Whether the corpus on disk is replaced by the smallest that covers as much. */
  readonly keep: boolean;
  /** Shared with the watcher: see `Current`. */
  readonly current: SharedArrayBuffer;
}

/** What the thread reports now and then, and at its end. */
export interface Progress {
  readonly runs: number;
  readonly seconds: number;
  readonly features: number;
  readonly corpus: number;
  readonly done: boolean;
}

/** A broken promise: what was thrown, and by which input. */
export interface Finding {
  readonly bytes: Uint8Array;
  readonly error: string;
}

export type Message = Progress | Finding;

/** Longest input that is tried. */
export const LONGEST_INPUT = 2 ** 15;

/** The input that is being tried, where the watcher sees it if the thread hangs or dies. */
export class Current {
  static readonly BYTES = 8 + LONGEST_INPUT;
  private readonly numbers: Int32Array;
  private readonly bytes: Uint8Array;

  constructor(shared: SharedArrayBuffer) {
    this.numbers = new Int32Array(shared, 0, 2);
    this.bytes = new Uint8Array(shared, 8);
  }

  /** How many inputs have been tried. */
  get count(): number {
    return Atomics.load(this.numbers, 0);
  }

  set(input: Uint8Array): void {
    this.bytes.set(input);
    this.numbers[1] = input.length;
    Atomics.add(this.numbers, 0, 1);
  }

  get(): Uint8Array {
    return this.bytes.slice(0, this.numbers[1]);
  }
}
