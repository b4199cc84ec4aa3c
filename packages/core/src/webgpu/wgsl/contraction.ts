/**
 * The one problem that matmul and the three convolutions are turned into:
 *
 *     C[batch, m, n] = Σk A[batch, m, k] · B[batch, k, n]
 *
 * Each of the four axes is made of digits (the n axis of a convolution is image, row and column), and everything that
 * is read or written is an access with strides over the digits. Padding is a bound like any other.
 */

import { type Expr, expr, mapLeaves, postorder } from "../../expr.js";
import type { Access, Bound, Epilogue } from "../../kernel.js";

export type AxisName = "batch" | "m" | "n" | "k";

/** Digits of an axis stand together, the outermost first. */
export interface Digit {
  readonly axis: AxisName;
  readonly size: number;
}

/** An affine function of the digits' positions. */
export interface Form {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** The position along one dimension of a tensor. With `size`, it may lie outside of [0, size), where the tensor is 0. */
export interface Position extends Form {
  readonly size?: number;
}

export interface Contraction {
  readonly name: string;
  readonly digits: readonly Digit[];
  readonly a: Access;
  readonly b: Access;
  readonly epilogue: Epilogue;
}

/** A contraction in the terms of a kernel: accesses over dimensions of tensors, and where those are for given digits. */
export interface ContractionSpec extends Contraction {
  readonly aAt: readonly Position[];
  readonly bAt: readonly Position[];
  readonly outputAt: readonly Form[];
}

/** Makes forms over `rank` digits: form(offset, [digit, stride], …). */
export const formsOver =
  (rank: number) =>
  (offset: number, ...terms: readonly (readonly [digit: number, stride: number])[]): Form => {
    const strides = new Array<number>(rank).fill(0);
    for (const [digit, stride] of terms) strides[digit] += stride;
    return { offset, strides };
  };

/** The number of positions of an axis. */
export const sizeOf = ({ digits }: Contraction, axis: AxisName): number =>
  digits.reduce((size, digit) => (digit.axis === axis ? size * digit.size : size), 1);

/** The contraction over as few digits as can be: those of one position are left out, neighbours that all accesses
 *  walk as one are joined. */
export function contract(spec: ContractionSpec): Contraction {
  const { digits, epilogue, outputAt } = spec;
  const over = (access: Access, at: readonly Position[]): Access => dropBounds(substitute(access, at), digits);
  const whole: Merged = {
    digits,
    accesses: [over(spec.a, spec.aAt), over(spec.b, spec.bAt), over(epilogue.target, outputAt)].concat(
      epilogue.sources.map((source) => over(source, outputAt)),
    ),
    positions: outputAt,
  };
  const used = new Set(postorder([epilogue.value]).flatMap((e) => (e.op === "index" ? [e.value] : [])));
  const merged = mergeDigits(whole, used);
  const [a, b, target, ...sources] = merged.accesses;
  const value = mapLeaves(epilogue.value, (e) => (e.op === "index" ? positionOf(merged.positions[e.value]) : e));
  return { name: spec.name, digits: merged.digits, a, b, epilogue: { sources, value, target } };
}

/** The contraction with A and B, m and n exchanged. */
export function exchange({ name, digits, a, b, epilogue }: Contraction): Contraction {
  const ofAxis = (axis: AxisName): number[] => digits.flatMap((d, i) => (d.axis === axis ? [i] : []));
  const order = [...ofAxis("batch"), ...ofAxis("n"), ...ofAxis("m"), ...ofAxis("k")];
  const moved = reorder({ name, digits, a: b, b: a, epilogue }, order);
  const other = { batch: "batch", m: "n", n: "m", k: "k" } as const;
  return { ...moved, digits: moved.digits.map(({ axis, size }) => ({ axis: other[axis], size })) };
}

/** The contraction with its digits in another order; `order[i]` is the digit that comes to stand at i. */
export function reorder({ name, digits, a, b, epilogue }: Contraction, order: readonly number[]): Contraction {
  const moved = <F extends { readonly strides: readonly number[] }>(form: F): F => ({
    ...form,
    strides: order.map((d) => form.strides[d]),
  });
  const access = (x: Access): Access => ({ ...moved(x), bounds: x.bounds.map(moved) });
  const value = mapLeaves(epilogue.value, (e) =>
    e.op === "index" ? expr("index", "i32", [], order.indexOf(e.value)) : e,
  );
  return {
    name,
    digits: order.map((d) => digits[d]),
    a: access(a),
    b: access(b),
    epilogue: { sources: epilogue.sources.map(access), value, target: access(epilogue.target) },
  };
}

/** An access to a tensor as one over the digits. */
function substitute(access: Access, at: readonly Position[]): Access {
  const over = <F extends Form>(form: F): F => ({
    ...form,
    offset: at.reduce((sum, { offset }, i) => sum + form.strides[i] * offset, form.offset),
    strides: (at[0]?.strides ?? []).map((_, d) => at.reduce((sum, p, i) => sum + form.strides[i] * p.strides[d], 0)),
  });
  const padding = at.flatMap(({ offset, strides, size }): Bound[] =>
    size === undefined ? [] : [{ offset, strides, size }],
  );
  return { ...over(access), bounds: [...access.bounds.map(over), ...padding] };
}

/** The access without the bounds that hold at every position. */
const dropBounds = (access: Access, digits: readonly Digit[]): Access => ({
  ...access,
  bounds: access.bounds.filter(({ offset, strides, size }) => {
    const reach = (sign: 1 | -1): number =>
      strides.reduce((sum, s, d) => sum + (s * sign > 0 ? s * (digits[d].size - 1) : 0), offset);
    return reach(-1) < 0 || reach(1) >= size;
  }),
});

interface Merged {
  readonly digits: readonly Digit[];
  readonly accesses: readonly Access[];
  readonly positions: readonly Form[];
}

function mergeDigits({ digits, accesses, positions }: Merged, used: ReadonlySet<number>): Merged {
  const forms = [...accesses, ...accesses.flatMap(({ bounds }) => bounds), ...positions.filter((_, i) => used.has(i))];
  /** Merged digits: the original digits that each consists of, outermost first. */
  const runs: number[][] = [];
  digits.forEach(({ axis, size }, d) => {
    if (size === 1) return;
    const last = runs.at(-1)?.at(-1);
    const joins =
      last !== undefined &&
      digits[last].axis === axis &&
      forms.every(({ strides }) => strides[last] === size * strides[d]);
    if (joins) runs.at(-1)!.push(d);
    else runs.push([d]);
  });
  const merge = <F extends { readonly strides: readonly number[] }>(form: F): F => ({
    ...form,
    strides: runs.map((run) => form.strides[run.at(-1)!]),
  });
  return {
    digits: runs.map((run) => ({
      axis: digits[run[0]].axis,
      size: run.reduce((size, d) => size * digits[d].size, 1),
    })),
    accesses: accesses.map((access) => ({ ...merge(access), bounds: access.bounds.map(merge) })),
    positions: positions.map(merge),
  };
}

/** A position along a dimension of the output as an expression of the digits. */
function positionOf({ offset, strides }: Form): Expr {
  const constant = (x: number): Expr => expr("const", "i32", [], x);
  const terms = strides.flatMap((stride, d) => {
    const digit = expr("index", "i32", [], d);
    return stride === 0 ? [] : [stride === 1 ? digit : expr("mul", "i32", [digit, constant(stride)])];
  });
  if (offset !== 0 || terms.length === 0) terms.push(constant(offset));
  return terms.reduce((sum, term) => expr("add", "i32", [sum, term]));
}
