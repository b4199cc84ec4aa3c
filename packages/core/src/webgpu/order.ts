/** Program order: what is given to the GPU goes at once, or waits behind what waits for its pipelines. */

/** Something that will be there. */
export class Ready {
  #done = false;

  /** `work` must not reject. */
  constructor(private readonly work: Promise<unknown>) {
    void work.then(() => {
      this.#done = true;
    });
  }

  get done(): boolean {
    return this.#done;
  }

  whenDone(act: () => void): void {
    void this.work.then(act);
  }

  static all(parts: readonly Ready[]): Ready {
    const waiting = parts.filter(({ done }) => !done);
    const all = new Ready(Promise.all(waiting.map(({ work }) => work)));
    all.#done = waiting.length === 0;
    return all;
  }
}

interface Operation {
  readonly act: () => void;
  readonly needs: Ready | undefined;
}

export class OrderedQueue {
  readonly #waiting: Operation[] = [];

  /** Whether what is added now has to wait. */
  get blocked(): boolean {
    return this.#waiting.length > 0;
  }

  add(act: () => void, needs?: Ready): void {
    const blocked = this.blocked;
    if (!blocked && (!needs || needs.done)) {
      act();
      return;
    }
    this.#waiting.push({ act, needs });
    if (!blocked) this.#wait();
  }

  /** Executes what no longer needs to wait. */
  #drain(): void {
    while (this.#waiting.length > 0) {
      const [{ act, needs }] = this.#waiting;
      if (needs && !needs.done) {
        this.#wait();
        return;
      }
      act();
      this.#waiting.shift();
    }
  }

  #wait(): void {
    this.#waiting[0].needs?.whenDone(() => this.#drain());
  }
}
