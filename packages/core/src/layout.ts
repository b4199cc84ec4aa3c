/** Where a view's elements are in the memory of what it is a view of. */

import { contiguousStrides, type Movement, type Node, numelOf } from "./node.js";

/** Of a view: its first element, counted from the first of the base's row-major elements, and a step for each dimension. */
export interface Layout {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** The layout of `view` in `base`; undefined where no steps describe it, or it is no view of `base`. */
export function layoutIn(base: Node, view: Node): Layout | undefined {
  const moves: Node[] = [];
  let node = view;
  while (node !== base) {
    if (node.op.kind !== "move" || node.inputs.length === 0) return undefined;
    moves.push(node);
    node = node.inputs[0];
  }
  let layout: Layout | undefined = { offset: 0, strides: contiguousStrides(base.shape) };
  let { shape } = base;
  for (const move of moves.reverse()) {
    if (!layout || move.op.kind !== "move") return undefined;
    layout = moved(layout, shape, move.op.move, move.shape);
    shape = move.shape;
  }
  return layout;
}

/** The layout after one more movement. */
function moved(
  { offset, strides }: Layout,
  from: readonly number[],
  move: Movement,
  to: readonly number[],
): Layout | undefined {
  switch (move.type) {
    case "permute":
      return { offset, strides: move.dims.map((d) => strides[d]) };
    case "expand":
      return { offset, strides: strides.map((s, d) => (from[d] === to[d] ? s : 0)) };
    case "slice": {
      if (move.step.some((step) => step < 0)) return undefined;
      return {
        offset: move.start.reduce((at, start, d) => at + start * strides[d], offset),
        strides: strides.map((s, d) => s * move.step[d]),
      };
    }
    case "unfold": {
      const windows = strides.map((s, d) => (d === move.dim ? s * move.step : s));
      return { offset, strides: [...windows, strides[move.dim] * move.dilation] };
    }
    case "reshape": {
      const reshaped = reshapedStrides(from, strides, to);
      return reshaped && { offset, strides: reshaped };
    }
    case "pad":
      return undefined;
  }
}

/** Steps through the same elements in another shape, if they lie so that there are any. */
function reshapedStrides(
  from: readonly number[],
  strides: readonly number[],
  to: readonly number[],
): number[] | undefined {
  if (numelOf(from) === 0) return contiguousStrides(to);
  // Dimensions that step on where the one behind them ends are one run of elements.
  const runs: { size: number; step: number }[] = [];
  for (const [d, size] of from.entries()) {
    if (size === 1) continue;
    const last = runs[runs.length - 1];
    if (last && last.step === size * strides[d]) runs[runs.length - 1] = { size: last.size * size, step: strides[d] };
    else runs.push({ size, step: strides[d] });
  }
  const result = new Array<number>(to.length);
  let run = runs.pop() ?? { size: 1, step: 1 };
  let inner = 1;
  for (let d = to.length - 1; d >= 0; d--) {
    if (inner === run.size && to[d] !== 1) {
      run = runs.pop() ?? { size: 1, step: 1 };
      inner = 1;
    }
    result[d] = run.step * inner;
    inner *= to[d];
    if (run.size % inner !== 0) return undefined;
  }
  return result;
}

/** The memory that has the elements of `node` one after another, and the first of them; undefined where none has. */
export function runInMemory(node: Node): { owner: Node; first: number } | undefined {
  let owner = node;
  while (!owner.realized && !owner.overwritten && owner.op.kind === "move" && owner.inputs.length > 0)
    owner = owner.inputs[0];
  if (!owner.realized) return undefined;
  const layout = layoutIn(owner, node);
  const rows = contiguousStrides(node.shape);
  const isRun = layout && node.shape.every((size, d) => size === 1 || layout.strides[d] === rows[d]);
  return isRun ? { owner, first: layout.offset } : undefined;
}
