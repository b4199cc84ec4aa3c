/** Writing through a view: the base with the view's elements replaced. */

import { ArgumentError } from "./errors.js";
import type { Node } from "./node.js";
import { constant, fill } from "./ops/create.js";
import { elementwise } from "./ops/map.js";
import * as M from "./ops/movement.js";

/** `written` with the elements that `view` shows replaced by `value`. Views that repeat elements are an error. */
export function writeThrough(written: Node, view: (n: Node) => Node, value: Node): Node {
  // Of a base that was lost with its device, what nobody writes again is NaN.
  const base = written.storage?.lost ? fill(written.shape, constant(Number.NaN, written.dtype)) : written;
  // The movement operators between base and view, outermost last.
  const chain: Node[] = [];
  let v = view(written);
  while (v !== written) {
    if (v.op.kind !== "move")
      throw new ArgumentError(
        "an in-place write through this view is not possible; write to the tensor it was made from",
      );
    chain.unshift(v);
    v = v.inputs[0];
  }
  const through = (at: Node, i: number): Node => {
    if (i === chain.length) return value;
    const step = chain[i];
    if (step.op.kind !== "move") return value;
    const { move } = step.op;
    const inner = (part: Node): Node => through(part, i + 1);
    switch (move.type) {
      case "reshape":
        return M.reshape(inner(M.reshape(at, step.shape)), at.shape);
      case "permute":
        return M.permute(
          inner(M.permute(at, move.dims)),
          move.dims.map((_, j) => move.dims.indexOf(j)),
        );
      case "slice": {
        if (move.step.some((s) => s !== 1)) break;
        const part = inner(M.slice(at, move.start, step.shape, move.step));
        const after = at.shape.map((d, j) => d - move.start[j] - step.shape[j]);
        const mask = M.pad(fill(step.shape, constant(1, "bool")), move.start, after, 0);
        return elementwise("where", mask, M.pad(part, move.start, after, 0), at);
      }
    }
    throw new ArgumentError(
      `an in-place write through a view made by ${move.type} is not possible; write to the tensor it was made from`,
    );
  };
  return through(base, 0);
}
