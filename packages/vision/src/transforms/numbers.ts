/**
 * Sizes and rounding that the transforms share.
 */

import { ArgumentError } from "@kindling/core";

/** One size for both axes, or [height, width]. */
export type Size = number | readonly [number] | readonly [number, number];

/** [height, width] of a `Size`. */
export function heightWidth(size: Size): readonly [number, number] {
  const [height, width = height] = typeof size === "number" ? [size] : size;
  if (!Number.isInteger(height) || !Number.isInteger(width) || height < 1 || width < 1) {
    throw new ArgumentError(`size is [${height}, ${width}]; expected whole numbers, 1 or more`);
  }
  return [height, width];
}

export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Rounds to the nearest whole number, halves to the even one, as `torch.round` and Python's `round`. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
