/** Bind groups by what they bind: a step that uses the buffers of an earlier one makes none. */

import type { Ledger } from "./ledger.js";
import type { Piece } from "./memory.js";
import type { Pipeline } from "./pipelines.js";

/** The part of a piece that a dispatch binds. */
export interface Bound {
  readonly piece: Piece;
  readonly offset: number;
  readonly bytes: number;
}

interface Entry {
  readonly group: GPUBindGroup;
  readonly pieces: readonly Piece[];
}

/** Bind groups that are kept; those used longest ago go first. */
const LIMIT = 8192;

export class BindGroups {
  /** In order of use. */
  readonly #entries = new Map<string, Entry>();
  /** Keys of the bind groups that hold a piece. */
  readonly #holders = new Map<Piece, Set<string>>();

  constructor(
    private readonly gpu: GPUDevice,
    private readonly ledger: Ledger,
    private readonly uniforms: GPUBuffer,
  ) {}

  /** The bind group for a dispatch of `pipeline`, which errors call `kernel`. */
  get(pipeline: Pipeline, bound: readonly Bound[], kernel: string): GPUBindGroup {
    let key = pipeline.signature;
    for (const { piece, offset, bytes } of bound) key += `,${piece.id}:${offset}:${bytes}`;
    const entry = this.#entries.get(key) ?? {
      group: this.#make(pipeline, bound, kernel),
      pieces: this.#hold(key, bound),
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > LIMIT) {
      const [oldest] = this.#entries.keys();
      this.#drop(oldest);
    }
    return entry.group;
  }

  /** Lets go of a piece that will be destroyed. */
  forget(piece: Piece): void {
    for (const key of this.#holders.get(piece) ?? []) this.#drop(key);
  }

  #make(pipeline: Pipeline, bound: readonly Bound[], kernel: string): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = bound.map(({ piece, offset, bytes }, binding) => ({
      binding,
      resource: { buffer: piece.gpu, offset, size: bytes },
    }));
    if (pipeline.signature.endsWith("u")) entries.push({ binding: bound.length, resource: { buffer: this.uniforms } });
    return this.ledger.guard(
      () => `binding the buffers of kernel ${kernel}`,
      () => this.gpu.createBindGroup({ label: kernel, layout: pipeline.layout, entries }),
    );
  }

  #hold(key: string, bound: readonly Bound[]): readonly Piece[] {
    const pieces = bound.map(({ piece }) => piece);
    for (const piece of pieces) {
      const keys = this.#holders.get(piece);
      if (keys) keys.add(key);
      else this.#holders.set(piece, new Set([key]));
    }
    return pieces;
  }

  #drop(key: string): void {
    const { pieces } = this.#entries.get(key)!;
    this.#entries.delete(key);
    for (const piece of pieces) {
      const keys = this.#holders.get(piece);
      keys?.delete(key);
      if (keys?.size === 0) this.#holders.delete(piece);
    }
  }
}
