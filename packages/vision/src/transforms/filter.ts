/**
 * Filters over a neighbourhood of each pixel: Gaussian blur, and the smoothing that sharpness is measured against.
 */

import { ArgumentError } from "@kindling/core";
import { roundHalfEven } from "./numbers.js";
import { apply, blank, isFloat, type Picture, type Raster, strides } from "./raster.js";

/**
 * Blurs with a Gaussian kernel of `kernelSize` ([x, y], odd), borders mirrored.
 *
 * @param sigma standard deviation in pixels, [x, y]; by default 0.15 × size + 0.35.
 */
export function gaussianBlur<P extends Picture>(
  picture: P,
  kernelSize: number | readonly [number, number],
  sigma?: number | readonly [number, number],
): P {
  const sizes = typeof kernelSize === "number" ? ([kernelSize, kernelSize] as const) : kernelSize;
  if (!sizes.every((size) => Number.isInteger(size) && size > 0 && size % 2 === 1)) {
    throw new ArgumentError(`kernelSize is [${sizes.join(", ")}]; expected odd whole numbers above 0`);
  }
  const sigmas = typeof sigma === "number" ? [sigma, sigma] : (sigma ?? sizes.map((size) => size * 0.15 + 0.35));
  if (!sigmas.every((value) => value > 0)) {
    throw new ArgumentError(`sigma is [${sigmas.join(", ")}]; expected numbers above 0`);
  }
  return apply("gaussianBlur", picture, (raster) =>
    blur(raster, gaussian(sizes[0], sigmas[0]), gaussian(sizes[1], sigmas[1])),
  );
}

function gaussian(size: number, sigma: number): Float64Array {
  const weights = Float64Array.from({ length: size }, (_, i) => Math.exp(-0.5 * ((i - (size - 1) / 2) / sigma) ** 2));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** A separable filter, along columns in floats and then along rows. */
function blur(raster: Raster, alongX: Float64Array, alongY: Float64Array): Raster {
  const { channels, height, width } = raster;
  const [reachX, reachY] = [(alongX.length - 1) / 2, (alongY.length - 1) / 2];
  if (reachX >= width || reachY >= height) {
    throw new ArgumentError(
      `a kernel of ${alongX.length} × ${alongY.length} is too large for a picture of ${width} × ${height} pixels; its half must be smaller than the picture`,
    );
  }
  const step = strides(raster);
  const out = blank(raster);
  const finish = isFloat(raster) ? (value: number) => value : roundHalfEven;
  const mirror = (position: number, size: number) => {
    const inside = Math.abs(position);
    return inside < size ? inside : 2 * size - 2 - inside;
  };
  const line = new Float64Array(width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      line.fill(0);
      for (let k = -reachY; k <= reachY; k++) {
        const source = c * step.channel + mirror(y + k, height) * step.row;
        for (let x = 0; x < width; x++) line[x] += alongY[k + reachY] * raster.data[source + x * step.column];
      }
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = -reachX; k <= reachX; k++) sum += alongX[k + reachX] * line[mirror(x + k, width)];
        out.data[c * step.channel + y * step.row + x * step.column] = finish(sum);
      }
    }
  }
  return out;
}

/** The mean of 3 × 3 pixels with weight 5 in the middle; pixels of the border, and pictures below 3 × 3, stay. */
export function smooth3x3(raster: Raster): Raster {
  const { data, channels, height, width } = raster;
  const step = strides(raster);
  const finish = isFloat(raster) ? (value: number) => value : roundHalfEven;
  const out = { ...raster, data: data.slice() };
  for (let c = 0; c < channels; c++) {
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const middle = c * step.channel + y * step.row + x * step.column;
        let sum = 4 * data[middle];
        for (let dy = -1; dy <= 1; dy++) {
          for (let dx = -1; dx <= 1; dx++) sum += data[middle + dy * step.row + dx * step.column];
        }
        out.data[middle] = finish(sum / 13);
      }
    }
  }
  return out;
}
