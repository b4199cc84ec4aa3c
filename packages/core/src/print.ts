/** How a tensor prints: its values after a read, its shape, dtype and device before. */

import { type DType, dtypeInfo, type TypedArray } from "./dtype.js";
import { decode } from "./host.js";

const EDGE = 3;
const SUMMARY = 1000;

function number(v: number, float: boolean): string {
  if (!float) return String(v);
  if (!Number.isFinite(v)) return Number.isNaN(v) ? "nan" : v > 0 ? "inf" : "-inf";
  const a = Math.abs(v);
  return a !== 0 && (a < 1e-4 || a >= 1e6) ? v.toExponential(4) : v.toFixed(4);
}

export function formatTensor(
  shape: readonly number[],
  dtype: DType,
  device: string,
  data: TypedArray | undefined,
): string {
  const facts = `shape=[${shape.join(", ")}], dtype=${dtype}, device=${device}`;
  if (!data || dtypeInfo(dtype).kind === "complex") return `Tensor(${facts})`;
  const float = dtypeInfo(dtype).kind === "float";
  const one = (i: number): string => (dtype === "bool" ? String(data[i] !== 0) : number(decode(dtype, data[i]), float));
  const brief = data.length > SUMMARY;
  const build = (depth: number, start: number): string => {
    if (depth === shape.length) return one(start);
    const n = shape[depth];
    const stride = shape.slice(depth + 1).reduce((a, b) => a * b, 1);
    const shown = brief && n > 2 * EDGE ? [0, 1, 2, -1, n - 3, n - 2, n - 1] : Array.from({ length: n }, (_, i) => i);
    const parts = shown.map((i) => (i < 0 ? "…" : build(depth + 1, start + i * stride)));
    const separator = depth === shape.length - 1 ? ", " : `,\n${" ".repeat(depth + 8)}`;
    return `[${parts.join(separator)}]`;
  };
  return `Tensor(${build(0, 0)}, ${facts})`;
}
