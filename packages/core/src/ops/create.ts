/** Nodes without inputs: constants, run-time scalars, positions, host arrays. */

import type { ComputeDType, DType, TypedArray } from "../dtype.js";
import { type Node, numelOf } from "../node.js";
import { Storage } from "../storage.js";
import { make } from "./make.js";
import { expand, reshape } from "./movement.js";

const bits = new DataView(new ArrayBuffer(4));

/** A scalar that is part of the structure: for constants of a formula. */
export const constant = (value: number, dtype: DType): Node =>
  make({ kind: "const", value }, `const:${Object.is(value, -0) ? "-0" : value}:${dtype}`, [], [], dtype);

/** A scalar that is passed at run time, so that another value does not compile another kernel. float32 or int32. */
export function uniform(value: number, dtype: "float32" | "int32"): Node {
  const node = make({ kind: "uniform" }, `uniform:${dtype}`, [], [], dtype);
  if (dtype === "float32") bits.setFloat32(0, value);
  else bits.setInt32(0, value | 0);
  node.scalar = bits.getUint32(0);
  return node;
}

/** A number as a scalar of `dtype`: 0 and 1 are constants, others are passed at run time where the device can. */
export const scalar = (value: number, dtype: ComputeDType): Node =>
  value === 0 || value === 1 || (dtype !== "float32" && dtype !== "int32")
    ? constant(value, dtype)
    : uniform(value, dtype);

/** `value` (of shape []) everywhere. */
export const fill = (shape: readonly number[], value: Node): Node => expand(value, shape);

export const zerosLike = (x: Node): Node => fill(x.shape, constant(0, x.dtype));
export const onesLike = (x: Node): Node => fill(x.shape, constant(1, x.dtype));

/** 0, 1, …, n − 1 as int32. */
export const iota = (n: number): Node => make({ kind: "iota" }, `iota:${n}`, [], [n], "int32");

/** The position along `dim`, at every place of `shape`. */
export const along = (shape: readonly number[], dim: number): Node =>
  expand(
    reshape(
      iota(shape[dim]),
      shape.map((d, i) => (i === dim ? d : 1)),
    ),
    shape,
  );

/** A realized node: the memory of `storage` in row-major order. */
export function leaf(storage: Storage, shape: readonly number[]): Node {
  const node = make({ kind: "leaf" }, "leaf", [], shape, storage.dtype);
  node.storage = storage;
  node.version = storage.version;
  return node;
}

/** A leaf over an array on the host, which is adopted. `exclusive`: nobody else has the array, or its buffer. */
export function hostLeaf(data: TypedArray, shape: readonly number[], dtype: DType, exclusive = false): Node {
  const n = numelOf(shape);
  return leaf(Storage.fromHost(data, dtype, n, exclusive), shape);
}

export type { Node };
