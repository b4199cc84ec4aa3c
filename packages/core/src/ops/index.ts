/** Operators that move elements by computed positions: gather, scatter, concatenation, sorting, running sums. */

import { isInteger } from "../dtype.js";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { scalarOf } from "../expr.js";
import type { Node } from "../node.js";
import { along, constant, fill, hostLeaf } from "./create.js";
import { computing, make } from "./make.js";
import { convert, elementwise, map, resultDType } from "./map.js";
import { dimOf, expand, head, permute, reshape } from "./movement.js";
import { reduce } from "./reduce.js";
import * as S from "./scalar.js";

const HOST_INTEGERS = new Set(["int64", "int16", "int8", "uint16", "uint32", "uint64"]);

/** An integer tensor as int32 positions below `size`, which is checked where the tensor is on the host; integer types that
 *  only the host keeps are converted there. */
export function positions(op: string, index: Node, size: number): Node {
  if (!isInteger(index.dtype)) throw new DTypeError(`${op}: an index must be of an integer dtype, got ${index.dtype}`);
  const host = index.realized ? (index.storage?.host as ArrayLike<number | bigint> | null | undefined) : null;
  if (host)
    for (let i = 0; i < host.length; i++)
      if (Number(host[i]) < 0 || Number(host[i]) >= size)
        throw new ArgumentError(
          `${op}: index ${host[i]} (at position ${i}) is out of range for a dimension of size ${size}`,
        );
  if (!HOST_INTEGERS.has(index.dtype)) return convert(index, "int32");
  if (!host)
    throw new DTypeError(`${op}: an index of dtype ${index.dtype} must be on the host; convert it with to("int32")`);
  return hostLeaf(Int32Array.from(host, Number), index.shape, "int32");
}

/** out[…i…] = x[… index[…i…] …] along `dim`. As torch.gather. Positions that were computed are not checked: the device
 *  clamps them into range. */
export function gather(x: Node, dim: number, index: Node): Node {
  computing("gather", x);
  const d = dimOf("gather", dim, x.shape.length);
  const at = positions("gather", index, x.shape[d]);
  if (at.shape.length !== x.shape.length || at.shape.some((n, i) => i !== d && n > x.shape[i]))
    throw new ShapeError(
      `gather: an index of shape [${at.shape}] does not fit shape [${x.shape}] outside of dimension ${d}`,
    );
  if (x.shape[d] === 0 && at.numel > 0)
    throw new ArgumentError(`gather: dimension ${d} of shape [${x.shape}] is empty`);
  const fit = head(
    x,
    x.shape.map((n, i) => (i === d ? n : at.shape[i])),
  );
  return make({ kind: "gather", dim: d }, `gather:${d}`, [fit, at], at.shape, x.dtype);
}

/** Rows `index` (1-d) of dimension `dim`. As torch.index_select. */
export function indexSelect(x: Node, dim: number, index: Node): Node {
  const d = dimOf("indexSelect", dim, x.shape.length);
  if (index.shape.length > 1)
    throw new ShapeError(`indexSelect: the index must have one dimension, got shape [${index.shape}]`);
  const n = index.numel;
  const shape = x.shape.map((s, i) => (i === d ? n : s));
  return gather(
    x,
    d,
    expand(
      reshape(
        positions("indexSelect", index, x.shape[d]),
        x.shape.map((_, i) => (i === d ? n : 1)),
      ),
      shape,
    ),
  );
}

/** For every place along dimension `d` (of `length`), all elements of `src` and whether `index` sends them there; they
 *  stand along `axis`. Reducing them in order makes results reproducible. */
function collect(length: number, d: number, index: Node, src: Node): { hits: Node; values: Node; axis: number } {
  // Dimensions: … length, n, … : which of the n sources goes to which of the places.
  const wide = [...index.shape.slice(0, d), length, ...index.shape.slice(d)];
  const lift = (x: Node): Node => expand(reshape(x, [...x.shape.slice(0, d), 1, ...x.shape.slice(d)]), wide);
  return { hits: elementwise("eq", lift(index), along(wide, d)), values: lift(src), axis: d + 1 };
}

/** x with src added at the positions index along `dim`. As torch.scatter_add; deterministic. */
export function scatterAdd(x: Node, dim: number, index: Node, src: Node): Node {
  const { d, at, from } = scatterArguments("scatterAdd", x, dim, index, src);
  const { hits, values, axis } = collect(x.shape[d], d, at, from);
  const type = scalarOf(from.computeDType);
  const pick = S.where(S.arg(0, "bool"), S.arg(1, type), S.c(0, type));
  const picked = map("pick", pick, [hits, values], from.computeDType);
  return elementwise("add", x, grow(reduce(picked, "sum", [axis]), x.shape));
}

/** x with the positions index along `dim` replaced by src; of several, the last wins. As torch.scatter. */
export function scatter(x: Node, dim: number, index: Node, src: Node): Node {
  const { d, at, from } = scatterArguments("scatter", x, dim, index, src);
  const { hits, axis } = collect(x.shape[d], d, at, from);
  const order = along(hits.shape, axis);
  const last = reduce(
    map("last", S.where(S.arg(0, "bool"), S.arg(1, "i32"), S.c(-1, "i32")), [hits, order], "int32"),
    "max",
    [axis],
  );
  const clamped = elementwise("maximum", last, constant(0, "int32"));
  const fresh = grow(gather(from, d, clamped), x.shape);
  const written = grow(elementwise("ge", last, constant(0, "int32")), x.shape);
  const type = scalarOf(x.computeDType);
  const [w, f, old] = [S.arg(0, "bool"), S.arg(1, type), S.arg(2, type)];
  return map("scatter", S.where(w, f, old), [written, fresh, x], x.computeDType);
}

/** Zeros (false) after the end of every dimension, up to `shape`. */
function grow(x: Node, shape: readonly number[]): Node {
  if (x.shape.every((n, i) => n === shape[i])) return x;
  const before = shape.map(() => 0);
  return make(
    { kind: "move", move: { type: "pad", before, value: 0 } },
    `pad:${before}:0:${shape}`,
    [x],
    shape,
    x.dtype,
  );
}

function scatterArguments(
  op: string,
  x: Node,
  dim: number,
  index: Node,
  src: Node,
): { d: number; at: Node; from: Node } {
  computing(op, x, src);
  const d = dimOf(op, dim, x.shape.length);
  const at = positions(op, index, x.shape[d]);
  const fits = at.shape.length === x.shape.length && src.shape.length === x.shape.length;
  if (!fits || at.shape.some((n, i) => n > src.shape[i] || (i !== d && n > x.shape[i])))
    throw new ShapeError(
      `${op}: index [${at.shape}] and source [${src.shape}] do not fit shape [${x.shape}] along dimension ${d}`,
    );
  return { d, at, from: head(convert(src, x.computeDType), at.shape) };
}

/** Tensors one after the other along `dim`. As torch.cat. */
export function cat(list: readonly Node[], dim: number): Node {
  if (list.length === 0) throw new ArgumentError("cat: expected at least one tensor, got an empty list");
  const rank = Math.max(...list.map((n) => n.shape.length));
  const parts = list.filter((n) => n.shape.length === rank);
  const d = dimOf("cat", dim, rank);
  computing("cat", ...list);
  for (const n of list)
    if (
      (n.shape.length !== rank && n.numel > 0) ||
      (n.shape.length === rank && n.shape.some((s, i) => i !== d && s !== parts[0].shape[i]))
    )
      throw new ShapeError(
        `cat: shapes ${list.map((m) => `[${m.shape}]`).join(", ")} differ outside of dimension ${d}`,
      );
  const dtype = resultDType(parts);
  const nodes = parts.filter((n) => n.shape[d] > 0).map((n) => convert(n, dtype));
  const shape = parts[0].shape.map((s, i) => (i === d ? parts.reduce((sum, n) => sum + n.shape[d], 0) : s));
  if (nodes.length === 0) return fill(shape, constant(0, dtype));
  if (nodes.length === 1) return nodes[0];
  return make({ kind: "cat", dim: d }, `cat:${d}`, nodes, shape, dtype);
}

/** Running sum along `dim`. As torch.cumsum; integers and booleans add up as int32. */
export function cumsum(x: Node, dim: number): Node {
  computing("cumsum", x);
  const d = dimOf("cumsum", dim, x.shape.length);
  if (x.shape.length === 0 || x.numel === 0) return x;
  const y = x.dtype === "float32" || x.dtype === "float16" ? convert(x, "float32") : convert(x, "int32");
  const last = toLast(y.shape.length, d);
  const moved = permute(y, last);
  return permute(make({ kind: "scan" }, "cumsum", [moved], moved.shape, y.dtype), last);
}

/** Positions (int32) that sort dimension `dim`, stable, the first `take`. NaN is the largest. */
export function argsort(x: Node, dim: number, descending: boolean, take?: number): Node {
  computing("sort", x);
  const d = dimOf("sort", dim, x.shape.length);
  if (x.shape.length === 0) return fill([], constant(0, "int32"));
  const n = take ?? x.shape[d];
  if (n < 0 || n > x.shape[d])
    throw new ArgumentError(`topk: k = ${n} is out of range for dimension ${d} of shape [${x.shape}]`);
  const last = toLast(x.shape.length, d);
  const moved = permute(
    x.dtype === "float32" || x.dtype === "int32" ? x : convert(x, x.dtype === "float16" ? "float32" : "int32"),
    last,
  );
  const shape = [...moved.shape.slice(0, -1), n];
  const sorted =
    moved.numel === 0 || n === 0
      ? fill(shape, constant(0, "int32"))
      : make({ kind: "sort", take: n, descending }, `sort:${n}:${descending}`, [moved], shape, "int32");
  return permute(sorted, last);
}

/** The permutation that swaps dimension d with the last; it is its own inverse. */
function toLast(rank: number, d: number): number[] {
  const order = Array.from({ length: rank }, (_, i) => i);
  order[d] = rank - 1;
  order[rank - 1] = d;
  return order;
}
