/**
 * What was given to the GPU and has not ended yet, in order, and what went wrong. WebGPU tells of failures later and by
 * many ways (error scopes, events, rejected promises, a lost device); here they become one `DeviceError`.
 */

import { DeviceError } from "../errors.js";

interface Waiter {
  readonly ticket: number;
  readonly resolve: () => void;
}

interface Fault {
  readonly mark: number;
  readonly message: string;
}

const ADVICE = ". What came after it was skipped; make a new device and restore from the last checkpoint";

const SCOPES = ["out-of-memory", "internal", "validation"] as const;

export class Ledger {
  #tickets = 0;
  /** What has not ended, in words, by ticket, the oldest first; and the tickets of runs among them. */
  readonly #open = new Map<number, () => string>();
  readonly #runs = new Set<number>();
  #waiters: Waiter[] = [];
  #marks = 0;
  #fault: Fault | undefined;
  #ended = false;

  constructor(private readonly gpu: GPUDevice) {
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.fail(this.mark(), failureOf("an operation", event.error.message));
    });
    void gpu.lost.then(({ reason, message }) => {
      const why = reason === "destroyed" ? "its GPUDevice was destroyed" : message || "the driver gives no reason";
      const [oldest] = this.#open.values();
      this.end(`the webgpu device was lost${oldest ? ` during ${oldest()}` : ""}: ${why}${ADVICE}`);
    });
  }

  get failed(): boolean {
    return this.#fault !== undefined;
  }

  /** Runs that have not ended. */
  get runs(): number {
    return this.#runs.size;
  }

  /** A ticket for something that begins, and that must be closed when it ends. */
  open(what: () => string, kind: "run" | "other" = "other"): number {
    const ticket = ++this.#tickets;
    if (this.#ended) return ticket;
    this.#open.set(ticket, what);
    if (kind === "run") this.#runs.add(ticket);
    return ticket;
  }

  close(ticket: number): void {
    this.#open.delete(ticket);
    this.#runs.delete(ticket);
    this.#answer();
  }

  /** Resolves when everything up to this ticket has ended; rejects with a `DeviceError` if anything has failed. */
  async until(ticket: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiters.push({ ticket, resolve });
      this.#answer();
    });
    if (this.#fault) throw new DeviceError(this.#fault.message);
  }

  /** As `until`, for everything but the last `runs` runs. */
  untilRuns(runs: number): Promise<void> {
    return this.until(runs > 0 ? ([...this.#runs].at(-1 - runs) ?? 0) : this.#tickets);
  }

  /** A point in the order of what is asked of the GPU. */
  mark(): number {
    return ++this.#marks;
  }

  /** Notes a failure of what was asked at a mark. The earliest is reported: the others follow from it. */
  fail(mark: number, message: string): void {
    this.#note(mark, message + ADVICE);
  }

  /** Nothing that is open will end by itself any more, for this reason. */
  end(message: string): void {
    this.#note(this.mark(), message);
    this.#ended = true;
    this.#open.clear();
    this.#runs.clear();
    this.#answer();
  }

  /** Asks something of the GPU. What fails in it, now or when the GPU gets to it, is a failure of `what`. */
  guard<T>(what: () => string, act: () => T): T {
    const ticket = this.open(what);
    const mark = this.mark();
    try {
      return this.#inScopes(act, (error) => {
        if (error) this.fail(mark, failureOf(what(), error.message));
        this.close(ticket);
      });
    } catch (error) {
      const failure = failureOf(what(), String(error));
      this.fail(mark, failure);
      throw new DeviceError(failure, { cause: error });
    }
  }

  /** As `guard`, unless something has failed already; resolves when it is known whether this has. Does not throw. */
  attempt(what: () => string, act: () => void): Promise<void> {
    if (this.failed) return Promise.resolve();
    const mark = this.mark();
    return new Promise((resolve) => {
      try {
        this.#inScopes(act, (error) => {
          if (error) this.fail(mark, failureOf(what(), error.message));
          resolve();
        });
      } catch (error) {
        this.fail(mark, failureOf(what(), String(error)));
      }
    });
  }

  #note(mark: number, message: string): void {
    if (!this.#fault || mark < this.#fault.mark) this.#fault = { mark, message };
  }

  #inScopes<T>(act: () => T, then: (error: GPUError | undefined) => void): T {
    for (const scope of SCOPES) this.gpu.pushErrorScope(scope);
    try {
      return act();
    } finally {
      // A scope that cannot be asked any more belongs to a lost device.
      const errors = SCOPES.map(() => this.gpu.popErrorScope().catch(() => null));
      void Promise.all(errors).then((found) => then(found.find((error) => error !== null) ?? undefined));
    }
  }

  #answer(): void {
    const [oldest = Infinity] = this.#open.keys();
    const answered = this.#waiters.filter(({ ticket }) => ticket < oldest);
    if (answered.length === 0) return;
    this.#waiters = this.#waiters.filter(({ ticket }) => ticket >= oldest);
    for (const { resolve } of answered) resolve();
  }
}

/** `message` is Dawn's, of several lines that end in a full stop. */
export const failureOf = (what: string, message: string): string =>
  `${what} failed on the webgpu device: ${message
    .trim()
    .replace(/\s*\n\s*/g, " ")
    .replace(/\.$/, "")}`;
