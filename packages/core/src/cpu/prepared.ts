/**
 * Operands in the form in which kernels want them (weights after Winograd's transform, or in panels), kept from run to
 * run: a network that predicts need not prepare its weights each time. What is written between two runs, as in training,
 * is not worth keeping, nor is what is used once; so the second run that finds a buffer unchanged keeps what it prepares.
 */

import type { Block, Heap } from "./memory.js";

/** Bytes that are kept at most: transformed filters take four times the memory of their weights. */
const LIMIT = 256 * 2 ** 20;

/** A buffer, by what tells whether it is what it was. */
export interface PreparedFrom {
  /** Grows whenever something is written to it. */
  readonly version: number;
}

/** Where a run finds, or is to put, what is kept. */
export interface Place {
  readonly address: number;
  /** Whether it is there already. */
  readonly filled: boolean;
}

interface Entry {
  readonly version: number;
  block?: Block;
  /** Number of the last run that uses the block. */
  lastUse: number;
}

export class PreparedOperands {
  /** By the buffer that they were made of, and what was made. */
  readonly #entries = new Map<PreparedFrom, Map<string, Entry>>();
  #bytes = 0;

  constructor(private readonly heap: Heap) {}

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Where run number `run` has `bytes` that are made of the buffer by what `key` says; undefined if they are not kept. */
  place(from: PreparedFrom, key: string, bytes: number, run: number): Place | undefined {
    let made = this.#entries.get(from);
    if (!made) this.#entries.set(from, (made = new Map()));
    const entry = made.get(key);
    if (entry?.version !== from.version) {
      if (entry) this.#release(entry);
      made.set(key, { version: from.version, lastUse: run });
      return undefined;
    }
    const filled = entry.block !== undefined;
    if (!entry.block && this.#bytes + bytes <= LIMIT) {
      entry.block = this.heap.allocate(bytes);
      this.#bytes += entry.block?.size ?? 0;
    }
    entry.lastUse = run;
    return entry.block && { address: entry.block.address, filled };
  }

  /** The buffer is no more. */
  forget(from: PreparedFrom): void {
    for (const entry of this.#entries.get(from)?.values() ?? []) this.#release(entry);
    this.#entries.delete(from);
  }

  /** Gives all memory back. */
  clear(): void {
    for (const from of [...this.#entries.keys()]) this.forget(from);
  }

  #release({ block, lastUse }: Entry): void {
    if (!block) return;
    this.heap.release(block, lastUse);
    this.#bytes -= block.size;
  }
}
