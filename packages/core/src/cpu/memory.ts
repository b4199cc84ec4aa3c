/**
 * The allocator of the cpu device: best fit over a range of addresses, in order of enqueued work.
 *
 * - Freed blocks join their free neighbours and are reused, the smallest that fits first. New addresses are taken only
 *   when no freed block fits: the first touch of a page costs more than any search here.
 * - Runs execute in the order in which they are enqueued, so a block may be reused by later runs as soon as it is freed,
 *   although earlier runs are still at work on it. Only the host's own writes must not touch such a block; it asks for
 *   idle memory. To tell the two apart, a free block knows the last run that may touch it (`busyUntil`).
 */

/** Addresses and sizes of blocks are multiples of this: cache lines, vectors and WebGPU's binding offsets. */
export const ALIGNMENT = 256;

export const alignUp = (bytes: number, to = ALIGNMENT): number => Math.ceil(bytes / to) * to;

export interface Block {
  readonly address: number;
  /** Bytes, rounded up. */
  readonly size: number;
  /** Number of the last run that may touch what lies here from an earlier life. */
  readonly busyUntil: number;
}

const bySizeThenAddress = (a: Block, b: Block): number => a.size - b.size || a.address - b.address;

export class Heap {
  /** Sorted by size, then address. */
  readonly #free: Block[] = [];
  readonly #freeByStart = new Map<number, Block>();
  readonly #freeByEnd = new Map<number, Block>();
  /** Addresses from here on were never handed out. */
  #top: number;
  #freeBytes = 0;

  /**
   * Hands out [start, limit). `reach` makes addresses below its argument usable and says whether it could; it is called
   * with rising arguments.
   */
  constructor(
    start: number,
    private readonly limit: number,
    private readonly reach: (end: number) => boolean,
  ) {
    this.#top = alignUp(start);
  }

  /** Bytes that are freed and not reused. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Bytes of the largest block that could still be had without `reach` failing. */
  get largest(): number {
    return Math.max(this.#free.at(-1)?.size ?? 0, this.limit - this.#top);
  }

  /**
   * A block of at least `bytes`, or undefined if there is none. Only blocks with `busyUntil` ≤ `idleAfter` are taken;
   * without it, any.
   */
  allocate(bytes: number, idleAfter = Number.POSITIVE_INFINITY): Block | undefined {
    const size = Math.max(ALIGNMENT, alignUp(bytes));
    for (let i = this.#lowerBound({ address: 0, size, busyUntil: 0 }); i < this.#free.length; i++) {
      const block = this.#free[i];
      if (block.busyUntil > idleAfter) continue;
      this.#remove(block);
      if (block.size > size)
        this.#insert({ address: block.address + size, size: block.size - size, busyUntil: block.busyUntil });
      return { address: block.address, size, busyUntil: block.busyUntil };
    }
    return this.#extend(size, idleAfter);
  }

  /** Gives a block back. `busyUntil` is the last run that may touch it. */
  release(block: Block, busyUntil: number): void {
    let { address, size } = block;
    let busy = Math.max(block.busyUntil, busyUntil);
    for (const neighbour of [this.#freeByEnd.get(address), this.#freeByStart.get(address + size)]) {
      if (!neighbour) continue;
      this.#remove(neighbour);
      address = Math.min(address, neighbour.address);
      size += neighbour.size;
      busy = Math.max(busy, neighbour.busyUntil);
    }
    this.#insert({ address, size, busyUntil: busy });
  }

  /** Takes new addresses, as few as needed: a free block that ends where they start is used up first. */
  #extend(size: number, idleAfter: number): Block | undefined {
    const last = this.#freeByEnd.get(this.#top);
    const used = last && last.busyUntil <= idleAfter ? last : undefined;
    const address = used ? used.address : this.#top;
    const end = address + size;
    if (end > this.limit || !this.reach(end)) return undefined;
    if (used) this.#remove(used);
    this.#top = end;
    return { address, size, busyUntil: used ? used.busyUntil : 0 };
  }

  /** Position of the first free block that is not before `block`. */
  #lowerBound(block: Block): number {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bySizeThenAddress(this.#free[middle], block) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(block: Block): void {
    this.#free.splice(this.#lowerBound(block), 0, block);
    this.#freeByStart.set(block.address, block);
    this.#freeByEnd.set(block.address + block.size, block);
    this.#freeBytes += block.size;
  }

  #remove(block: Block): void {
    this.#free.splice(this.#lowerBound(block), 1);
    this.#freeByStart.delete(block.address);
    this.#freeByEnd.delete(block.address + block.size);
    this.#freeBytes -= block.size;
  }
}
