/** Overlap-add: the adjoint of `unfold`, from which gradients of pooling and of unfolding are made. */

import { noGrad } from "../context.js";
import type { Node } from "../node.js";
import { constant, fill, iota } from "./create.js";
import { customVjp } from "./custom.js";
import { cat, gather } from "./index.js";
import { elementwise, map } from "./map.js";
import { expand, pad, reshape, slice, sliceDim, unfold } from "./movement.js";
import { reduce } from "./reduce.js";
import * as S from "./scalar.js";

/** For rows 0…length−1 and places 0…size−1 in a window: which window, (row − dilation·place) / step, and whether there is one. */
function windowOf(
  length: number,
  count: number,
  size: number,
  step: number,
  dilation: number,
): { index: Node; valid: Node } {
  const row = expand(reshape(iota(length), [length, 1]), [length, size]);
  const place = expand(reshape(iota(size), [1, size]), [length, size]);
  const offset = S.sub(S.arg(0, "i32"), S.mul(S.arg(1, "i32"), S.c(dilation, "i32")));
  const window = step === 1 ? offset : S.idiv(offset, S.c(step, "i32"));
  const whole =
    step === 1
      ? S.ge(offset, S.c(0, "i32"))
      : S.and(S.ge(offset, S.c(0, "i32")), S.eq(S.mul(window, S.c(step, "i32")), offset));
  const hit = S.and(whole, S.lt(window, S.c(count, "i32")));
  return { index: map("window", window, [row, place], "int32"), valid: map("window", hit, [row, place], "bool") };
}

/**
 * `x` holds windows: their positions in dimensions `dims` and their elements in the last dimensions, in the order of
 * `dims`. Elements that belong to one place of the unfolded tensor are added up; it has `lengths` at `dims`.
 */
export function overlapAdd(
  x: Node,
  dims: readonly number[],
  lengths: readonly number[],
  steps: readonly number[],
  dilations: readonly number[],
): Node {
  const rank = x.shape.length - dims.length;
  const sizes = dims.map((_, i) => x.shape[rank + i]);
  return customVjp(
    noGrad(() => addWindows(x, dims, sizes, lengths, steps, dilations)),
    [x],
    (g) => [unfoldAll(g, dims, sizes, steps, dilations)],
  );
}

/** Kernels and terms that `byPhases` may take. */
const MOST_PHASES = 16;
const MOST_TERMS = 32;

function addWindows(
  x: Node,
  dims: readonly number[],
  sizes: readonly number[],
  lengths: readonly number[],
  steps: readonly number[],
  dilations: readonly number[],
): Node {
  const phases = steps.reduce((n, s) => n * s, 1);
  const terms = sizes.reduce((n, s) => n * s, 1);
  return phases <= MOST_PHASES && terms <= MOST_TERMS
    ? byPhases(x, dims, sizes, lengths, steps, dilations)
    : byGather(x, dims, sizes, lengths, steps, dilations);
}

/** Every combination of one entry from each list. */
const combinations = <T>(lists: readonly (readonly T[])[]): T[][] =>
  lists.reduce<T[][]>((all, list) => all.flatMap((head) => list.map((v) => [...head, v])), [[]]);

/**
 * Places whose position leaves the same remainder modulo the step are covered by the same elements of windows, each
 * shifted by a whole number of windows: a sum of shifted slices for every remainder, then all interleaved.
 */
function byPhases(
  x: Node,
  dims: readonly number[],
  sizes: readonly number[],
  lengths: readonly number[],
  steps: readonly number[],
  dilations: readonly number[],
): Node {
  const outer = x.shape.slice(0, x.shape.length - dims.length);
  const counts = lengths.map((n, i) => Math.ceil(n / steps[i]));
  const shape = [...outer];
  dims.forEach((d, i) => {
    shape[d] = counts[i];
  });
  const covering = (phase: readonly number[]): Node => {
    const places = dims.map((_, i) =>
      Array.from({ length: sizes[i] }, (_, k) => k).filter((k) => (k * dilations[i]) % steps[i] === phase[i]),
    );
    const shifted = combinations(places).map((place) => {
      const ones = x.shape.map(() => 1);
      const start = [...outer.map(() => 0), ...place];
      const part = reshape(slice(x, start, [...outer, ...place.map(() => 1)], ones), outer);
      const before = outer.map(() => 0);
      dims.forEach((d, i) => {
        before[d] = Math.floor((place[i] * dilations[i]) / steps[i]);
      });
      return pad(
        part,
        before,
        shape.map((n, d) => n - before[d] - outer[d]),
        0,
      );
    });
    if (shifted.length === 0) return fill(shape, constant(0, x.dtype));
    return shifted.reduce((a, b) => elementwise("add", a, b));
  };
  // Innermost dimension first: remainders side by side behind their dimension.
  const interleave = (phase: readonly number[]): Node => {
    const i = phase.length;
    if (i === dims.length) return reshape(covering(phase), spread(shape, dims));
    const all = Array.from({ length: steps[i] }, (_, r) => interleave([...phase, r]));
    return cat(all, dims[i] + i + 1);
  };
  const whole = reshape(
    interleave([]),
    shape.map((n, d) => (dims.includes(d) ? n * steps[dims.indexOf(d)] : n)),
  );
  return dims.reduce((y, d, i) => sliceDim(y, d, 0, lengths[i], 1), whole);
}

/** A dimension of size 1 after each of `dims` (ascending). */
const spread = (shape: readonly number[], dims: readonly number[]): number[] =>
  shape.flatMap((n, d) => (dims.includes(d) ? [n, 1] : [n]));

/** Looks up, for each place, which windows cover it. */
function byGather(
  x: Node,
  dims: readonly number[],
  sizes: readonly number[],
  lengths: readonly number[],
  steps: readonly number[],
  dilations: readonly number[],
): Node {
  const rank = x.shape.length - dims.length;
  const shape = [...x.shape];
  let y = x;
  const valid: Node[] = [];
  dims.forEach((d, i) => {
    const k = rank + i;
    const w = windowOf(lengths[i], x.shape[d], sizes[i], steps[i], dilations[i]);
    shape[d] = lengths[i];
    const at = shape.map((n, j) => (j === d || j === k ? n : 1));
    y = gather(y, d, expand(reshape(w.index, at), shape));
    valid.push(reshape(w.valid, at));
  });
  const mask = expand(
    valid.reduce((a, b) => elementwise("logicalAnd", a, b)),
    shape,
  );
  const kept = map("overlapAdd", S.where(S.arg(0, "bool"), S.arg(1, "f32"), S.c(0)), [mask, y], x.computeDType);
  return reduce(
    kept,
    "sum",
    dims.map((_, i) => rank + i),
  );
}

/** `unfold` of several dimensions, window dimensions last in their order. */
export const unfoldAll = (
  x: Node,
  dims: readonly number[],
  sizes: readonly number[],
  steps: readonly number[],
  dilations: readonly number[],
): Node => dims.reduce((u, d, i) => unfold(u, d, sizes[i], steps[i], dilations[i]), x);
