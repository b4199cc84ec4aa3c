/**
 * Tone: transforms that give each level of a channel another level.
 */

import { ArgumentError, DTypeError } from "@kindling/core";
import { clamp } from "./numbers.js";
import { apply, brightest, isFloat, mapPixels, type Picture, type Raster, withData } from "./raster.js";

/** The negative: 255 - value, or 1 - value. */
export function invert<P extends Picture>(picture: P): P {
  return apply("invert", picture, (raster) => mapPixels(raster, (value) => brightest(raster) - value));
}

/** Keeps the upper `bits` (0 … 8) of each byte. */
export function posterize<P extends Picture>(picture: P, bits: number): P {
  if (!Number.isInteger(bits) || bits < 0 || bits > 8) {
    throw new ArgumentError(`bits is ${bits}; expected a whole number from 0 to 8`);
  }
  const mask = (0xff00 >> bits) & 0xff;
  return apply("posterize", picture, (raster) => {
    checkBytes(raster, "posterize");
    return mapPixels(raster, (value) => value & mask);
  });
}

/** Inverts every value at or above `threshold`. */
export function solarize<P extends Picture>(picture: P, threshold: number): P {
  return apply("solarize", picture, (raster) => {
    const bound = brightest(raster);
    if (threshold > bound) {
      throw new ArgumentError(`threshold is ${threshold}; expected at most ${bound}, the largest value of the picture`);
    }
    return mapPixels(raster, (value) => (value >= threshold ? bound - value : value));
  });
}

/** Stretches each channel so that its darkest value becomes 0 and its brightest the largest. */
export function autocontrast<P extends Picture>(picture: P): P {
  return apply("autocontrast", picture, (raster) => {
    const bound = brightest(raster);
    return eachChannel(raster, (values) => {
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (const value of values) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      if (low === high) return (value) => value;
      return (value) => clamp(((value - low) * bound) / (high - low), 0, bound);
    });
  });
}

/** Spreads the levels of each channel so that they are used evenly (histogram equalisation of bytes). */
export function equalize<P extends Picture>(picture: P): P {
  return apply("equalize", picture, (raster) => {
    checkBytes(raster, "equalize");
    return eachChannel(raster, (values) => {
      const histogram = new Uint32Array(256);
      for (const value of values) histogram[value]++;
      const last = histogram.findLast((count) => count > 0) ?? 0;
      const step = Math.floor((values.length - last) / 255);
      if (step === 0) return (value) => value;
      let below = Math.floor(step / 2);
      const table = histogram.map((count) => {
        const level = Math.floor(below / step);
        below += count;
        return Math.min(level, 255);
      });
      return (value) => table[value];
    });
  });
}

function checkBytes(raster: Raster, op: string): void {
  if (isFloat(raster)) {
    throw new DTypeError(`${op} takes uint8 pictures, got float32; use convertImageDtype(picture, "uint8") before it`);
  }
}

/** Maps each channel by a function made from all of its values. */
function eachChannel(raster: Raster, mapOf: (values: Raster["data"]) => (value: number) => number): Raster {
  const { data, channels } = raster;
  const area = raster.height * raster.width;
  const out = data.slice();
  for (let c = 0; c < channels; c++) {
    const place = raster.kind === "image" ? (i: number) => i * channels + c : (i: number) => c * area + i;
    const values = data.slice(0, area).map((_, i) => data[place(i)]);
    const map = mapOf(values);
    for (let i = 0; i < area; i++) out[place(i)] = map(values[i]);
  }
  return withData(raster, out);
}
