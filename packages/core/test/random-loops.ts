/**
 * Random loop kernels for properties. Data are small multiples of ½ (and a few infinities and NaN), and the operators
 * are such that f32 and f64 give the same numbers: results are compared exactly.
 */

import fc, { type GeneratorValue } from "fast-check";
import type { ComputeDType, TypedArray } from "../dist/dtype.js";
import { type Expr, type ExprOp, expr, type Scalar, scalarOf } from "../dist/expr.js";
import { float16ToNumber, numberToFloat16 } from "../dist/float16.js";
import type { Access, Bound, LoopKernel, ReduceOp, Stage } from "../dist/kernel.js";

export interface RandomLoop {
  readonly kernel: LoopKernel;
  readonly buffers: TypedArray[];
  readonly uniforms: Uint32Array;
}

const ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** An array of elements of the dtype, from small numbers. */
export function arrayOf(dtype: ComputeDType, length: number, number: (i: number) => number): TypedArray {
  const array = new ARRAYS[dtype](length);
  for (let i = 0; i < length; i++) {
    const x = number(i);
    if (dtype === "float16") array[i] = numberToFloat16(x);
    else if (dtype === "bool") array[i] = x > 0 ? 1 : 0;
    else array[i] = dtype === "uint8" ? Math.abs(x) * 2 : x;
  }
  return array;
}

const ONE: Record<Scalar, ExprOp[]> = {
  f32: ["neg", "abs", "floor", "ceil", "round", "trunc"],
  i32: ["neg", "abs", "not"],
  u32: ["not"],
  bool: ["not"],
};
const TWO: Record<Scalar, ExprOp[]> = {
  f32: ["add", "sub", "min", "max"],
  i32: ["add", "sub", "mul", "div", "min", "max", "and", "or", "xor", "shl", "shr"],
  u32: ["add", "sub", "mul", "div", "min", "max", "and", "or", "xor", "shl", "shr", "mulhi"],
  bool: ["and", "or", "xor"],
};
const SCALARS: Scalar[] = ["f32", "i32", "u32", "bool"];
const DTYPES: ComputeDType[] = ["float32", "float16", "int32", "uint8", "bool"];

/** Draws a kernel with its data. */
export function randomLoop(g: GeneratorValue): RandomLoop {
  const int = (min: number, max: number): number => g(fc.integer, { min, max });
  const pick = <T>(from: readonly T[]): T => from[int(0, from.length - 1)];
  const chance = (percent: number): boolean => int(1, 100) <= percent;
  let room = 3000;
  const sizes = (rank: number): number[] =>
    Array.from({ length: rank }, () => {
      const size = Math.min(room, chance(15) ? int(0, 40) : int(1, 9));
      room = Math.floor(room / Math.max(size, 1));
      return size;
    });

  const reduces = chance(70);
  const rows = sizes(int(0, 3));
  const inner = reduces ? sizes(int(0, 2)) : [];
  const dims = [...rows, ...inner];
  const buffers: TypedArray[] = [];
  let noise = int(0, 1000);
  const next = (): number => {
    noise = (Math.imul(noise, 1103515245) + 12345) & 0x7fffffff;
    const n = noise >> 8;
    return n % 61 === 0 ? [Infinity, -Infinity, Number.NaN][n % 3] : (n % 17) / 2 - 4;
  };
  const buffer = (dtype: ComputeDType, length: number): number => buffers.push(arrayOf(dtype, length, next)) - 1;

  /** Strides over the dimensions, with the least offset and the length that keep all points in range. */
  const layout = (
    shape: readonly number[],
    injective: boolean,
  ): { offset: number; strides: number[]; length: number } => {
    const order = shape.map((_, d) => d);
    if (chance(40)) order.sort((a, b) => ((a * 7 + noise) % 5) - ((b * 7 + noise) % 5) || a - b);
    const strides = shape.map(() => 0);
    let unit = chance(25) ? int(2, 3) : 1;
    for (const d of order.reverse()) {
      strides[d] = unit;
      unit *= Math.max(shape[d], 1) + (chance(20) ? 1 : 0);
      if (!injective && chance(20)) strides[d] = 0;
      else if (chance(12)) strides[d] *= -1;
    }
    const reach = (sign: number): number =>
      strides.reduce((sum, s, d) => sum + (s * sign > 0 ? s * Math.max(shape[d] - 1, 0) : 0), 0);
    const offset = int(0, 3) - reach(-1);
    return { offset, strides, length: offset + reach(1) + int(1, 3) };
  };

  const sources: Access[] = [];
  const addSource = (shape: readonly number[], dtype: ComputeDType): void => {
    const kind = int(1, 4);
    if (kind === 1) {
      // A padded source: positions are moved and scaled, and hold only within the source's own shape.
      const own = shape.map((n) => int(1, Math.max(1, n)));
      const place = layout(own, false);
      const moves = shape.map(() => int(-2, 2));
      const scales = shape.map(() => pick([1, 1, 2, -1]));
      const bounds: Bound[] = shape.map((_, d) => ({
        offset: moves[d],
        strides: shape.map((_, e) => (e === d ? scales[d] : 0)),
        size: own[d],
      }));
      sources.push({
        buffer: buffer(dtype, place.length),
        dtype,
        offset: place.offset + moves.reduce((sum, m, d) => sum + m * place.strides[d], 0),
        strides: place.strides.map((s, d) => s * scales[d]),
        bounds,
        indirect: [],
      });
    } else {
      const indirect =
        kind === 2 ? Array.from({ length: int(1, 2) }, () => ({ stride: int(1, 3), size: int(1, 5) })) : [];
      const more = indirect.reduce((sum, i) => sum + i.stride * (i.size - 1), 0);
      const place = layout(shape, false);
      const bounds =
        chance(20) && shape.length > 0
          ? [{ offset: int(-2, 2), strides: shape.map(() => int(-1, 1)), size: int(1, 6) }]
          : [];
      sources.push({
        buffer: buffer(dtype, place.length + more),
        dtype,
        offset: place.offset,
        strides: place.strides,
        bounds,
        indirect,
      });
    }
  };
  const pointSources = int(1, 3);
  for (let i = 0; i < pointSources; i++) addSource(dims, pick(DTYPES));
  const rowSources = int(0, 2);
  for (let i = 0; i < rowSources; i++) addSource(rows, pick(DTYPES));

  const accs: { stage: number; type: Scalar }[] = [];
  const cast = (type: Scalar, e: Expr): Expr => {
    if (e.type === type) return e;
    // Only small integers become f32, so that sums and products of a few of them are exact.
    const small = type === "f32" && (e.type === "i32" || e.type === "u32");
    return expr("cast", type, [small ? expr("and", e.type, [e, expr("const", e.type, [], 255)]) : e]);
  };
  const move = (rank: number): Expr =>
    rank > 0 && chance(70)
      ? expr("sub", "i32", [expr("index", "i32", [], int(0, rank - 1)), expr("const", "i32", [], int(0, 3))])
      : expr("const", "i32", [], int(-1, 5));
  const leaf = (type: Scalar, perRow: boolean): Expr => {
    const choice = int(1, 10);
    const rank = perRow ? rows.length : dims.length;
    if (choice <= 5) {
      const first = perRow ? pointSources : 0;
      const usable = sources.length - first;
      if (usable > 0) {
        const s = first + int(0, usable - 1);
        const { dtype, indirect } = sources[s];
        const moves = indirect.map(() => move(rank));
        return cast(
          type,
          moves.length > 0 ? expr("loadAt", scalarOf(dtype), moves, s) : expr("load", scalarOf(dtype), [], s),
        );
      }
    }
    if (choice === 6 && rank > 0) return cast(type, expr("index", "i32", [], int(0, rank - 1)));
    if (choice === 7) {
      const scalar = pick(SCALARS);
      return cast(type, expr("uniform", scalar, [], scalar === "f32" ? 1 : int(0, 2)));
    }
    if (choice === 8) {
      const first = perRow ? pointSources : 0;
      if (sources.length > first)
        return cast(type, expr("inside", "bool", [], first + int(0, sources.length - first - 1)));
    }
    if (choice === 9 && accs.length > 0) {
      const acc = pick(accs);
      return cast(type, expr("acc", acc.type, [], acc.stage));
    }
    if (type === "bool") return expr("const", "bool", [], int(0, 1));
    return expr(
      "const",
      type,
      [],
      type === "f32" ? int(-6, 6) / 2 : type === "i32" ? pick([0, 1, 3, -7, 70000]) : pick([0, 5, 0xd2511f53]),
    );
  };
  const tree = (type: Scalar, perRow: boolean, depth: number): Expr => {
    const sub = (t: Scalar): Expr => tree(t, perRow, depth - 1);
    if (depth === 0) return leaf(type, perRow);
    switch (int(1, 8)) {
      case 1:
        return expr(pick(ONE[type]), type, [sub(type)]);
      case 2:
      case 3:
        return expr(pick(TWO[type]), type, [sub(type), sub(type)]);
      case 4: {
        const t = pick(SCALARS);
        return cast(type, expr(pick(["lt", "le", "eq", "ne"] as const), "bool", [sub(t), sub(t)]));
      }
      case 5:
        return expr("where", type, [sub("bool"), sub(type), sub(type)]);
      case 6:
        return cast(type, sub(pick(SCALARS)));
      case 7:
        return type === "f32" ? expr("mul", "f32", [leaf("f32", perRow), sub("f32")]) : sub(type);
      default: {
        const shared = sub(type);
        return expr(pick(TWO[type].slice(0, 2)), type, [shared, shared]);
      }
    }
  };

  const stages: Stage[] = [];
  const store = (per: "row" | "point"): void => {
    const dtype = pick(DTYPES);
    const shape = per === "row" ? rows : dims;
    const place = layout(shape, true);
    const target: Access = {
      buffer: buffer(dtype, place.length),
      dtype,
      offset: place.offset,
      strides: [...place.strides, ...(per === "row" ? inner.map(() => 0) : [])],
      bounds: [],
      indirect: [],
    };
    stages.push({ kind: "store", per, target, value: tree(scalarOf(dtype), per === "row", int(0, 3)) });
  };
  if (reduces) {
    for (let i = int(1, 2); i > 0; i--) {
      const op = pick(["sum", "max", "min", "prod"] as const satisfies ReduceOp[]);
      const type = pick(["f32", "f32", "i32", "u32"] as const);
      const value = tree(type, false, int(0, 2));
      // Products are kept exact: their factors are 1 and 2, or −1 where so many twos would overflow f32 but not f64.
      const two = expr("const", type, [], 2);
      const many = type === "f32" && inner.reduce((a, b) => a * b, 1) > 100;
      const other = many ? expr("const", type, [], -1) : two;
      const factor = expr("where", type, [expr("lt", "bool", [value, two]), expr("const", type, [], 1), other]);
      stages.push({ kind: "reduce", op, type, value: op === "prod" ? factor : value });
      if (op !== "sum" || type !== "f32") accs.push({ stage: stages.length - 1, type });
      if (chance(50)) store(pick(["row", "point"] as const));
      accs.push({ stage: stages.length - 1, type });
      if (stages[stages.length - 1].kind === "store") accs.pop();
    }
    for (let i = int(1, 2); i > 0; i--) store(pick(["row", "point"] as const));
  } else {
    for (let i = int(1, 2); i > 0; i--) store("point");
  }
  const kernel: LoopKernel = {
    kind: "loop",
    name: "random",
    rows,
    inner,
    sources: sources.map((s) => ({
      ...s,
      strides: dims.map((_, d) => s.strides[d] ?? 0),
      bounds: s.bounds.map((b) => ({ ...b, strides: dims.map((_, d) => b.strides[d] ?? 0) })),
    })),
    stages,
  };
  return { kernel, buffers, uniforms: Uint32Array.of(3, 0x40200000, 0xfffffff0) };
}

export const copy = (buffers: readonly TypedArray[]): TypedArray[] => buffers.map((b) => b.slice() as TypedArray);

/** What the kernel wrote, as numbers: NaN is NaN whatever its bits, and the sign of 0 does not count. */
export function written(kernel: LoopKernel, buffers: readonly TypedArray[]): number[][] {
  const targets = kernel.stages.flatMap((s) => (s.kind === "store" ? [s.target] : []));
  return targets.map(({ buffer, dtype }) =>
    Array.from({ length: buffers[buffer].length }, (_, i) => {
      const x = Number(buffers[buffer][i]);
      return (dtype === "float16" ? float16ToNumber(x) : x) + 0;
    }),
  );
}
