/**
 * What executes commands: an `Executor` per thread, and the loop of a worker thread around it.
 *
 * Threads need no one to lead them. Each walks through the commands in order. At a kernel it takes chunks of tasks until
 * none is left, and goes on when all tasks are done, whoever did them; so a thread that the system holds up delays
 * nobody unless it holds a chunk. Chunks start large and shrink, which balances the load with few calls.
 *
 * Both functions become source text for worker threads: they refer to nothing but their parameters and globals.
 */

import type { Layout } from "./layout.js";

export interface Executor {
  /** Does one piece of work; false if nothing can be done now. */
  step(): boolean;
  /** After `step` gave false: whether trying again makes sense. */
  ready(): boolean;
  /** After `step` gave false: blocks the thread until `ready`. */
  sleep(): void;
  /** From where other threads can go on when this one steps no more. */
  progress(): Progress;
}

/** What a thread has read of the ring: a kernel that is partly done is found so by those who come to it. */
export interface Progress {
  readonly position: number;
  /** By the number of the function; in place of a module that does not compile, why. */
  readonly modules: readonly (WebAssembly.Module | Error)[];
}

export interface ThreadData {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  /** From 0. */
  readonly thread: number;
  /** A chunk is this part of the tasks that are left. */
  readonly shares: number;
  readonly start: Progress;
}

/** `onCompleted` is called when the run that the host awaits, or a later one, has completed. */
export function createExecutor(
  { memory, layout, thread, shares, start }: ThreadData,
  onCompleted: () => void,
): Executor {
  type Run = (params: number, begin: number, end: number, scratch: number) => void;
  const L = layout;
  const tail = L.tails + thread * L.tailStride;
  const modules: (WebAssembly.Module | Error)[] = [];
  const functions: Run[] = [];
  const view = () => new Int32Array(memory.buffer, 0, L.end);
  let words = view();
  let { position } = start;
  /** The run command at work: its first word, its present entry, and how many entries are left. */
  let command = 0;
  let entry = 0;
  let left = 0;
  /** While this word has this value there is nothing to do. */
  let stalledAt = 0;
  let stalledValue = 0;

  const stall = (word: number, value: number): false => {
    stalledAt = word;
    stalledValue = value;
    return false;
  };

  const wake = (word: number): void => {
    if (Atomics.load(words, L.sleepers) > 0) Atomics.notify(words, word);
  };

  const leaveCommand = (): void => {
    position = (position + words[command + 1]) | 0;
    Atomics.store(words, tail, position);
  };

  /** A module that does not compile becomes a function that says so when it is called. */
  const define = (index: number, module: WebAssembly.Module | Error): void => {
    modules[index] = module;
    if (module instanceof Error)
      functions[index] = () => {
        throw module;
      };
    else functions[index] = new WebAssembly.Instance(module, { env: { memory } }).exports.run as Run;
  };

  const load = (): void => {
    const first = 4 * (command + L.header);
    const bytes = new Uint8Array(memory.buffer, first, words[command + 3]).slice();
    let module: WebAssembly.Module | Error;
    try {
      module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
    } catch (error) {
      module = error as Error;
    }
    define(words[command + 2], module);
  };

  const fail = (name: number, error: unknown): void => {
    if (Atomics.compareExchange(words, L.failed, 0, 1) !== 0) return;
    const text = String(error);
    const length = Math.min(text.length, L.failedTextWords);
    words[L.failedName] = name;
    words[L.failedLength] = length;
    for (let i = 0; i < length; i++) words[L.failedText + i] = text.charCodeAt(i);
  };

  /** Threads may report runs out of order; `completed` only rises. */
  const complete = (run: number): void => {
    let seen = Atomics.load(words, L.completed);
    while (((run - seen) | 0) > 0) {
      const before = Atomics.compareExchange(words, L.completed, seen, run);
      if (before === seen) break;
      seen = before;
    }
    const wanted =
      Atomics.load(words, L.awaiting) === 1 &&
      ((Atomics.load(words, L.completed) - Atomics.load(words, L.awaited)) | 0) >= 0;
    if (wanted && Atomics.compareExchange(words, L.awaiting, 1, 0) === 1) onCompleted();
  };

  const execute = (begin: number, end: number): void => {
    const name = words[entry + L.entryName];
    try {
      if (Atomics.load(words, L.failed) === 0) {
        const scratch = words[command + 5] + thread * words[command + 6];
        functions[words[entry + L.entryFunction]](4 * command + words[entry + L.entryParams], begin, end, scratch);
      }
    } catch (error) {
      fail(name, error);
    }
    const tasks = words[entry + L.entryTasks];
    const count = end - begin;
    if (Atomics.add(words, entry + L.entryDone, count) + count === tasks) {
      if (left === 1 && words[command + 4] === 1) complete(words[command + 3]);
      wake(entry + L.entryDone);
    }
  };

  /** Takes a chunk of the present kernel's tasks and executes it; false if none is left. */
  const takeChunk = (tasks: number): boolean => {
    const least = words[entry + L.entryLeast];
    let begin = Atomics.load(words, entry + L.entryTaken);
    while (begin < tasks) {
      const end = Math.min(tasks, begin + Math.max(least, Math.ceil((tasks - begin) / shares)));
      const seen = Atomics.compareExchange(words, entry + L.entryTaken, begin, end);
      if (seen === begin) {
        execute(begin, end);
        return true;
      }
      begin = seen;
    }
    return false;
  };

  const nextCommand = (): boolean => {
    if (Atomics.load(words, L.head) === position) return stall(L.head, position);
    command = L.ring + (position & (L.ringWords - 1));
    if (words[command] === L.opRun) {
      entry = command + L.header;
      left = words[command + 2];
      return true;
    }
    if (words[command] === L.opLoad) load();
    leaveCommand();
    return true;
  };

  start.modules.forEach((module, index) => {
    define(index, module);
  });

  return {
    step(): boolean {
      // Growing a memory that is not shared takes away its old views.
      if (words.length === 0) words = view();
      if (left === 0) return nextCommand();
      const tasks = words[entry + L.entryTasks];
      if (takeChunk(tasks)) return true;
      const done = Atomics.load(words, entry + L.entryDone);
      if (done !== tasks) return stall(entry + L.entryDone, done);
      entry += L.entry;
      left--;
      if (left === 0) leaveCommand();
      return true;
    },
    ready: () => Atomics.load(words, stalledAt) !== stalledValue,
    sleep(): void {
      Atomics.add(words, L.sleepers, 1);
      Atomics.wait(words, stalledAt, stalledValue);
      Atomics.sub(words, L.sleepers, 1);
    },
    progress: () => ({ position, modules }),
  };
}

/** The life of a worker thread, which ends from outside. It says "completed" when asked to. */
export function threadMain(
  create: typeof createExecutor,
  data: ThreadData,
  post: (message: "completed") => void,
): void {
  const spins = 4000;
  const executor = create(data, () => post("completed"));
  for (;;) {
    if (executor.step()) continue;
    let spun = 0;
    while (spun < spins && !executor.ready()) spun++;
    if (spun === spins) executor.sleep();
  }
}

/** The text of a function `(post) => receive` for `startThread`: it says "ready" once, and becomes `threadMain` when it
 *  receives `ThreadData`. */
export function threadSource(): string {
  // Some bundlers wrap functions in a helper of this name, which does not come along.
  return `(post) => {
    const __name = (f) => f;
    post("ready");
    return (data) => (${threadMain})(${createExecutor}, data, post);
  }`;
}
