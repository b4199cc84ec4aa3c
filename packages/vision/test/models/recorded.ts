/** What torchvision 0.14 builds, starts from and computes (make.py records it), and how models are compared with it. */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type DType, fromHost, noGrad, type Tensor } from "@kindling/core";
import type { Module } from "@kindling/nn";
import { expect } from "vitest";

/** A line of a state dict. */
export type Entry = [name: string, dtype: DType, shape: number[]];

export interface Structure {
  state: Entry[];
  /** What str(model) says. */
  tree: string;
  parameters: number;
}

/** One forward and backward. */
export interface Run {
  shape: number[];
  logits: number[];
  /** Of each parameter and the input, the gradient's norm and its sum with weights. */
  gradients: [name: string, norm: number, sum: number][];
}

/** How the values of a parameter are spread; `largest`: the largest deviation from the mean. */
export type Spread = [name: string, mean: number, std: number, largest: number];

interface Recorded {
  builders: Record<string, Structure>;
  optioned: Record<string, Structure>;
  regnetDesigns: [design: number[], stages: Record<"depths" | "widths" | "groupWidths", number[]>][];
  initialValues: Record<string, Spread[]>;
  attention: Record<string, Structure & { runs: Run[] }>;
  positions: { arguments: [number, number, "bicubic" | "bilinear"]; shape: number[]; values: number[] }[];
}

export const torchvision: Recorded = JSON.parse(
  gunzipSync(readFileSync(new URL("torchvision.json.gz", import.meta.url))).toString(),
);

export const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);

export const stateOf = (model: Module): Entry[] =>
  [...model.stateDict()].map(([name, t]) => [name, t.dtype, [...t.shape]]);

export function expectStructure(model: Module, { state, tree, parameters }: Structure): void {
  expect(stateOf(model)).toEqual(state);
  expect(`${model}`).toBe(tree);
  expect(model.parameters().reduce((n, p) => n + p.numel, 0)).toBe(parameters);
}

/** Zeros for initial values that nobody looks at: reading another value would have the random ones computed too. */
export function blank(model: Module, except: ReadonlySet<string> = new Set()): void {
  noGrad(() => {
    for (const [name, parameter] of model.namedParameters()) if (!except.has(name)) parameter.zero_();
  });
}

/** Numbers in [−1, 1) that make.py computes too. */
function noise(shape: readonly number[], stream: number): Float64Array {
  const count = shape.reduce((a, b) => a * b, 1);
  return Float64Array.from({ length: count }, (_, i) => {
    const x = Math.sin(i * 12.9898 + stream * 78.233) * 43758.5453;
    return 2 * (x - Math.floor(x)) - 1;
  });
}

export const noiseTensor = (shape: readonly number[], stream: number): Tensor =>
  fromHost(Float32Array.from(noise(shape, stream)), shape);

/** The values of make.py for a state-dict entry; those of int64 and of coordinates stay. */
function filled(name: string, t: Tensor, stream: number): Tensor {
  if (t.dtype === "int64" || name.endsWith("relative_coords_table")) return t;
  const [centre, half] = name.endsWith("logit_scale")
    ? [2, 3]
    : name.endsWith("running_var") || (t.ndim === 1 && name.endsWith("weight"))
      ? [1, 0.2]
      : t.ndim >= 2 && name.endsWith("weight")
        ? [0, Math.sqrt(3 / (t.numel / t.shape[0]))]
        : [0, 0.3];
  return fromHost(
    Float32Array.from(noise(t.shape, stream), (x) => centre + half * x),
    t.shape,
  );
}

/** Gives a model the values that make.py gives torchvision's. */
export function fill(model: Module): void {
  const entries = [...model.stateDict()];
  model.loadStateDict(new Map(entries.map(([name, t], stream) => [name, filled(name, t, stream)])));
}

/** The largest difference, relative to the largest value. */
export function difference(got: readonly number[], want: readonly number[]): number {
  expect(got.length).toBe(want.length);
  const scale = Math.max(...want.map(Math.abs));
  return Math.max(...got.map((x, i) => Math.abs(x - want[i]))) / scale;
}
