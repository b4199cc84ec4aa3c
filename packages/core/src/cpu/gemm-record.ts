/**
 * Parameters of kernels that are made of records: a record is a fixed list of named words, which point to digit lists and
 * to blocks of affine values further on. All offsets and strides are bytes.
 */

import { mergeWalk, type Walk } from "./gemm-spec.js";
import type { CpuAddress, CpuStage } from "./kernel.js";
import { i32, type Local, type Value } from "./wasm/index.js";

/** A list of named words. */
export interface RecordLayout<F extends string> {
  readonly bytes: number;
  word(name: F): number;
  /** Code that reads a word of the record at `record`. */
  read(record: Local<"i32">, name: F): Value<"i32">;
}

export function recordLayout<F extends string>(names: readonly F[]): RecordLayout<F> {
  const words = new Map(names.map((name, i) => [name, i]));
  const word = (name: F): number => words.get(name)!;
  return { bytes: 4 * names.length, word, read: (record, name) => i32.load(record, 4 * word(name)) };
}

/** A value start + batch offset + m offset + n offset: an address, a position, or what a bound tests. */
export interface Affine {
  readonly offset: number;
  readonly batch: Walk;
  readonly m: Walk;
  readonly n: Walk;
}

/** What an affine value counts: elements of a buffer, or, without a buffer, just numbers, below `size` if there is one. */
export interface AffineBase {
  readonly buffer?: CpuAddress["buffer"];
  /** Of one element; 1 for numbers. */
  readonly bytes: number;
  readonly size?: number;
}

/** A block of affine values: the size of their innermost digit of n, then for each these words. `step` is the stride of
 *  that digit. */
const PARTS = ["start", "batch", "m", "n", "step", "size"] as const;

/** Code that reads a word of affine value `index` of a block. */
export const affineWord = (block: Local<"i32">, index: number, part: (typeof PARTS)[number]): Value<"i32"> =>
  i32.load(block, 4 * (1 + PARTS.length * index + PARTS.indexOf(part)));

/** Code that reads the size of the innermost digit of n. */
export const innerSize = (block: Local<"i32">): Value<"i32"> => i32.load(block);

/** Writes records, then uniforms, then lists and blocks as they are asked for. */
export class RecordWriter<F extends string> {
  readonly #words: number[];
  readonly #addresses: CpuAddress[] = [];
  readonly #uniforms: { word: number; slot: number }[] = [];
  readonly #lists = new Map<string, number>();

  /** `uniforms` are the plan's slots whose bits follow the records. */
  constructor(
    private readonly layout: RecordLayout<F>,
    records: number,
    uniforms: readonly number[],
  ) {
    const start = (records * layout.bytes) / 4;
    this.#words = new Array(start + uniforms.length).fill(0);
    this.#uniforms = uniforms.map((slot, i) => ({ word: start + i, slot }));
  }

  put(record: number, name: F, value: number): void {
    this.#words[this.#at(record, name)] = value;
  }

  address(record: number, name: F, buffer: CpuAddress["buffer"], byteOffset: number): void {
    this.#addresses.push({ word: this.#at(record, name), buffer, byteOffset });
  }

  #at(record: number, name: F): number {
    return (record * this.layout.bytes) / 4 + this.layout.word(name);
  }

  /** Offset of a digit list: a count, then size and stride of each digit, innermost first. */
  list(walk: Walk, bytes: number): number {
    const digits = walk.length > 0 ? walk.toReversed() : [{ size: 1, stride: 0 }];
    const entry = [digits.length, ...digits.flatMap(({ size, stride }) => [size, stride * bytes])];
    const key = entry.join();
    let at = this.#lists.get(key);
    if (at === undefined) {
      at = 4 * this.#words.length;
      this.#words.push(...entry);
      this.#lists.set(key, at);
    }
    return at;
  }

  /** Offset of words that stand in a row. */
  words(values: readonly number[]): number {
    const at = 4 * this.#words.length;
    this.#words.push(...values);
    return at;
  }

  /** Offset of a block of affine values, whose walks along n have the same sizes. */
  block(values: readonly Affine[], bases: readonly AffineBase[]): number {
    const at = this.#words.length;
    this.#words.push(values[0]?.n.at(-1)?.size ?? 1, ...new Array(PARTS.length * values.length).fill(0));
    values.forEach(({ offset, batch, m, n }, i) => {
      const { buffer, bytes, size = 0 } = bases[i];
      const start = at + 1 + PARTS.length * i;
      if (buffer !== undefined) this.#addresses.push({ word: start, buffer, byteOffset: bytes * offset });
      const words = {
        start: offset,
        batch: this.list(mergeWalk(batch), bytes),
        m: this.list(mergeWalk(m), bytes),
        n: this.list(n, bytes),
        step: bytes * (n.at(-1)?.stride ?? 0),
        size,
      };
      PARTS.forEach((part, p) => {
        this.#words[start + p] = words[part];
      });
    });
    return 4 * at;
  }

  finish(): Pick<CpuStage, "params" | "addresses" | "uniforms"> {
    return { params: Int32Array.from(this.#words), addresses: this.#addresses, uniforms: this.#uniforms };
  }
}
