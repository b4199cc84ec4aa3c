/**
 * The host's end of the command ring: writes commands, numbers runs, and tells when they have completed.
 *
 * Everything passes through memory, so that a program may enqueue runs without ever returning to its event loop. Threads
 * send a message only when the host awaits a run.
 */

import { DeviceError } from "../errors.js";
import { LAYOUT as L } from "./layout.js";
import { alignUp } from "./memory.js";
import type { Threads } from "./threads.js";

/** A longer command could leave the ring without room for two. */
export const MAX_COMMAND_WORDS = L.ringWords / 4;

interface Waiter {
  readonly run: number;
  readonly resolve: () => void;
  readonly reject: (error: DeviceError) => void;
}

export class RunQueue {
  #words: Int32Array;
  /** Position after the last command. */
  #head = 0;
  #enqueued = 0;
  #waiters: Waiter[] = [];
  #aborted: DeviceError | undefined;

  constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly threads: Threads,
  ) {
    this.#words = this.#view();
    threads.listen({
      completed: () => this.#settle(),
      ended: (reason) => this.abort(new DeviceError(`a worker thread of the cpu device ended: ${reason}`)),
    });
  }

  /** Number of the last run that was enqueued; the first is 1. */
  get enqueued(): number {
    return this.#enqueued;
  }

  /** Number of the last run that has completed. */
  get completed(): number {
    return this.#enqueued - this.pending;
  }

  get pending(): number {
    return (this.#enqueued - Atomics.load(this.#control(), L.completed)) >>> 0;
  }

  /** Has every thread compile a module; it becomes function `index`. */
  load(index: number, bytes: Uint8Array): void {
    const length = alignUp(L.header + Math.ceil(bytes.length / 4), L.commandAlign);
    const command = new Int32Array(length);
    command.set([L.opLoad, length, index, bytes.length]);
    new Uint8Array(command.buffer, 4 * L.header).set(bytes);
    this.#write(command);
    this.#publish();
  }

  /** Enqueues the run commands of one run, which are given its number. */
  run(commands: readonly Int32Array[]): void {
    const run = this.#enqueued + 1;
    for (const [i, command] of commands.entries()) {
      command[3] = run;
      command[4] = i === commands.length - 1 ? 1 : 0;
      this.#write(command);
    }
    this.#enqueued = run;
    this.#publish();
  }

  /** Resolves when the run of this number has completed; rejects if it never will. */
  until(run: number): Promise<void> {
    if (this.#aborted) return Promise.reject(this.#aborted);
    if (this.completed >= run) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ run, resolve, reject });
      this.#settle();
    });
  }

  /** Blocks until everything enqueued has completed. */
  drain(): void {
    while (this.pending > 0) this.threads.block();
  }

  /** The first kernel that failed, by the number in its entry, and what it said. */
  failure(): { readonly name: number; readonly message: string } | undefined {
    const words = this.#control();
    if (Atomics.load(words, L.failed) === 0) return undefined;
    const text = words.subarray(L.failedText, L.failedText + words[L.failedLength]);
    return { name: words[L.failedName], message: String.fromCharCode(...text) };
  }

  /** Gives up: nothing that is awaited now or later will come. */
  abort(error: DeviceError): void {
    this.#aborted ??= error;
    for (const waiter of this.#waiters) waiter.reject(this.#aborted);
    this.#waiters = [];
    this.threads.keepAlive(false);
  }

  /** Answers the waiters whose runs have completed, and asks for a message about the next one. */
  #settle(): void {
    for (;;) {
      const completed = this.completed;
      for (const waiter of this.#waiters) if (waiter.run <= completed) waiter.resolve();
      this.#waiters = this.#waiters.filter((waiter) => waiter.run > completed);
      this.threads.keepAlive(this.#waiters.length > 0);
      if (this.#waiters.length === 0) return;
      const next = Math.min(...this.#waiters.map((waiter) => waiter.run));
      const words = this.#control();
      Atomics.store(words, L.awaited, next | 0);
      Atomics.store(words, L.awaiting, 1);
      // It may have completed just before the flag was set, and then nobody sends a message.
      if (this.completed < next) return;
      Atomics.store(words, L.awaiting, 0);
    }
  }

  /** Copies a command into the ring. The threads do not see it before `#publish`. */
  #write(command: Int32Array): void {
    const index = this.#head & (L.ringWords - 1);
    const toEnd = L.ringWords - index;
    const skip = toEnd < command.length ? toEnd : 0;
    if (this.#room() < skip + command.length) {
      this.#publish();
      while (this.#room() < skip + command.length) this.threads.block();
    }
    const words = this.#control();
    if (skip > 0) {
      words.set([L.opSkip, skip], L.ring + index);
      this.#head = (this.#head + skip) | 0;
    }
    words.set(command, L.ring + (this.#head & (L.ringWords - 1)));
    this.#head = (this.#head + command.length) | 0;
  }

  #publish(): void {
    Atomics.store(this.#control(), L.head, this.#head);
    this.threads.wake();
  }

  /** Words of the ring that every thread has read. */
  #room(): number {
    const words = this.#control();
    let behind = 0;
    for (let t = 0; t < this.threads.active; t++)
      behind = Math.max(behind, (this.#head - Atomics.load(words, L.tails + t * L.tailStride)) >>> 0);
    return L.ringWords - behind;
  }

  #view(): Int32Array {
    return new Int32Array(this.memory.buffer, 0, L.end);
  }

  /** The words below the heap. Growing a memory that is not shared takes away its old views. */
  #control(): Int32Array {
    if (this.#words.length === 0) this.#words = this.#view();
    return this.#words;
  }
}
