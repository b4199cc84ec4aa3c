/** What the core asks of the program that hosts it; `node.ts` and `browser.ts` answer. */

/** A running worker thread. */
export interface WorkerThread {
  /** Sends a structured clone of `data` to what the thread's source gave. */
  post(data: unknown): void;
  /** Whether the thread keeps the process from exiting. A new thread does. */
  keepAlive(keep: boolean): void;
  terminate(): void;
}

export interface Platform {
  /** Threads that can run at the same time. */
  readonly cores: number;
  /** Whether worker threads over shared memory can be had. */
  readonly threads: boolean;
  /** Milliseconds of work that the program's own thread should do before threads are worth their start. */
  readonly patience: number;
  /**
   * Starts a thread. `source` is the text of a function `(post) => receive`, which the thread calls once: `post(message)`
   * sends to `onMessage`, and `receive(data)` is called with what is posted to the thread. `onEnd` is called if the thread
   * ends by itself, with the reason.
   */
  startThread(source: string, onMessage: (message: unknown) => void, onEnd: (reason: string) => void): WorkerThread;
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
