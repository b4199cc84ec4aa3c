/** GPU buffers that come back: a freed one is taken again by whoever needs its size, since the queue keeps order. */

/** One GPU buffer. */
export interface Piece {
  readonly id: number;
  readonly gpu: GPUBuffer;
  readonly bytes: number;
}

/** How pieces come into being and cease to be. */
export interface PieceMaker {
  create(bytes: number, purpose: string): GPUBuffer;
  /** Called when nobody uses the piece; what was enqueued may still. */
  destroy(piece: Piece): void;
}

const SMALLEST = 256;
/** Idle memory that is always tolerated. */
const SPARE = 64 * 2 ** 20;
/** Memory kept, in parts of what was lately in use at once. */
const KEEP = 1.5;
/** Runs over which "lately" stretches, once or twice. */
const WINDOW = 64;

/** Sizes of pieces are multiples of an eighth of the power of two below: at most an eighth is wasted. */
function sizeClass(bytes: number): number {
  const step = Math.max(SMALLEST, 2 ** (28 - Math.clz32(bytes)));
  return Math.ceil(bytes / step) * step;
}

export class Pool {
  /** Idle pieces by size, each list with the lowest id last. */
  readonly #idle = new Map<number, Piece[]>();
  /** The same pieces, in the order in which they became idle. */
  readonly #order = new Set<Piece>();
  #ids = 0;
  #inUse = 0;
  #idleBytes = 0;
  #high = 0;
  #highBefore = 0;
  #runs = 0;

  constructor(
    private readonly maker: PieceMaker,
    private readonly limit: number,
  ) {}

  /** Bytes in use or idle. */
  get reserved(): number {
    return this.#inUse + this.#idleBytes;
  }

  /** Pieces of these sizes, or undefined if the limit does not allow for them. */
  take(sizes: readonly number[], purpose: string): Piece[] | undefined {
    const pieces: Piece[] = [];
    for (const size of sizes) {
      const piece = this.#takeOne(sizeClass(size), purpose);
      if (!piece) {
        this.give(pieces);
        return undefined;
      }
      pieces.push(piece);
    }
    this.#high = Math.max(this.#high, this.#inUse);
    return pieces;
  }

  give(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      this.#inUse -= piece.bytes;
      this.#idleBytes += piece.bytes;
      this.#order.add(piece);
      const list = this.#idle.get(piece.bytes) ?? [];
      this.#idle.set(piece.bytes, list);
      list.splice(placeOf(piece, list), 0, piece);
    }
    this.#trim(this.#bound);
  }

  /** A run was enqueued: what was needed long ago is not needed any more. */
  turn(): void {
    if (++this.#runs % WINDOW) return;
    this.#highBefore = this.#high;
    this.#high = this.#inUse;
    this.#trim(this.#bound);
  }

  /** Bytes that may be reserved, so that what is used again need not be made again. */
  get #bound(): number {
    return KEEP * Math.max(this.#high, this.#highBefore) + SPARE;
  }

  /** The idle piece of that size with the lowest id, so that equal steps take equal pieces; or a new one. */
  #takeOne(bytes: number, purpose: string): Piece | undefined {
    const idle = this.#idle.get(bytes)?.pop();
    if (idle) {
      idle.gpu.label = purpose;
      this.#order.delete(idle);
      this.#idleBytes -= bytes;
      this.#inUse += bytes;
      return idle;
    }
    if (this.#inUse + bytes > this.limit) return undefined;
    this.#trim(this.limit - bytes);
    this.#inUse += bytes;
    return { id: this.#ids++, gpu: this.maker.create(bytes, purpose), bytes };
  }

  /** Destroys idle pieces, those first that have been idle longest, until at most `bytes` are reserved. */
  #trim(bytes: number): void {
    for (const piece of this.#order) {
      if (this.reserved <= bytes) return;
      this.#order.delete(piece);
      const list = this.#idle.get(piece.bytes)!;
      list.splice(placeOf(piece, list), 1);
      this.#idleBytes -= piece.bytes;
      this.maker.destroy(piece);
    }
  }
}

/** Where a piece belongs in a list with the lowest id last. */
function placeOf({ id }: Piece, list: readonly Piece[]): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle].id > id) low = middle + 1;
    else high = middle;
  }
  return low;
}
