/** Elementwise nodes: broadcasting, promotion, and the table's rows applied to nodes. */

import { type ComputeDType, promote } from "../dtype.js";
import { ShapeError } from "../errors.js";
import { type Expr, mapLeaves, type Scalar, scalarOf } from "../expr.js";
import type { Node } from "../node.js";
import { ELEMENTWISE, type ElementwiseName, type Row } from "./elementwise.js";
import { computing, make } from "./make.js";
import { expand } from "./movement.js";
import * as S from "./scalar.js";

/** Shape of the result of broadcasting, as in torch and NumPy. */
export function broadcastShapes(op: string, ...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    shape.forEach((d, i) => {
      const j = rank - shape.length + i;
      if (d === out[j] || d === 1) return;
      if (out[j] !== 1)
        throw new ShapeError(
          `${op}: shapes ${shapes.map((s) => `[${s}]`).join(" and ")} do not broadcast: sizes ${out[j]} and ${d} of dimension ${j - rank} differ and neither is 1`,
        );
      out[j] = d;
    });
  }
  return out;
}

const DTYPE_OF = { f32: "float32", i32: "int32", u32: "int32", bool: "bool" } as const;

/** What a stored element of `dtype` gets from an expression: the right type, and uint8 wraps. */
const storable = (e: Expr, dtype: ComputeDType): Expr =>
  dtype === "uint8" ? S.and(S.cast(e, "i32"), S.c(255, "i32")) : S.cast(e, scalarOf(dtype));

/** A node that computes `value` of its inputs' elements (`arg` i is input i). The inputs have the shape of the result. */
export function map(
  name: string,
  value: Expr,
  inputs: readonly Node[],
  dtype: ComputeDType,
  partials?: readonly (Expr | null)[],
): Node {
  const expr = storable(value, dtype);
  return make({ kind: "map", name, expr, partials }, `${name}:${expr.id}:${dtype}`, inputs, inputs[0].shape, dtype);
}

/** `map` without the inputs that the expression does not read. At least one input must be read. */
export function mapUsed(name: string, value: Expr, inputs: readonly Node[], dtype: ComputeDType): Node {
  const used: number[] = [];
  const e = mapLeaves(value, (l) => {
    if (l.op !== "arg") return l;
    if (!used.includes(l.value)) used.push(l.value);
    return S.arg(used.indexOf(l.value), l.type);
  });
  return map(
    name,
    e,
    used.map((i) => inputs[i]),
    dtype,
  );
}

/** Rows made concrete for operand types. */
const concrete = new Map<string, { value: Expr; partials?: (Expr | null)[] }>();

function concretize(
  name: ElementwiseName,
  types: readonly Scalar[],
  work: Scalar,
): { value: Expr; partials?: (Expr | null)[] } {
  const id = `${name}:${types}:${work}`;
  let made = concrete.get(id);
  if (!made) {
    const row: Row = ELEMENTWISE[name];
    // The condition of where is not one of its values.
    const args = types.map((t, i) => (name === "where" && i === 0 ? S.arg(i, t) : S.cast(S.arg(i, t), work)));
    const value = row.value(...args);
    const y = S.arg(types.length, value.type);
    made = { value, partials: row.partials?.map((p) => p?.(args, y) ?? null) };
    concrete.set(id, made);
  }
  return made;
}

const category = (d: ComputeDType): number => (d === "bool" ? 0 : d === "float32" || d === "float16" ? 2 : 1);

/** The dtype in which operands meet: that of the tensors with dimensions, unless a scalar is of a higher kind. */
export function resultDType(nodes: readonly Node[]): ComputeDType {
  const wide = nodes.some((n) => n.shape.length > 0) ? nodes.filter((n) => n.shape.length > 0) : nodes;
  let dtype = wide.map((n) => n.computeDType).reduce(promote);
  for (const n of nodes) if (category(n.computeDType) > category(dtype)) dtype = n.computeDType;
  return dtype;
}

/** Applies a row of the table: broadcasts, promotes (integers to float32 where the row computes in floats), maps. */
export function elementwise(name: ElementwiseName, ...inputs: readonly Node[]): Node {
  computing(name, ...inputs);
  const shape = broadcastShapes(name, ...inputs.map((n) => n.shape));
  let dtype = resultDType(name === "where" ? inputs.slice(1) : inputs);
  if (ELEMENTWISE[name].domain === "float" && category(dtype) < 2) dtype = "float32";
  const work = scalarOf(dtype);
  const types = inputs.map((n) => scalarOf(n.computeDType));
  const { value, partials } = concretize(name, types, work);
  const out = value.type === work ? dtype : DTYPE_OF[value.type];
  const spread = inputs.map((n) => expand(n, shape));
  return map(name, value, spread, out, partials);
}

/** Another dtype of the computing set, as torch.Tensor.to. */
export function convert(x: Node, dtype: ComputeDType): Node {
  computing("to", x);
  return x.dtype === dtype ? x : map("cast", S.arg(0, scalarOf(x.computeDType)), [x], dtype);
}
