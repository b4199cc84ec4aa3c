/** What the page found, in a form that can leave it. */

/** One kind of check. */
export interface CheckReport {
  readonly passed: number;
  readonly failed: number;
  /** Cases of operators that Kindling does not have yet. */
  readonly skipped: number;
  /** A line for each case that failed, was skipped, or has a measure worth telling. */
  readonly lines: readonly string[];
  readonly seconds: number;
}

export interface TrainingReport extends CheckReport {
  /** Before each step. */
  readonly losses: readonly number[];
  /** Live tensors after each step, once what was dropped has been collected. */
  readonly tensors: readonly number[];
}

/** Where it was computed. */
export interface Facts {
  readonly device: string;
  /** Of the webgpu device. */
  readonly adapter?: string;
  /** Of the cpu device. */
  readonly threads?: number;
  readonly cores: number;
  readonly crossOriginIsolated: boolean;
}

export interface PageReport {
  readonly facts: Facts;
  readonly operators: CheckReport;
  readonly training: TrainingReport;
}

declare global {
  interface Window {
    /** Set when the page's script starts. */
    kindling: Promise<PageReport>;
  }
}
