/** Resizing of images and feature maps, as torch.nn.functional.interpolate. */

import { ArgumentError, fromHost, ShapeError, scoped, type Tensor } from "@kindling/core";
import { adaptiveAvgPool1d, adaptiveAvgPool2d } from "./adaptive-pool.js";
import { type Sizes, shapeText, sizes } from "./args.js";
import { antialiasMatrix, cubicMatrix, linearMatrix, mapDimension, nearestIndices, type Resize } from "./resample.js";

export type InterpolateMode = "nearest" | "nearest-exact" | "linear" | "bilinear" | "bicubic" | "trilinear" | "area";

export interface InterpolateOptions {
  /** Output size; give this or `scaleFactor`. */
  readonly size?: Sizes | null;
  readonly scaleFactor?: Sizes | null;
  /** Default "nearest". */
  readonly mode?: InterpolateMode;
  /** Whether the corner pixels' centres map onto each other. Default false. */
  readonly alignCorners?: boolean | null;
  /** Compute the scale from the sizes, instead of using `scaleFactor` itself. Default false. */
  readonly recomputeScaleFactor?: boolean | null;
  /** Low-pass filter when shrinking ("bilinear" and "bicubic"). Default false. */
  readonly antialias?: boolean;
}

/** Spatial dimensions that a mode works on; nearest and area work on any number. */
const DIMENSIONS: Partial<Record<InterpolateMode, number>> = { linear: 1, bilinear: 2, bicubic: 2, trilinear: 3 };

/** x: [N, C, …spatial] gives [N, C, …size]. */
export function interpolate(x: Tensor, options: InterpolateOptions = {}): Tensor {
  const { mode = "nearest", antialias = false } = options;
  const spatial = x.ndim - 2;
  if (spatial < 1 || spatial !== (DIMENSIONS[mode] ?? spatial))
    throw new ShapeError(
      `interpolate: mode "${mode}" takes an input of ${DIMENSIONS[mode] ? DIMENSIONS[mode] + 2 : "3 to 5"} dimensions, ` +
        `[N, C, …]; it is ${shapeText(x)}`,
    );
  if (antialias && mode !== "bilinear" && mode !== "bicubic")
    throw new ArgumentError(`interpolate: antialias with mode "${mode}"; it is for "bilinear" and "bicubic"`);
  const resizes = layOut(x, options, spatial);

  return scoped(() => {
    if (mode === "area") {
      const out = resizes.map((r) => r.out);
      if (spatial > 2)
        throw new ShapeError(`interpolate: mode "area" takes [N, C, L] or [N, C, H, W]; it is ${shapeText(x)}`);
      return spatial === 1 ? adaptiveAvgPool1d(x, out) : adaptiveAvgPool2d(x, out);
    }
    let y = x;
    resizes.forEach((resize, d) => {
      y = resizeDimension(y, d + 2, resize, mode, antialias);
    });
    return y;
  });
}

function resizeDimension(x: Tensor, dim: number, resize: Resize, mode: InterpolateMode, antialias: boolean): Tensor {
  if (mode === "nearest" || mode === "nearest-exact") {
    const indices = nearestIndices(resize, mode === "nearest-exact");
    const factor = resize.out / resize.size;
    if (Number.isInteger(factor) && indices.every((at, i) => at === Math.floor(i / factor)))
      return factor === 1 ? x : x.repeatInterleave(factor, dim);
    return x.indexSelect(dim, fromHost(indices, [resize.out], "int32"));
  }
  if (resize.out === resize.size && (resize.alignCorners || resize.scale === 1)) return x;
  const cubic = mode === "bicubic";
  if (antialias) return mapDimension(x, dim, antialiasMatrix(resize, cubic ? "cubic" : "linear"));
  return mapDimension(x, dim, cubic ? cubicMatrix(resize) : linearMatrix(resize));
}

function layOut(x: Tensor, options: InterpolateOptions, spatial: number): Resize[] {
  const { size, scaleFactor, recomputeScaleFactor } = options;
  if (((size ?? null) === null) === ((scaleFactor ?? null) === null))
    throw new ArgumentError("interpolate: give size or scaleFactor, one of them");
  const alignCorners = options.alignCorners ?? false;
  const factors = scaleFactor ? sizes("interpolate", "scaleFactor", scaleFactor, spatial) : undefined;
  const wanted = size ? sizes("interpolate", "size", size, spatial) : undefined;
  return x.shape.slice(2).map((from, d) => {
    const out = wanted ? wanted[d] : Math.floor(from * factors![d]);
    if (!(out > 0))
      throw new ArgumentError(`interpolate: the output of an input ${shapeText(x)} would have size ${out}`);
    const scale = factors && !recomputeScaleFactor ? 1 / factors[d] : from / out;
    return { size: from, out, scale, alignCorners };
  });
}
