/**
 * Who executes the commands of a `RunQueue`: worker threads over shared memory, or, where these cannot be had, the
 * host's own thread in slices between which its event loop turns.
 */

import { platform } from "#platform";
import { DeviceError } from "../errors.js";
import type { WorkerThread } from "../platform/platform.js";
import { LAYOUT } from "./layout.js";
import { createExecutor, type Executor, type ThreadData, threadSource } from "./worker.js";

export interface ThreadEvents {
  /** The awaited run, or a later one, has completed. */
  completed(): void;
  /** A thread ended though nobody closed it. */
  ended(reason: string): void;
}

export interface Threads {
  readonly count: number;
  /** Whether the memory is shared, which modules must declare. */
  readonly shared: boolean;
  /** Who hears of events; to be set before the first command. */
  listen(events: ThreadEvents): void;
  /** Commands were written. */
  wake(): void;
  /** Lets the threads get on for a moment, in which the host does nothing. A `DeviceError` where it must not block. */
  block(): void;
  /** Whether the host awaits something, so that the process must not exit. */
  keepAlive(keep: boolean): void;
  close(): void;
}

/** Starts worker threads; rejects if one does not start. */
export async function startWorkers(memory: WebAssembly.Memory, count: number): Promise<Threads> {
  const words = new Int32Array(memory.buffer, 0, LAYOUT.end);
  const workers: WorkerThread[] = [];
  let events: ThreadEvents | undefined;
  const close = (): void => {
    for (const worker of workers) worker.terminate();
  };

  const start = (thread: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const data: ThreadData = { memory, layout: LAYOUT, thread, shares: 2 * count };
      const worker = platform.startThread(
        threadSource(),
        data,
        (message) => (message === "ready" ? resolve() : events?.completed()),
        (reason) => {
          reject(new DeviceError(`a worker thread of the cpu device did not start: ${reason}`));
          events?.ended(reason);
        },
      );
      workers.push(worker);
    });
  try {
    await Promise.all(Array.from({ length: count }, (_, thread) => start(thread)));
  } catch (error) {
    close();
    throw error;
  }
  for (const worker of workers) worker.keepAlive(false);

  return {
    count,
    shared: true,
    listen(to) {
      events = to;
    },
    wake() {
      if (Atomics.load(words, LAYOUT.sleepers) > 0) Atomics.notify(words, LAYOUT.head);
    },
    block() {
      try {
        Atomics.wait(words, LAYOUT.sleepers, Atomics.load(words, LAYOUT.sleepers), 1);
      } catch (cause) {
        throw new DeviceError(
          "the cpu device has too much enqueued, and this thread of the browser must not block; " +
            "await settle() or a read from time to time",
          { cause },
        );
      }
    },
    // One thread that is alive keeps the process alive.
    keepAlive: (keep) => workers[0].keepAlive(keep),
    close,
  };
}

/** Milliseconds for which the event loop may be held up. */
const SLICE = 8;

/** Executes on the host's thread. */
export function startInline(memory: WebAssembly.Memory): Threads {
  let events: ThreadEvents | undefined;
  let scheduled = false;
  let closed = false;
  const data: ThreadData = { memory, layout: LAYOUT, thread: 0, shares: 16 };
  const executor: Executor = createExecutor(data, () => events?.completed());

  const slice = (): void => {
    scheduled = false;
    const end = performance.now() + SLICE;
    while (!closed && executor.step()) {
      if (performance.now() < end) continue;
      schedule();
      return;
    }
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    platform.macrotask(slice);
  };

  return {
    count: 1,
    shared: false,
    listen(to) {
      events = to;
    },
    wake: schedule,
    block: () => void executor.step(),
    keepAlive() {},
    close() {
      closed = true;
    },
  };
}
