/**
 * Who executes the commands of a `RunQueue`. At first it is the host's own thread. When so much work was announced that
 * starting threads pays, worker threads over the same memory are started, and take over from wherever the host is by
 * then. So a program that computes little is done before the threads of another would have started.
 */

import { platform } from "#platform";
import { DeviceError } from "../errors.js";
import type { WorkerThread } from "../platform/platform.js";
import { HostThread } from "./host-thread.js";
import { LAYOUT } from "./layout.js";
import { type ThreadData, threadSource } from "./worker.js";

/** A chunk of tasks is what is left, divided among so many for each thread. */
const SHARES = 2;

export interface ThreadEvents {
  /** The awaited run, or a later one, has completed. */
  completed(): void;
  /** A thread that executes commands ended though nobody closed it. */
  ended(reason: string): void;
}

export interface ThreadOptions {
  /** Worker threads; 0 where the memory is not shared. */
  readonly workers: number;
  /** Milliseconds of announced work after which they are started. */
  readonly patience: number;
}

export class Threads {
  readonly #memory: WebAssembly.Memory;
  /** Executes until the workers have taken over. */
  #host: HostThread | undefined;
  #workers: WorkerThread[] = [];
  #count: number;
  /** Nanoseconds of work to come before workers are started. */
  #patience: number;
  #keepAlive = false;
  #events: ThreadEvents | undefined;

  private constructor(memory: WebAssembly.Memory, { workers, patience }: ThreadOptions) {
    this.#memory = memory;
    this.#host = new HostThread(memory, () => this.#events?.completed());
    this.#count = Math.max(1, workers);
    this.#patience = workers > 0 ? 1e6 * patience : Number.POSITIVE_INFINITY;
  }

  /** Resolves at once, or, without any patience, when the workers have taken over. */
  static async start(memory: WebAssembly.Memory, options: ThreadOptions): Promise<Threads> {
    const threads = new Threads(memory, options);
    threads.keepAlive(true);
    if (threads.#patience <= 0) await threads.#startWorkers();
    threads.keepAlive(false);
    return threads;
  }

  /** Most threads that ever execute at the same time. */
  get count(): number {
    return this.#count;
  }

  /** Threads that execute now: those with numbers below. */
  get active(): number {
    return this.#host ? 1 : this.#count;
  }

  /** Who hears of events; to be set before the first command. */
  listen(events: ThreadEvents): void {
    this.#events = events;
  }

  /** There will be work that takes one thread about this many nanoseconds. */
  announce(nanoseconds: number): void {
    this.#patience -= nanoseconds;
    if (this.#patience <= 0) void this.#startWorkers();
  }

  /** Commands were written. */
  wake(): void {
    if (this.#host) this.#host.wake();
    else if (Atomics.load(this.#words, LAYOUT.sleepers) > 0) Atomics.notify(this.#words, LAYOUT.head);
  }

  /** Lets the threads get on for a moment, in which the host does nothing else. A `DeviceError` where it must not block. */
  block(): void {
    if (this.#host) {
      this.#host.step();
      return;
    }
    const words = this.#words;
    try {
      Atomics.wait(words, LAYOUT.sleepers, Atomics.load(words, LAYOUT.sleepers), 1);
    } catch (cause) {
      throw new DeviceError(
        "the cpu device has too much enqueued, and this thread of the browser must not block; " +
          "await settle() or a read from time to time",
        { cause },
      );
    }
  }

  /** Whether the host awaits something, so that the process must not exit. */
  keepAlive(keep: boolean): void {
    this.#keepAlive = keep;
    // One worker that is alive keeps the process alive; so does a slice of the host's that waits for its turn.
    this.#workers[0]?.keepAlive(keep);
  }

  close(): void {
    this.#host?.stop();
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
  }

  get #words(): Int32Array {
    return new Int32Array(this.#memory.buffer, 0, LAYOUT.end);
  }

  async #startWorkers(): Promise<void> {
    this.#patience = Number.POSITIVE_INFINITY;
    try {
      await Promise.all(Array.from({ length: this.#count }, () => this.#startWorker()));
    } catch {
      // A page's policy may forbid workers made of text, a system so many threads: the host goes on alone.
      for (const worker of this.#workers) worker.terminate();
      this.#workers = [];
      this.#count = 1;
    }
    if (this.#workers.length > 0) this.#handOver();
  }

  /** Resolves when the worker can take over. */
  #startWorker(): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = platform.startThread(
        threadSource(),
        (message) => (message === "ready" ? resolve() : this.#events?.completed()),
        (reason) => {
          reject(new DeviceError(reason));
          if (!this.#host) this.#events?.ended(reason);
        },
      );
      worker.keepAlive(this.#keepAlive && this.#workers.length === 0);
      this.#workers.push(worker);
    });
  }

  #handOver(): void {
    const start = this.#host!.stop();
    this.#host = undefined;
    const words = this.#words;
    for (const [thread, worker] of this.#workers.entries()) {
      Atomics.store(words, LAYOUT.tails + thread * LAYOUT.tailStride, start.position);
      worker.post({
        memory: this.#memory,
        layout: LAYOUT,
        thread,
        shares: SHARES * this.#count,
        start,
      } satisfies ThreadData);
    }
  }
}
