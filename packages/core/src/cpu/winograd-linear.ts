/** Small constant matrices applied to vectors in registers. */

import { type FunctionBuilder, f32x4, type Local, type Value, v128 } from "./wasm/index.js";
import type { Matrix } from "./winograd-form.js";

type Vector = Local<"v128">;
type Term = readonly [factor: number, vector: Vector];

/** Applies matrices within one function. Factors are kept in variables that are set where this is made: outside of loops. */
export class LinearMaps {
  readonly #factors = new Map<number, Vector>();

  constructor(
    private readonly f: FunctionBuilder,
    private readonly fused: boolean,
    matrix: Matrix,
  ) {
    for (const x of matrix.flat()) if (x !== 0 && Math.abs(x) !== 1 && !this.#factors.has(x)) this.#keep(x);
  }

  #keep(x: number): void {
    this.#factors.set(x, this.f.let(f32x4.of(x)));
  }

  /** Matrix times vector. Rows that differ in signs alone (of the points p and −p) share their sums. */
  rows(matrix: Matrix, x: readonly Vector[]): Vector[] {
    const results: Vector[] = [];
    for (let i = 0; i < matrix.length; i++) {
      const [row, next] = [matrix[i], matrix[i + 1]];
      const mirrored = next?.every((c, j) => Math.abs(c) === Math.abs(row[j])) ?? false;
      if (!mirrored) {
        results.push(this.#sum(row.map((c, j) => [c, x[j]])));
        continue;
      }
      const part = (same: boolean): Vector =>
        this.#sum(row.flatMap((c, j): Term[] => (c !== 0 && (c === next[j]) === same ? [[c, x[j]]] : [])));
      const [even, odd] = [part(true), part(false)];
      results.push(this.f.let(f32x4.add(even, odd)), this.f.let(f32x4.sub(even, odd)));
      i++;
    }
    return results;
  }

  /** Matrix times vector, where it is columns 1 and 2, 3 and 4 … that differ in signs alone. */
  columns(matrix: Matrix, x: readonly Vector[]): Vector[] {
    const pairs = Array.from({ length: (x.length - 2) / 2 }, (_, i) => 2 * i + 1);
    const sums = new Map(pairs.map((j) => [j, this.f.let(f32x4.add(x[j], x[j + 1]))]));
    const differences = new Map(pairs.map((j) => [j, this.f.let(f32x4.sub(x[j], x[j + 1]))]));
    return matrix.map((row) =>
      this.#sum([
        [row[0], x[0]],
        ...pairs.map((j): Term => [row[j], (row[j] === row[j + 1] ? sums : differences).get(j)!]),
        [row[row.length - 1], x[x.length - 1]],
      ]),
    );
  }

  /** Σ factor · vector; what needs no product comes first. */
  #sum(terms: readonly Term[]): Vector {
    const [first, ...rest] = terms.filter(([c]) => c !== 0).toSorted(([c], [d]) => Number(d === 1) - Number(c === 1));
    return this.f.let(
      rest.reduce((sum, [c, x]) => {
        if (c === 1) return f32x4.add(sum, x);
        if (c === -1) return f32x4.sub(sum, x);
        const factor = this.#factors.get(c)!;
        return this.fused ? f32x4.relaxedMadd(factor, x, sum) : f32x4.add(sum, f32x4.mul(factor, x));
      }, this.#first(first)),
    );
  }

  #first([c, x]: Term): Value<"v128"> {
    if (c === 1) return x;
    return c === -1 ? f32x4.neg(x) : f32x4.mul(this.#factors.get(c)!, x);
  }
}

/** The four columns of four rows. */
export function transpose(f: FunctionBuilder, rows: readonly Vector[]): Vector[] {
  const pair = (i: number, lanes: readonly [number, number, number, number]): Vector =>
    f.let(v128.shuffle32(rows[i], rows[i + 1], lanes));
  const low = [0, 2].map((i) => pair(i, [0, 4, 1, 5]));
  const high = [0, 2].map((i) => pair(i, [2, 6, 3, 7]));
  return [low, high].flatMap(([a, b]) => [
    f.let(v128.shuffle32(a, b, [0, 1, 4, 5])),
    f.let(v128.shuffle32(a, b, [2, 3, 6, 7])),
  ]);
}
