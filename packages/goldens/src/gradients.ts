/** Compares a model's gradients with the fixtures' norms and sampled values. */

import type { Tensor } from "@kindling/core";
import { checkValues, decodeFloats, norm, type Worst } from "./encoded.js";
import { sampledIndices } from "./fill.js";
import { Mismatch } from "./report.js";
import { ANY_GRADIENT, medianGradient } from "./tolerances.js";

/** `[name, L2 norm, 8 sampled values, relative noise of f32, absmax]`, or null where PyTorch leaves no gradient. */
export type GradientEntry = [string, number, string, number, number] | [string, null];

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/**
 * Fails unless every gradient is there and near: norms relative to `|g| + 1e-6 * max|g|`, sampled values relative to the
 * gradient's absmax with the same floor.
 */
export async function checkGradients(
  entries: readonly GradientEntry[],
  gradientOf: (name: string) => Tensor | null,
  mode: "train" | "eval",
  worst: Worst,
): Promise<void> {
  const largest = Math.max(...entries.map(([, size]) => size ?? 0));
  const errors: number[] = [];
  const noises: number[] = [];
  for (const [name, size, samples, noise, absmax] of entries) {
    const gradient = gradientOf(name);
    if (size === null) {
      if (gradient) throw new Mismatch(`gradient of ${name}: got one of shape [${gradient.shape}], want none`);
      continue;
    }
    if (!gradient) throw new Mismatch(`gradient of ${name}: got none, want one of norm ${size}`);
    const values = (await gradient.data()) as Float32Array;
    const floor = 1e-6 * largest;
    const normError = Math.abs(norm(values) - size) / (size + floor);
    const wanted = decodeFloats(samples);
    const indices = sampledIndices(name, values.length, wanted.length);
    const picked = indices.map((i) => values[i]);
    const what = `gradient of ${name}`;
    worst.check(`${what}: norm`, normError, ANY_GRADIENT, () => `got ${norm(values)}, want ${size}`);
    const scale = absmax + floor;
    checkValues(what, picked, wanted, { tolerance: ANY_GRADIENT, scale, worst, at: (i) => indices[i] });
    const sampleError = Math.max(...picked.map((value, i) => Math.abs(value - wanted[i]) / scale));
    errors.push(Math.max(normError, sampleError));
    noises.push(noise);
  }
  const allowed = medianGradient[mode](median(noises));
  worst.check("gradients, median over parameters", median(errors), allowed, () => `${errors.length} parameters`);
}
