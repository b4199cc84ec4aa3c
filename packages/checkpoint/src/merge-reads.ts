/**
 * Reads that are asked for at the same time are done in the order of the file, neighbours in one go. A checkpoint has a
 * hundred small tensors to a few large ones, and every read has a price of its own: a task for another thread, or a
 * request to a server.
 */

import { CheckpointError } from "./errors.js";
import type { ByteSource } from "./source.js";

/** Reads of more bytes than this are done alone, straight into the buffer that the caller gets. */
const SMALL_BYTES = 2 ** 17;

/** Most bytes of one merged read. Its parts are copied out of it, so that a small tensor keeps nothing large alive. */
const MERGED_BYTES = 2 ** 20;

/** Most bytes between two neighbours that are read with them and thrown away. */
const GAP_BYTES = 2 ** 12;

/** Reads under way. Node has four threads for them; there are more so that no thread waits for this one. */
const CONCURRENCY = 8;

interface Request {
  readonly offset: number;
  readonly length: number;
  readonly resolve: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (reason: unknown) => void;
}

/** The same source, whose reads are merged. Closing it gives up the reads that wait. */
export function mergeReads(source: ByteSource): ByteSource {
  const queue = new ReadQueue(source);
  return {
    name: source.name,
    size: source.size,
    isRemote: source.isRemote,
    read: (offset, length) => queue.read(offset, length),
    async close() {
      queue.clear();
      await source.close();
    },
  };
}

class ReadQueue {
  /** The next one stands last: what is done leaves nothing behind here. */
  private waiting: Request[] = [];
  private sorted = true;
  private running = 0;

  constructor(private readonly source: ByteSource) {}

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ offset, length, resolve, reject });
      // Whoever asks for one range may ask for the next in the same breath.
      if (this.sorted) queueMicrotask(() => this.start());
      this.sorted = false;
    });
  }

  clear(): void {
    const error = new CheckpointError("io", `${this.source.name}: was closed while it was being read`);
    for (const { reject } of this.waiting) reject(error);
    this.waiting = [];
  }

  private start(): void {
    if (!this.sorted) this.waiting.sort((a, b) => b.offset - a.offset);
    this.sorted = true;
    while (this.running < CONCURRENCY && this.waiting.length > 0) void this.run(this.takeNeighbours());
  }

  private takeNeighbours(): Request[] {
    const group: Request[] = [];
    let [begin, end] = [0, 0];
    for (let next = this.waiting.at(-1); next; next = this.waiting.at(-1)) {
      const { offset, length } = next;
      if (group.length === 0) begin = offset;
      const newEnd = Math.max(end, offset + length);
      const isNeighbour = offset <= end + GAP_BYTES && newEnd - begin <= MERGED_BYTES;
      const areSmall = Math.max(length, group[0]?.length ?? 0) <= SMALL_BYTES;
      if (group.length > 0 && !(isNeighbour && areSmall)) break;
      group.push(next);
      this.waiting.pop();
      end = newEnd;
    }
    return group;
  }

  private async run(group: readonly Request[]): Promise<void> {
    const begin = group[0].offset;
    const end = group.reduce((most, { offset, length }) => Math.max(most, offset + length), begin);
    this.running++;
    let bytes: Uint8Array<ArrayBuffer> | undefined;
    try {
      bytes = await this.source.read(begin, end - begin);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.running--;
    // The next read begins before anybody looks at the bytes of this one.
    this.start();
    if (!bytes) return;
    if (group.length === 1) group[0].resolve(bytes);
    else for (const { offset, length, resolve } of group) resolve(bytes.slice(offset - begin, offset - begin + length));
  }
}
