/** What the core asks of the program that hosts it; `node.ts` and `browser.ts` answer. */

/** A running worker thread. */
export interface WorkerThread {
  /** Whether the thread keeps the process from exiting. A new thread does. */
  keepAlive(keep: boolean): void;
  terminate(): void;
}

export interface Platform {
  /** Threads that can run at the same time. */
  readonly cores: number;
  /** Whether worker threads over shared memory can be had. */
  readonly threads: boolean;
  /**
   * Starts a thread. `source` is the text of a function `(data, post) => void`, which gets a structured clone of `data`
   * and `post(message)`. `onEnd` is called if the thread ends by itself, with the reason.
   */
  startThread(
    source: string,
    data: unknown,
    onMessage: (message: unknown) => void,
    onEnd: (reason: string) => void,
  ): WorkerThread;
  /**
   * Has the engine make one 256-bit operation of two neighbouring 128-bit ones of WebAssembly, from now on and in the
   * whole process. Does nothing where the engine has no way to ask for that.
   */
  revectorize(): void;
  /** Whether the engine does. */
  revectorizes(): boolean;
  /** Collects all garbage of the program, where a program may ask for that. */
  collectGarbage(): void;
  /** Runs `task` soon, after the events that already wait. */
  macrotask(task: () => void): void;
}
