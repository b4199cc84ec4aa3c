/** The bound on what one checkpoint may cost, whatever it claims. */

import { CheckpointError } from "./errors.js";

export interface LoadLimits {
  /**
   * Most bytes that all tensors together may take once inflated and laid out row by row.
   * Default: 256 MiB + 4 × the size of the file.
   */
  maxTensorBytes?: number;
  /** Most bytes (estimated) of everything else: strings, numbers, containers, memo. Default 512 MiB. */
  maxObjectBytes?: number;
  /** Deepest nesting of containers. Default 500; Python itself pickles less than 1000. */
  maxDepth?: number;
}

/** Deepest nesting that is read by default, and written at all. */
export const DEFAULT_MAX_DEPTH = 500;

const MIB = 2 ** 20;

export const defaultLimits = (fileSize: number): Required<LoadLimits> => ({
  maxTensorBytes: 256 * MIB + 4 * fileSize,
  maxObjectBytes: 512 * MIB,
  maxDepth: DEFAULT_MAX_DEPTH,
});

/** Counts down what may still be allocated; asked before memory is taken. */
export class Budget {
  private spent = 0;

  constructor(
    private readonly limit: number,
    private readonly what: string,
    private readonly option: keyof LoadLimits,
  ) {}

  spend(bytes: number): void {
    this.spent += bytes;
    if (this.spent > this.limit)
      throw new CheckpointError(
        "limit",
        `${this.what} would take ${this.spent} bytes or more, the limit is ${this.limit}. ` +
          `If the file is trusted, raise the option ${this.option}`,
      );
  }
}
