/** Counts and prints what the fixtures found: one line for each failure and each thing left out, one total at the end. */

/** Thrown by a check of something that Kindling does not have yet: counted as skipped and named. */
export class NotBuilt extends Error {
  override name = "NotBuilt";
}

/** What a part calls once for each of its cases: with an error (a `NotBuilt` counts as skipped), or without. */
export type Report = (name: string, error?: unknown) => void;

/** Runs checks and counts them. */
export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  leftOut = 0;

  /**
   * @param filter only cases whose name (`part/case`) matches are run
   * @param print where lines go
   * @param isSlow whether a case is left out for its length, by name
   */
  constructor(
    readonly filter: RegExp = /(?:)/,
    readonly print: (line: string) => void = console.log,
    readonly isSlow: (name: string) => boolean = () => false,
  ) {}

  /** Runs one check; what it returns is printed beside its name, its error is printed and counted. */
  async run(name: string, check: () => Promise<string | undefined>): Promise<void> {
    if (!this.filter.test(name)) return;
    if (this.isSlow(name)) {
      this.leftOut++;
      this.print(`slow  ${name}: left out; --slow runs it`);
      return;
    }
    const start = performance.now();
    try {
      const note = await check();
      this.passed++;
      if (note) this.print(`ok    ${name}: ${note} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    } catch (error) {
      this.count(name, error);
    }
  }

  /** The callback that a part of another package reports its cases to. */
  reporter(part: string): Report {
    return (name, error) => {
      if (!this.filter.test(`${part}/${name}`)) return;
      if (error === undefined) this.passed++;
      else this.count(`${part}/${name}`, error);
    };
  }

  /** The closing line. */
  toString(): string {
    const total = `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`;
    return this.leftOut === 0 ? total : `${total}, ${this.leftOut} left out`;
  }

  private count(name: string, error: unknown): void {
    if (error instanceof NotBuilt) {
      this.skipped++;
      this.print(`skip  ${name}: ${error.message}`);
    } else {
      this.failed++;
      this.print(`FAIL  ${name}: ${describe(error)}`);
    }
  }
}

/** The message of a mismatch; the stack of anything that was not expected. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof Mismatch) return error.message;
  const frames = (error.stack ?? "").split("\n").filter((line) => line.trimStart().startsWith("at "));
  return [`${error.name}: ${error.message}`, ...frames.slice(0, 6)].join("\n");
}

/** A value that is not what PyTorch reached. */
export class Mismatch extends Error {
  override name = "Mismatch";
}
