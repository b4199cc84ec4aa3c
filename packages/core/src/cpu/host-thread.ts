/** Executes commands on the host's own thread, in slices between which its event loop turns. */

import { platform } from "#platform";
import { LAYOUT } from "./layout.js";
import { createExecutor, type Executor, type Progress } from "./worker.js";

/** Milliseconds for which the event loop may be held up. */
const SLICE = 8;
/** Chunks are small enough to end a slice in time. */
const SHARES = 16;

export class HostThread {
  readonly #executor: Executor;
  #scheduled = false;
  #stopped = false;

  constructor(memory: WebAssembly.Memory, onCompleted: () => void) {
    const start: Progress = { position: 0, modules: [] };
    this.#executor = createExecutor({ memory, layout: LAYOUT, thread: 0, shares: SHARES, start }, onCompleted);
  }

  /** Executes what there is, soon. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    platform.macrotask(() => this.#slice());
  }

  /** Does one piece of work now. */
  step(): void {
    this.#executor.step();
  }

  /** Does nothing any more; others can go on from where it was. */
  stop(): Progress {
    this.#stopped = true;
    return this.#executor.progress();
  }

  #slice(): void {
    this.#scheduled = false;
    const end = performance.now() + SLICE;
    while (!this.#stopped && this.#executor.step()) {
      if (performance.now() < end) continue;
      this.wake();
      return;
    }
  }
}
