/** Overlap-add: the adjoint of `unfold`, from which gradients of pooling and of unfolding are made. */

import { noGrad } from "../context.js";
import type { Node } from "../node.js";
import { along, constant, fill } from "./create.js";
import { customVjp } from "./custom.js";
import { cat, gather } from "./index.js";
import { elementwise, map } from "./map.js";
import { expand, pad, permute, reshape, slice, sliceDim, unfold } from "./movement.js";
import { reduce } from "./reduce.js";
import * as S from "./scalar.js";

/** The windows of one dimension of a tensor: where they stand, what they were taken of, and how. */
export interface Windows {
  /** Dimension of their positions. */
  readonly dim: number;
  /** Size of the dimension that they are taken of. */
  readonly length: number;
  readonly step: number;
  readonly dilation: number;
}

/** Windows with the number of their elements. */
interface Sized extends Windows {
  readonly size: number;
}

/** Kernels and terms that `byPhases` may take. */
const MOST_PHASES = 16;
const MOST_TERMS = 32;

/**
 * `x` holds windows of some dimensions (ascending); their elements stand in the last dimensions, in the same order.
 * Elements that belong to one place of the unfolded tensor are added up; each `dim` then has its `length`.
 */
export function overlapAdd(x: Node, windows: readonly Windows[]): Node {
  const rank = x.shape.length - windows.length;
  const all = windows.map((w, i): Sized => ({ ...w, size: x.shape[rank + i] }));
  const phases = all.reduce((n, w) => n * w.step, 1);
  const terms = all.reduce((n, w) => n * w.size, 1);
  const few = phases <= MOST_PHASES && terms <= MOST_TERMS;
  const apart = all.every((w) => w.step === w.size && w.dilation === 1);
  return customVjp(
    noGrad(() => (apart ? sideBySide(x, all) : few ? byPhases(x, all) : byGather(x, all))),
    [x],
    (g) => [all.reduce((u, w) => unfold(u, w.dim, w.size, w.step, w.dilation), g)],
  );
}

/** Windows that touch and do not overlap: their elements in another order, and zeros where there is no window. */
function sideBySide(x: Node, windows: readonly Sized[]): Node {
  const rank = x.shape.length - windows.length;
  const outer = x.shape.slice(0, rank);
  const elements = new Map(windows.map((w, i) => [w.dim, rank + i]));
  const order = outer.flatMap((_, d) => [d, ...(elements.has(d) ? [elements.get(d)!] : [])]);
  const joined = outer.map((n, d) => n * (elements.has(d) ? x.shape[elements.get(d)!] : 1));
  const after = outer.map(() => 0);
  for (const w of windows) after[w.dim] = w.length - joined[w.dim];
  const before = outer.map(() => 0);
  return pad(reshape(permute(x, order), joined), before, after, 0);
}

/** Every combination of one entry from each list. */
const combinations = <T>(lists: readonly (readonly T[])[]): T[][] =>
  lists.reduce<T[][]>((all, list) => all.flatMap((head) => list.map((v) => [...head, v])), [[]]);

/**
 * Places whose position leaves the same remainder modulo the step are covered by the same elements of windows, each
 * shifted by a whole number of windows: a sum of shifted slices for every remainder, then all interleaved.
 */
function byPhases(x: Node, windows: readonly Sized[]): Node {
  const outer = x.shape.slice(0, x.shape.length - windows.length);
  const shape = [...outer];
  for (const w of windows) shape[w.dim] = Math.ceil(w.length / w.step);
  const covering = (phase: readonly number[]): Node => {
    const places = windows.map((w, i) =>
      Array.from({ length: w.size }, (_, k) => k).filter((k) => (k * w.dilation) % w.step === phase[i]),
    );
    const shifted = combinations(places).map((place) => {
      const ones = x.shape.map(() => 1);
      const start = [...outer.map(() => 0), ...place];
      const part = reshape(slice(x, start, [...outer, ...place.map(() => 1)], ones), outer);
      const before = outer.map(() => 0);
      windows.forEach((w, i) => {
        before[w.dim] = Math.floor((place[i] * w.dilation) / w.step);
      });
      const after = shape.map((n, d) => n - before[d] - outer[d]);
      return pad(part, before, after, 0);
    });
    if (shifted.length === 0) return fill(shape, constant(0, x.dtype));
    return shifted.reduce((a, b) => elementwise("add", a, b));
  };
  // A dimension of size 1 behind each that has windows takes the remainders, innermost first.
  const stepOf = new Map(windows.map((w) => [w.dim, w.step]));
  const interleave = (phase: readonly number[]): Node => {
    const i = phase.length;
    if (i === windows.length)
      return reshape(
        covering(phase),
        shape.flatMap((n, d) => (stepOf.has(d) ? [n, 1] : [n])),
      );
    const all = Array.from({ length: windows[i].step }, (_, r) => interleave([...phase, r]));
    return cat(all, windows[i].dim + i + 1);
  };
  const whole = reshape(
    interleave([]),
    shape.map((n, d) => n * (stepOf.get(d) ?? 1)),
  );
  return windows.reduce((y, w) => sliceDim(y, w.dim, 0, w.length, 1), whole);
}

/** For each row and each place in a window: which of `count` windows it is, (row − dilation·place) / step, and whether
 *  there is one. */
function windowOf({ length, size, step, dilation }: Sized, count: number): { index: Node; valid: Node } {
  const grid = [along([length, size], 0), along([length, size], 1)];
  const offset = S.sub(S.arg(0, "i32"), S.mul(S.arg(1, "i32"), S.c(dilation, "i32")));
  const window = step === 1 ? offset : S.idiv(offset, S.c(step, "i32"));
  const forward = S.ge(offset, S.c(0, "i32"));
  const whole = step === 1 ? forward : S.and(forward, S.eq(S.mul(window, S.c(step, "i32")), offset));
  const hit = S.and(whole, S.lt(window, S.c(count, "i32")));
  return { index: map("window", window, grid, "int32"), valid: map("window", hit, grid, "bool") };
}

/** Looks up, for each place, which windows cover it. */
function byGather(x: Node, windows: readonly Sized[]): Node {
  const rank = x.shape.length - windows.length;
  const shape = [...x.shape];
  let y = x;
  const valid: Node[] = [];
  windows.forEach((w, i) => {
    const found = windowOf(w, x.shape[w.dim]);
    shape[w.dim] = w.length;
    const at = shape.map((n, d) => (d === w.dim || d === rank + i ? n : 1));
    y = gather(y, w.dim, expand(reshape(found.index, at), shape));
    valid.push(reshape(found.valid, at));
  });
  const all = valid.reduce((a, b) => elementwise("logicalAnd", a, b));
  const kept = S.where(S.arg(0, "bool"), S.arg(1, "f32"), S.c(0));
  const covered = map("overlapAdd", kept, [expand(all, shape), y], x.computeDType);
  return reduce(
    covered,
    "sum",
    windows.map((_, i) => rank + i),
  );
}
