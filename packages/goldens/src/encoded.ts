/** Encoded tensors of the fixtures, and the comparisons that every part makes. */

import type { Tensor } from "@kindling/core";
import { Mismatch } from "./report.js";

/** A tensor in a JSON fixture: its statistics, and all its values or those at the flat indices `idx` (base64 f32). */
export interface Encoded {
  shape: number[];
  mean: number;
  std: number;
  absmax: number;
  idx?: number[];
  f32: string;
}

/** Little-endian f32 values from base64. */
export function decodeFloats(base64: string): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer);
}

/** Relative deviations measured by a check; the largest is printed beside a passed case. */
export class Worst {
  error = 0;
  tolerance = 0;

  /** Fails with a message that names the value where `error > tolerance` or is NaN. */
  check(what: string, error: number, tolerance: number, detail: () => string): void {
    if (!(error <= tolerance)) {
      throw new Mismatch(
        `${what}: ${detail()}; error ${error.toExponential(2)}, tolerance ${tolerance.toExponential(2)}`,
      );
    }
    if (this.tolerance === 0 || error / tolerance > this.error / this.tolerance) {
      this.error = error;
      this.tolerance = tolerance;
    }
  }

  /** Two numbers within an absolute tolerance. */
  near(what: string, got: number, want: number, tolerance: number): void {
    this.check(what, Math.abs(got - want), tolerance, () => `got ${got}, want ${want}`);
  }

  toString(): string {
    return `error ${this.error.toExponential(1)} of ${this.tolerance.toExponential(1)}`;
  }
}

/** Fails unless two shapes are the same. */
export function checkShape(what: string, got: readonly number[], want: readonly number[]): void {
  if (got.length !== want.length || got.some((size, i) => size !== want[i])) {
    throw new Mismatch(`${what}: got shape [${got}], want [${want}]`);
  }
}

/** Largest |value|; NaN if any is NaN. */
export function absmax(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (!(size <= largest)) largest = size;
    if (Number.isNaN(size)) return Number.NaN;
  }
  return largest;
}

/** Euclidean norm, summed in f64. */
export function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}

/** Fails unless every `|got - want| <= tolerance * scale`; `at` names the position of value `i`. */
export function checkValues(
  what: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  {
    tolerance,
    scale,
    worst,
    at = (i) => i,
  }: { tolerance: number; scale: number; worst: Worst; at?: (i: number) => number },
): void {
  let largest = 0;
  let where = -1;
  for (let i = 0; i < want.length; i++) {
    if (Object.is(got[i], want[i]) || got[i] === want[i]) continue;
    const error = Math.abs(got[i] - want[i]);
    if (!(error <= largest)) [largest, where] = [error, i];
    if (Number.isNaN(error)) break;
  }
  const relative = largest === 0 ? 0 : largest / scale;
  worst.check(
    what,
    relative,
    tolerance,
    () => `at ${at(where)} got ${got[where]}, want ${want[where]} (scale ${scale})`,
  );
}

/** Fails unless a tensor has an encoded one's shape, values and statistics, within `tolerance * absmax`. */
export async function checkEncoded(
  what: string,
  tensor: Tensor,
  want: Encoded,
  tolerance: number,
  worst: Worst,
): Promise<void> {
  checkShape(what, tensor.shape, want.shape);
  const values = (await tensor.data()) as Float32Array;
  const indices = want.idx;
  const picked = indices ? indices.map((i) => values[i]) : values;
  const options = { tolerance, scale: want.absmax, worst };
  checkValues(what, picked, decodeFloats(want.f32), { ...options, at: (i) => indices?.[i] ?? i });

  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  for (const [name, got] of Object.entries({ mean, std, absmax: absmax(values) })) {
    checkValues(`${what}.${name}`, [got], [want[name as "mean"]], { ...options, at: () => 0 });
  }
}
