/**
 * The bound on what one checkpoint may cost, whatever it claims.
 *
 * While a file is read, the process grows by no more than
 *
 *     maxTensorBytes + maxObjectBytes + the file's own bytes where it is given in memory, or as a stream
 *
 * and a small constant (the engine's own, 64 MiB). Deflated storages may take the size of the largest one again while
 * they are inflated. `docs/security.md` says how it is tested.
 */

import { CheckpointError } from "./errors.js";

export interface LoadLimits {
  /**
   * Most bytes that all tensors together may take once inflated and laid out row by row.
   * Default: 256 MiB + 4 × the size of the file.
   */
  maxTensorBytes?: number;
  /**
   * Most bytes (estimated, erring high) of everything else: the directory, the pickle, strings, numbers, containers, the
   * memo, names. Default: 128 MiB + 128 × the size of the file, at most 512 MiB.
   */
  maxObjectBytes?: number;
  /** Deepest nesting of containers. Default 500; Python itself pickles less than 1000. */
  maxDepth?: number;
  /**
   * Most bytes that are taken where all of them have to be read first: from a stream, or an address whose server does
   * not answer ranges. They are kept where the platform keeps a `Blob`: in memory in Node, in browsers also on disk.
   * Default 4 GiB.
   */
  maxSourceBytes?: number;
}

/** How a checkpoint is read. */
export interface LoadOptions extends LoadLimits {
  /** Ends reading, and waiting for a server; what was asked for then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Deepest nesting that is read by default, and written at all. */
export const DEFAULT_MAX_DEPTH = 500;

const MIB = 2 ** 20;

/** Most bytes of a stream by default. */
export const DEFAULT_MAX_SOURCE_BYTES = 4096 * MIB;

export const defaultLimits = (fileSize: number): Required<LoadLimits> => ({
  maxTensorBytes: 256 * MIB + 4 * fileSize,
  maxObjectBytes: Math.min(512 * MIB, 128 * MIB + 128 * fileSize),
  maxDepth: DEFAULT_MAX_DEPTH,
  maxSourceBytes: DEFAULT_MAX_SOURCE_BYTES,
});

/** Counts what has been allocated; asked before memory is taken. */
export class Budget {
  /** In bytes. */
  spent = 0;

  constructor(
    private readonly limit: number,
    private readonly what: string,
    private readonly option: keyof LoadLimits,
  ) {}

  /** A budget of what is left of this one, for an attempt that may have to be made again. */
  rest(): Budget {
    return new Budget(this.limit - this.spent, this.what, this.option);
  }

  spend(bytes: number): void {
    this.spent += bytes;
    if (this.spent > this.limit)
      throw new CheckpointError(
        "limit",
        `${this.what}: would take ${this.spent} bytes or more, ${this.limit} are allowed. ` +
          `If the file is trusted, raise the option ${this.option}`,
      );
  }
}

/** The budget of everything but tensors. */
export const objectBudget = (name: string, { maxObjectBytes }: Required<LoadLimits>): Budget =>
  new Budget(maxObjectBytes, `${name}: all but tensors`, "maxObjectBytes");
