/** Buffers that the host can map: what is read is copied into one, which is used again when the host has its copy. */

import { BUFFER_USAGE, MAP_READ } from "./constants.js";
import type { Ledger } from "./ledger.js";

/** Bytes from a GPU buffer that are wanted at a place of the result. */
export interface Segment {
  readonly source: GPUBuffer;
  readonly from: number;
  readonly bytes: number;
  readonly to: number;
}

const SMALLEST = 256;
/** Bytes of idle buffers that are kept. */
const KEEP = 64 * 2 ** 20;

export class Staging {
  #idle: GPUBuffer[] = [];
  #reserved = 0;
  #idleBytes = 0;

  constructor(
    private readonly gpu: GPUDevice,
    private readonly ledger: Ledger,
  ) {}

  /** Bytes of all buffers. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Copies the segments to `target`, as they are after all work that was submitted. Rejects if the GPU gives nothing. */
  async read(segments: readonly Segment[], target: ArrayBuffer, what: () => string): Promise<void> {
    const buffers = segments.map(({ bytes }) => this.#take(bytes, what));
    const submitted = this.ledger.attempt(what, () => {
      const encoder = this.gpu.createCommandEncoder({ label: "read" });
      for (const [i, { source, from, bytes }] of segments.entries())
        encoder.copyBufferToBuffer(source, from, buffers[i], 0, bytes);
      this.gpu.queue.submit([encoder.finish()]);
    });
    await Promise.all([
      submitted,
      ...segments.map(async ({ bytes, to }, i) => {
        await buffers[i].mapAsync(MAP_READ, 0, bytes);
        new Uint8Array(target, to, bytes).set(new Uint8Array(buffers[i].getMappedRange(0, bytes)));
        buffers[i].unmap();
        this.#give(buffers[i]);
      }),
    ]);
  }

  #take(bytes: number, what: () => string): GPUBuffer {
    const at = this.#idle.findIndex(({ size }) => size >= bytes && size <= 4 * Math.max(bytes, SMALLEST));
    if (at >= 0) {
      const [buffer] = this.#idle.splice(at, 1);
      this.#idleBytes -= buffer.size;
      return buffer;
    }
    const size = Math.max(SMALLEST, bytes);
    this.#reserved += size;
    return this.ledger.guard(
      () => `allocation of ${size} bytes for ${what()}`,
      () => this.gpu.createBuffer({ label: "staging", size, usage: BUFFER_USAGE.mapRead | BUFFER_USAGE.copyTarget }),
    );
  }

  #give(buffer: GPUBuffer): void {
    this.#idle.push(buffer);
    this.#idleBytes += buffer.size;
    while (this.#idleBytes > KEEP) {
      const oldest = this.#idle.shift()!;
      this.#idleBytes -= oldest.size;
      this.#reserved -= oldest.size;
      oldest.destroy();
    }
  }
}
