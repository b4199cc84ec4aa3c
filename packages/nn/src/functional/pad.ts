/** Padding, as torch.nn.functional.pad. */

import { ArgumentError, cat, ShapeError, scoped, type Tensor } from "@kindling/core";
import { shapeText } from "./args.js";

export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/**
 * Pads the last dimensions of x.
 * @param pad [before, after] of the last dimension, then of the one before it, and so on; negative numbers crop
 * @param mode what stands in the margin: `value`; the inside mirrored without its edge; the edge; the other end
 */
export function pad(
  x: Tensor,
  pad: readonly number[],
  { mode = "constant", value = 0 }: { mode?: PadMode; value?: number } = {},
): Tensor {
  if (pad.length % 2 !== 0 || pad.length > 2 * x.ndim)
    throw new ArgumentError(`pad: [${pad.join(", ")}] for an input ${shapeText(x)}; give two numbers a dimension`);
  if (mode === "constant") return x.pad(pad, value);
  return scoped(() => {
    let y = x;
    for (let i = 0; i < pad.length; i += 2) y = extend(y, x.ndim - 1 - i / 2, pad[i], pad[i + 1], mode);
    return y;
  });
}

function extend(x: Tensor, dim: number, before: number, after: number, mode: Exclude<PadMode, "constant">): Tensor {
  const size = x.shape[dim];
  const most = { reflect: size - 1, circular: size, replicate: Number.POSITIVE_INFINITY }[mode];
  if (before > most || after > most)
    throw new ShapeError(
      `pad: ${mode} padding of ${Math.max(before, after)} for dimension ${dim} of ${shapeText(x)}; at most ${most} is possible`,
    );
  const margin = (n: number, atStart: boolean): Tensor => {
    if (mode === "circular") return atStart ? x.slice(dim, size - n, size) : x.slice(dim, 0, n);
    if (mode === "reflect")
      return (atStart ? x.slice(dim, 1, n + 1) : x.slice(dim, size - 1 - n, size - 1)).flip([dim]);
    return x.slice(dim, atStart ? 0 : size - 1, atStart ? 1 : size).expand(x.shape.map((s, d) => (d === dim ? n : s)));
  };
  const parts = [x.slice(dim, Math.max(0, -before), size + Math.min(0, after))];
  if (before > 0) parts.unshift(margin(before, true));
  if (after > 0) parts.push(margin(after, false));
  return parts.length === 1 ? parts[0] : cat(parts, dim);
}
