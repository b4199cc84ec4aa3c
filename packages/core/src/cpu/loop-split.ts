/**
 * Reductions of few long rows: rows are all that threads share, so such a row is cut into pieces. The pieces become rows
 * of a first kernel, which leaves a total each in the workspace, and a second kernel joins the totals. Where a row is cut
 * depends on its length alone.
 */

import { type Expr, expr, mapLeaves, postorder } from "../expr.js";
import type { Access, LoopKernel, Stage } from "../kernel.js";
import { simplifyLoop } from "../loop-merge.js";
import { numelOf } from "../node.js";

/** The number of the workspace among the buffers of a split kernel. */
export const WORKSPACE = -1;

/** Pieces of all rows together, at most; as many as a kernel has tasks. */
const MOST_PIECES = 64;
/** Elements of a row from which on it is cut. */
const LONG = 1 << 16;
/** Lengths of pieces are multiples of this where they can be, so that lanes are full. */
const GRAIN = 64;

type Reduce = Extract<Stage, { kind: "reduce" }>;
type Store = Extract<Stage, { kind: "store" }>;

export interface SplitLoop {
  /** Executed in order. */
  readonly parts: readonly LoopKernel[];
  /** Bytes. */
  readonly workspace: number;
}

const DTYPES = { f32: "float32", i32: "int32" } as const;

const usesTotals = (value: Expr): boolean => postorder([value]).some((e) => e.op === "acc");

/** Its reductions and what is stored of them, if reductions come first and need nothing of each other. */
function stagesOf({ stages }: LoopKernel): { reduces: Reduce[]; stores: Store[] } | null {
  const reduces = stages.filter((s) => s.kind === "reduce");
  const stores = stages.filter((s) => s.kind === "store");
  const inOrder = stages.every((s, i) => (s.kind === "reduce") === i < reduces.length);
  const apart = reduces.every(({ type, value }) => type in DTYPES && !usesTotals(value));
  return inOrder && apart && stores.every((s) => s.per === "row") ? { reduces, stores } : null;
}

/** The kernel in parts; in one if its rows are many or short. */
export function splitLoop(whole: LoopKernel): SplitLoop {
  const kernel = simplifyLoop(whole);
  const stages = stagesOf(kernel);
  const rows = numelOf(kernel.rows);
  const most = Math.floor(MOST_PIECES / rows);
  if (!stages || !(most >= 8) || kernel.inner.length === 0 || numelOf(kernel.inner) < LONG)
    return { parts: [whole], workspace: 0 };
  const [size] = kernel.inner;
  const grain = size > most * GRAIN ? GRAIN : 1;
  const length = Math.ceil(size / most / grain) * grain;
  const pieces = Math.floor(size / length);
  const rest = size - pieces * length;
  const count = pieces + (rest > 0 ? 1 : 0);
  const totals = stages.reduces.map((_, i) => totalsOf(kernel, i, count, stages.reduces[i]));
  const part = (first: number, number: number, each: number): LoopKernel =>
    pieceKernel(kernel, stages.reduces, totals, { first, number, length: each, start: first * length });
  return {
    parts: [
      part(0, pieces, length),
      ...(rest > 0 ? [part(pieces, 1, rest)] : []),
      joinKernel(kernel, stages, totals, count),
    ],
    workspace: 4 * stages.reduces.length * rows * count,
  };
}

/** Where the totals of a reduction lie: [reduction, …rows, piece]. Strides over the rows and the piece. */
function totalsOf({ rows }: LoopKernel, reduction: number, count: number, { type }: Reduce): Access {
  const strides: number[] = [1];
  for (let d = rows.length - 1, stride = count; d >= 0; stride *= rows[d--]) strides.unshift(stride);
  const offset = reduction * numelOf(rows) * count;
  return { buffer: WORKSPACE, dtype: DTYPES[type as "f32" | "i32"], offset, strides, bounds: [], indirect: [] };
}

interface Pieces {
  readonly first: number;
  readonly number: number;
  readonly length: number;
  /** Position in the dimension that is cut. */
  readonly start: number;
}

/** Reduces some pieces of each row. */
function pieceKernel(
  kernel: LoopKernel,
  reduces: readonly Reduce[],
  totals: readonly Access[],
  { first, number, length, start }: Pieces,
): LoopKernel {
  const cut = kernel.rows.length;
  const moved = <T extends { readonly offset: number; readonly strides: readonly number[] }>(a: T): T => {
    const stride = a.strides[cut] ?? 0;
    const strides = [...a.strides.slice(0, cut), stride * length, ...a.strides.slice(cut)];
    return { ...a, offset: a.offset + stride * start, strides };
  };
  const i32 = (value: number): Expr => expr("const", "i32", [], value);
  const index = (d: number): Expr => expr("index", "i32", [], d);
  const leaf = (e: Expr): Expr => {
    if (e.op !== "index" || e.value < cut) return e;
    if (e.value > cut) return index(e.value + 1);
    const piece = expr("add", "i32", [expr("mul", "i32", [index(cut), i32(length)]), i32(start)]);
    return expr("add", "i32", [piece, index(cut + 1)]);
  };
  return {
    ...kernel,
    rows: [...kernel.rows, number],
    inner: [length, ...kernel.inner.slice(1)],
    sources: kernel.sources.map((source) => ({ ...moved(source), bounds: source.bounds.map(moved) })),
    stages: [
      ...reduces.map((reduce) => ({ ...reduce, value: mapLeaves(reduce.value, leaf) })),
      ...totals.map(
        (target, i): Stage => ({
          kind: "store",
          per: "row",
          target: {
            ...target,
            offset: target.offset + first,
            strides: [...target.strides, ...kernel.inner.map(() => 0)],
          },
          value: expr("acc", reduces[i].type, [], i),
        }),
      ),
    ],
  };
}

/** Joins the totals of the pieces, and stores what the kernel does. */
function joinKernel(
  kernel: LoopKernel,
  { reduces, stores }: { reduces: readonly Reduce[]; stores: readonly Store[] },
  totals: readonly Access[],
  count: number,
): LoopKernel {
  const rowStrides = (strides: readonly number[]): number[] => [...strides.slice(0, kernel.rows.length), 0];
  const once = (a: Access): Access => ({
    ...a,
    strides: rowStrides(a.strides),
    bounds: a.bounds.map((b) => ({ ...b, strides: rowStrides(b.strides) })),
  });
  const reads = (e: Expr): boolean => e.op === "load" || e.op === "loadAt" || e.op === "inside";
  const used = [...new Set(postorder(stores.map((s) => s.value)).flatMap((e) => (reads(e) ? [e.value] : [])))];
  const leaf = (e: Expr): Expr => (reads(e) ? expr(e.op, e.type, e.args, used.indexOf(e.value)) : e);
  return {
    ...kernel,
    inner: [count],
    sources: [...used.map((s) => once(kernel.sources[s])), ...totals],
    stages: [
      ...reduces.map((reduce, i): Stage => ({ ...reduce, value: expr("load", reduce.type, [], used.length + i) })),
      ...stores.map((s): Stage => ({ ...s, target: once(s.target), value: mapLeaves(s.value, leaf) })),
    ],
  };
}
