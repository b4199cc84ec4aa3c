/** What devices ask of the program that hosts them; `node.ts` and `browser.ts` answer. */

/** A running worker thread. */
export interface WorkerThread {
  /** Whether the thread keeps the process from exiting. A new thread does. */
  keepAlive(keep: boolean): void;
  terminate(): void;
}

export type FeatureLevel = "core" | "compatibility";

/** What is asked of `GPU.requestAdapter`. The DOM's types do not know the level yet. */
export interface AdapterRequest extends GPURequestAdapterOptions {
  readonly featureLevel: FeatureLevel;
}

/** A way to a WebGPU adapter. */
export interface AdapterRoute {
  /** Where it leads, in words. */
  readonly name: string;
  /** The least that the adapter is capable of. */
  readonly featureLevel: FeatureLevel;
  /** Rejects with a `NoAdapterError` that says more than that there is none. */
  requestAdapter(): Promise<GPUAdapter | null>;
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
  /** Collects all garbage of the program, where a program may ask for that. */
  collectGarbage(): void;
  /** Runs `task` soon, after the events that already wait. */
  macrotask(task: () => void): void;
  /**
   * The ways to a WebGPU adapter, the best first. Rejects with a `NoAdapterError` where there is no WebGPU at all; it says
   * what to do.
   */
  adapterRoutes(): Promise<readonly AdapterRoute[]>;
  /** Whether there may be a graphics card: where there is surely none, a software adapter need not be looked behind. */
  hasGraphicsCard(): boolean;
  /** What to do where WebGPU is there and no route leads to the adapter that is wanted. */
  readonly adapterAdvice: string;
}
