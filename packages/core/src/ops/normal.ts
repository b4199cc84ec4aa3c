/** Operators composed of others: softmax, norms, repetition, triangles. */

import type { ComputeDType } from "../dtype.js";
import { ArgumentError } from "../errors.js";
import { type Expr, scalarOf } from "../expr.js";
import type { Node } from "../node.js";
import { along, constant, uniform } from "./create.js";
import { customVjp } from "./custom.js";
import { cat, positions, scatterAdd } from "./index.js";
import { convert, elementwise, map } from "./map.js";
import { dimOf, expand, reshape, slice } from "./movement.js";
import { finiteOrZero, reduce, spread } from "./reduce.js";
import * as S from "./scalar.js";

/** The same value as a new one. */
export const copy = (x: Node): Node => map("clone", S.arg(0, scalarOf(x.computeDType)), [x], x.computeDType);

/** x·factor + offset. */
export const scale = (x: Node, factor: number, offset: number, dtype: ComputeDType): Node =>
  convert(elementwise("add", elementwise("mul", x, uniform(factor, "float32")), uniform(offset, "float32")), dtype);

const floats = (x: Node): Node => (x.dtype === "float32" || x.dtype === "float16" ? x : convert(x, "float32"));

/** e^x / Σ e^x along `axis`; the gradient is y·(g − Σ g·y). */
export function softmax(input: Node, axis: number): Node {
  const x = floats(input);
  if (x.numel === 0) return x;
  if (x.shape.length === 0) return elementwise("exp", elementwise("sub", x, x));
  const axes = [axis];
  const e = elementwise("exp", elementwise("sub", x, spread(reduce(x, "max", axes), axes, x.shape)));
  const y = elementwise("div", e, spread(reduce(e, "sum", axes), axes, x.shape));
  return customVjp(y, [x], (g, self) => {
    const weighted = elementwise("mul", g, self);
    return [
      elementwise("sub", weighted, elementwise("mul", self, spread(reduce(weighted, "sum", axes), axes, x.shape))),
    ];
  });
}

/** x − log Σ e^x along `axis`; the gradient is g − e^y·Σ g. */
export function logSoftmax(input: Node, axis: number): Node {
  const x = floats(input);
  if (x.numel === 0) return x;
  if (x.shape.length === 0) return elementwise("sub", x, x);
  const axes = [axis];
  const shifted = elementwise("sub", x, spread(finiteOrZero(reduce(x, "max", axes)), axes, x.shape));
  const total = elementwise("log", reduce(elementwise("exp", shifted), "sum", axes));
  const y = elementwise("sub", shifted, spread(total, axes, x.shape));
  return customVjp(y, [x], (g, self) => [
    elementwise("sub", g, elementwise("mul", elementwise("exp", self), spread(reduce(g, "sum", axes), axes, x.shape))),
  ]);
}

/** (Σ |x|^p)^(1/p); p may be infinite. */
export function norm(x: Node, p: number, axes: readonly number[]): Node {
  const a = elementwise("abs", x);
  if (p === Infinity) return reduce(a, "max", axes);
  if (p === -Infinity) return reduce(a, "min", axes);
  if (p === 0) return reduce(convert(elementwise("ne", x, constant(0, x.dtype)), "float32"), "sum", axes);
  if (p === 1) return reduce(a, "sum", axes);
  if (p === 2) {
    // At zero torch gives the subgradient 0.
    const y = elementwise("sqrt", reduce(elementwise("square", x), "sum", axes));
    return customVjp(y, [x], (g, self) => {
      const [u, v] = [S.arg(0, "f32"), S.arg(1, "f32")];
      const ratio = map("normGrad", S.where(S.eq(v, S.c(0)), S.c(0), S.div(u, v)), [g, self], "float32");
      return [elementwise("mul", x, spread(ratio, axes, x.shape))];
    });
  }
  const sum = reduce(elementwise("pow", a, uniform(p, "float32")), "sum", axes);
  return elementwise("pow", sum, uniform(1 / p, "float32"));
}

/** The tensor tiled times[i] times along each dimension; new dimensions in front, as torch.Tensor.repeat. */
export function repeat(x: Node, times: readonly number[]): Node {
  const lead = times.length - x.shape.length;
  if (lead < 0) throw new ArgumentError(`repeat: ${times.length} counts for a tensor of shape [${x.shape}]`);
  const shape = [...new Array<number>(lead).fill(1), ...x.shape];
  const wide = expand(
    reshape(
      x,
      shape.flatMap((d) => [1, d]),
    ),
    shape.flatMap((d, i) => [times[i], d]),
  );
  return reshape(
    wide,
    shape.map((d, i) => d * times[i]),
  );
}

/** Every element `times` times in a row along `dim`. */
export function repeatInterleave(x: Node, times: number, dim: number): Node {
  const at = [...x.shape.slice(0, dim + 1), 1, ...x.shape.slice(dim + 1)];
  const wide = expand(
    reshape(x, at),
    at.map((d, i) => (i === dim + 1 ? times : d)),
  );
  return reshape(
    wide,
    x.shape.map((d, i) => (i === dim ? d * times : d)),
  );
}

/** Elements moved along dimensions, those that fall out come back in front. */
export function roll(x: Node, shifts: readonly number[], dims: readonly number[]): Node {
  if (shifts.length !== dims.length)
    throw new ArgumentError(`roll: ${shifts.length} shifts for ${dims.length} dimensions`);
  return dims.reduce((y, dim, i) => {
    const d = dimOf("roll", dim, x.shape.length);
    const n = x.shape[d];
    const by = n === 0 ? 0 : ((shifts[i] % n) + n) % n;
    if (by === 0) return y;
    const ones = y.shape.map(() => 1);
    const part = (from: number, count: number): Node =>
      slice(
        y,
        y.shape.map((_, j) => (j === d ? from : 0)),
        y.shape.map((s, j) => (j === d ? count : s)),
        ones,
      );
    return cat([part(n - by, by), part(0, n - by)], d);
  }, x);
}

/** The lower (or upper) triangle of the last two dimensions, zeros elsewhere. */
export function triangle(x: Node, diagonal: number, lower: boolean): Node {
  const r = x.shape.length;
  if (r < 2) throw new ArgumentError(`tril/triu: expected at least two dimensions, got shape [${x.shape}]`);
  const type = scalarOf(x.computeDType);
  const [i, j] = [S.arg(1, "i32"), S.arg(2, "i32")];
  const offset = S.sub(j, i);
  const k = S.c(diagonal, "i32");
  const inside: Expr = lower ? S.le(offset, k) : S.ge(offset, k);
  return map(
    lower ? "tril" : "triu",
    S.where(inside, S.arg(0, type), S.c(0, type)),
    [x, along(x.shape, r - 2), along(x.shape, r - 1)],
    x.computeDType,
  );
}

/** x with rows of `source` added at positions `index` (1-d) of `dim`. As torch.index_add. */
export function indexAdd(x: Node, dim: number, index: Node, source: Node): Node {
  const d = dimOf("indexAdd", dim, x.shape.length);
  const at = reshape(
    positions("indexAdd", index, x.shape[d]),
    source.shape.map((_, i) => (i === d ? index.numel : 1)),
  );
  return scatterAdd(x, d, expand(at, source.shape), source);
}
