/**
 * The structure of a loop kernel: all that its code depends on, as plain data. Sizes, strides, offsets and most
 * constants appear only as positions of words in the parameter block; kernels of equal structure share their code.
 *
 * Code lies in nested scopes, numbered from the outside: 0 the function, 1 a row of the outer dimensions, then one for
 * each loop. A value belongs to the outermost scope in which it can be computed.
 */

import type { ComputeDType } from "../dtype.js";
import { type Expr, type ExprOp, postorder, type Scalar } from "../expr.js";
import type { Access, ReduceOp, Stage } from "../kernel.js";
import { sweepsOf } from "../sweep.js";
import { costOf } from "./cost.js";
import { CPU_BYTES } from "./kernel.js";
import { interiorOf, stagesWithin } from "./loop-interior.js";
import type { NormalLoop } from "./loop-normal.js";
import { WORKSPACE } from "./loop-split.js";
import { f32Bits, type Params } from "./params.js";

/** A number added at each step along a dimension: nothing, a constant of the code, or a word of the parameters. */
export type Step = { readonly constant: number } | { readonly word: number } | null;

/** An i32 that is affine in the loop positions: an address in bytes, a position to test, or an index. */
export interface Affine {
  /** The word that holds its value at the origin; null for 0. */
  readonly base: number | null;
  /** One a dimension of the kernel. */
  readonly steps: readonly Step[];
}

export interface Memory {
  readonly dtype: ComputeDType;
  /** Number of the address in `affines`. */
  readonly address: number;
  /** How the elements of four lanes lie: `across` when they are apart, but those of the rows of a tile are neighbours. */
  readonly lanes: "same" | "next" | "second" | "across" | "apart";
}

export interface Source extends Memory {
  /** 0 ≤ affine < the word `size`. */
  readonly bounds: readonly { readonly affine: number; readonly size: number }[];
  /** Words with the stride in bytes, and the size. */
  readonly indirect: readonly { readonly stride: number; readonly size: number }[];
}

export interface Node {
  /** An operator of the scalar language; or a word of the parameters, a bound of a source, or all of its bounds. */
  readonly op: Exclude<ExprOp, "arg" | "uniform"> | "param" | "bound";
  readonly type: Scalar;
  /** Numbers of nodes. */
  readonly args: readonly number[];
  /** As in `Expr`; for a param its word, for an index its affine, for a bound its affine. */
  readonly value: number;
  /** For a bound the word of its size. */
  readonly size: number;
  readonly scope: number;
  /** Whether the lanes differ. */
  readonly varies: boolean;
  /** Whether the rows of a tile differ. */
  readonly tiles: boolean;
  /** Whether it depends on the result of a reduction, so that it cannot be computed when its scope begins. */
  readonly late: boolean;
  /** Whether it is used once, in its own scope, and needs no variable. */
  readonly inline: boolean;
}

export type LoopSweep = {
  /** Nodes that the sweep needs, operands before users. */
  readonly needs: readonly number[];
  /** Vectors that are computed at once. */
  readonly unroll: number;
} & (
  | {
      readonly kind: "reduce";
      readonly acc: number;
      readonly op: ReduceOp;
      readonly type: Scalar;
      readonly value: number;
    }
  | {
      readonly kind: "store";
      readonly per: "row" | "point";
      readonly stores: readonly { readonly target: Memory; readonly value: number; readonly type: Scalar }[];
    }
);

/**
 * Where no bound needs a test: the lanes' positions from `first` to before `last` (words), in rows in which every affine
 * of `rows` is so that 0 ≤ affine + low and affine + high < size.
 */
export interface Interior {
  readonly first: number;
  readonly last: number;
  readonly rows: readonly {
    readonly affine: number;
    readonly low: number;
    readonly high: number;
    readonly size: number;
  }[];
  /** What is done there. */
  readonly sweeps: readonly LoopSweep[];
}

export interface LoopStructure {
  readonly lanes: "rows" | "inner";
  /** Rows of a tile, in which the rows that differ in the last outer dimension are done at once; 1 for no tiles. */
  readonly tile: number;
  /** Null where nothing has bounds, or where the interior is no box. */
  readonly interior: Interior | null;
  /** Words of the sizes of the outer dimensions, of the other loops, and of the lanes' dimension. */
  readonly outer: readonly number[];
  readonly inner: readonly number[];
  readonly lane: number;
  readonly affines: readonly Affine[];
  readonly sources: readonly Source[];
  readonly nodes: readonly Node[];
  readonly sweeps: readonly LoopSweep[];
}

/** Constants that are worth being part of the code. */
const isPlain = (e: Expr): boolean =>
  e.type === "f32" ? [0, 1, 2, 0.5].includes(Math.abs(e.value)) || !Number.isFinite(e.value) : Math.abs(e.value) < 256;

/** More vectors at once hide latency and save counting; more than the registers hold is a loss. */
const unrollFor = (cost: number, laneSize: number): number => {
  const most = cost <= 12 ? 4 : cost <= 40 ? 2 : 1;
  return laneSize >= 4 * most ? most : 1;
};

function lanesOf({ dtype, strides, bounds, indirect }: Access, laneDim: number, tileDim: number): Memory["lanes"] {
  const stride = strides[laneDim] ?? 0;
  if (stride === 0) return "same";
  if (stride === 1) return "next";
  if (CPU_BYTES[dtype] !== 4 || indirect.length > 0) return "apart";
  if (strides[tileDim] === 1 && bounds.length === 0) return "across";
  return stride === 2 ? "second" : "apart";
}

/**
 * Columns from which on sixteen vectors of them are added up at once, if that is all: each row is another page, of which
 * four lines are worth a visit and one is not.
 */
const WIDE = 256;

/** Rows of a tile: what lies in a cache line. */
export const TILE_ROWS = 16;

/** Describes the kernel and fills its parameters, both in the same order for kernels of equal structure. */
export function structureOf({ kernel, lanes, tiled }: NormalLoop, params: Params): LoopStructure {
  const sizes = [...kernel.rows, ...kernel.inner];
  const rank = sizes.length;
  const laneDim = lanes === "rows" ? kernel.rows.length - 1 : rank - 1;
  const innerDims = kernel.inner.map((_, d) => d + kernel.rows.length).filter((d) => d !== laneDim);
  const outerDims = kernel.rows.map((_, d) => d).filter((d) => d !== laneDim);
  const tileDim = tiled ? laneDim - 1 : -1;
  const rowScope = lanes === "rows" ? 2 : 1;
  const loops = lanes === "rows" ? [laneDim, ...innerDims] : [...innerDims, laneDim];
  const scopeOf = (d: number): number => loops.indexOf(d) + 2;
  const sizeWords = sizes.map((n) => params.word(n));

  const affines: Affine[] = [];
  const addAffine = (base: number | null, strides: readonly number[], unit: number): number => {
    const steps = Array.from({ length: rank }, (_, d): Step => {
      const stride = strides[d] ?? 0;
      if (stride === 0) return null;
      return base === null || (d === laneDim && (stride === 1 || stride === 2) && unit > 0)
        ? { constant: stride * (unit || 1) }
        : { word: params.word(stride * (unit || 1)) };
    });
    return affines.push({ base, steps }) - 1;
  };
  const addMemory = (a: Access): Memory => {
    const bytes = CPU_BYTES[a.dtype];
    const buffer = a.buffer === WORKSPACE ? "workspace" : a.buffer;
    return {
      dtype: a.dtype,
      address: addAffine(params.address(buffer, a.offset * bytes), a.strides, bytes),
      lanes: lanesOf(a, laneDim, tileDim),
    };
  };
  const sources = kernel.sources.map(
    (a): Source => ({
      ...addMemory(a),
      bounds: a.bounds.map((b) => ({
        affine: addAffine(params.word(b.offset), b.strides, 0),
        size: params.word(b.size),
      })),
      indirect: a.indirect.map((i) => ({
        stride: params.word(i.stride * CPU_BYTES[a.dtype]),
        size: params.word(i.size),
      })),
    }),
  );

  type Draft = { -readonly [K in keyof Node]: Node[K] };
  const nodes: Draft[] = [];
  const numbers = new Map<string, number>();
  const indices = new Map<number, number>();
  const add = (key: string, part: Pick<Node, "op" | "type"> & Partial<Node>, affine?: number): number => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const args = (part.args ?? []).map((n) => nodes[n]);
    const dims = affine === undefined ? [] : affines[affine].steps.flatMap((s, d) => (s ? [d] : []));
    const node: Draft = {
      args: [],
      value: 0,
      size: 0,
      inline: false,
      ...part,
      scope: Math.max(part.scope ?? 0, ...dims.map(scopeOf), ...args.map((a) => a.scope)),
      varies: (part.varies ?? false) || dims.includes(laneDim) || args.some((a) => a.varies),
      tiles: dims.includes(tileDim) || args.some((a) => a.tiles),
      late: (part.late ?? false) || args.some((a) => a.late),
    };
    const number = nodes.push(node) - 1;
    numbers.set(key, number);
    return number;
  };

  const inside = (source: number): number => {
    const args = sources[source].bounds.map((b, i) =>
      add(`bound ${source} ${i}`, { op: "bound", type: "bool", value: b.affine, size: b.size }, b.affine),
    );
    return add(`inside ${source}`, { op: "inside", type: "bool", args, value: source });
  };
  const bounded = new Set<Expr>();
  for (const e of postorder(kernel.stages.map((s) => s.value))) {
    const loads = e.op === "load" || e.op === "loadAt";
    if ((loads && sources[e.value].bounds.length > 0) || e.args.some((a) => bounded.has(a))) bounded.add(e);
  }
  /** `free` when the bounds of sources are known to hold. */
  const lower = (e: Expr, free: boolean): number => {
    const key = `${free && bounded.has(e) ? "free" : "expr"} ${e.id}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const args = e.args.map((a) => lower(a, free));
    const { op, type } = e;
    switch (op) {
      case "const":
        if (type === "bool" || type === "u32" || isPlain(e)) return add(key, { op, type, value: e.value });
        return add(key, { op: "param", type, value: params.word(type === "f32" ? f32Bits(e.value) : e.value) });
      case "uniform":
        return add(key, { op: "param", type, value: params.uniform(e.value) });
      case "index": {
        let affine = indices.get(e.value);
        if (affine === undefined) {
          const strides = sizes.map((_, d) => (d === e.value ? 1 : 0));
          indices.set(e.value, (affine = addAffine(null, strides, 1)));
        }
        return add(key, { op, type, value: affine }, affine);
      }
      case "acc":
        return add(key, { op, type, value: e.value, scope: rowScope, varies: lanes === "rows", late: true });
      case "inside":
        return inside(e.value);
      case "load":
      case "loadAt": {
        const { bounds, address } = sources[e.value];
        const guard = bounds.length > 0 && !free ? [inside(e.value)] : [];
        return add(key, { op, type, value: e.value, args: [...args, ...guard] }, address);
      }
      case "arg":
        throw new Error("an argument of an operator row reached the cpu device");
      default:
        return add(key, { op, type, args, value: e.value });
    }
  };

  const needsOf = (roots: readonly number[]): number[] => {
    const seen = new Set<number>();
    const visit = (n: number): void => {
      if (seen.has(n)) return;
      seen.add(n);
      for (const a of nodes[n].args) visit(a);
    };
    for (const r of roots) visit(r);
    return [...seen].sort((a, b) => a - b);
  };

  const costs = sweepsOf(kernel.stages).map((sweep) => {
    const stages: Stage[] = sweep.kind === "reduce" ? [sweep.stage] : sweep.stores.map((s) => s.stage);
    return costOf(postorder(stages.map((s) => s.value)));
  });
  const cost = costs.reduce((a, b) => a + b, 0);
  const columns = lanes === "rows" && kernel.inner.length > 0 && cost <= 2 && sizes[laneDim] >= WIDE;
  const total = columns ? 16 : unrollFor(cost, sizes[laneDim]);
  const targets = kernel.stages.map((s) => (s.kind === "store" ? addMemory(s.target) : undefined));
  const lowerStages = (stages: readonly Stage[], free: boolean): LoopSweep[] =>
    sweepsOf(stages).map((sweep, i) => {
      const unroll = lanes === "rows" ? total : unrollFor(costs[i], sizes[laneDim]);
      if (sweep.kind === "reduce") {
        const value = lower(sweep.stage.value, free);
        const { op, type } = sweep.stage;
        return { kind: "reduce", acc: sweep.index, op, type, value, needs: needsOf([value]), unroll };
      }
      const stores = sweep.stores.map(({ index, stage }) => ({
        target: targets[index]!,
        value: lower(stage.value, free),
        type: stage.value.type,
      }));
      return { kind: "store", per: sweep.per, stores, needs: needsOf(stores.map((s) => s.value)), unroll };
    });
  const sweeps = lowerStages(kernel.stages, false);

  const box = lanes === "rows" ? interiorOf(kernel) : null;
  const interior: Interior | null = box && {
    first: params.word(box[laneDim][0]),
    last: params.word(box[laneDim][1] + 1),
    rows: kernel.sources.flatMap((source, i) =>
      source.bounds.flatMap(({ strides }, b) => {
        if (strides[laneDim]) return [];
        const reach = innerDims.map((d) => (strides[d] ?? 0) * (sizes[d] - 1));
        const low = params.word(reach.reduce((sum, x) => sum + Math.min(x, 0), 0));
        const high = params.word(reach.reduce((sum, x) => sum + Math.max(x, 0), 0));
        return [{ ...sources[i].bounds[b], low, high }];
      }),
    ),
    sweeps: lowerStages(stagesWithin(kernel.stages, box), true),
  };

  const roots = [...sweeps, ...(interior?.sweeps ?? [])].flatMap((s) =>
    s.kind === "reduce" ? [s.value] : s.stores.map((t) => t.value),
  );
  const users = nodes.map(() => [] as number[]);
  nodes.forEach((node, n) => {
    for (const a of node.args) users[a].push(n);
  });
  nodes.forEach((node, n) => {
    const [user] = users[n];
    const alone = users[n].length === 1 && !roots.includes(n);
    const near = alone && nodes[user].scope === node.scope && nodes[user].varies === node.varies;
    const simple = !["load", "loadAt", "inside", "bound", "param", "acc"].includes(node.op);
    const inOperator = alone && !["load", "loadAt", "inside"].includes(nodes[user].op);
    node.inline = node.op === "const" || (near && simple && inOperator && node.late === nodes[user].late);
  });

  return {
    lanes,
    tile: tiled ? TILE_ROWS : 1,
    interior,
    outer: outerDims.map((d) => sizeWords[d]),
    inner: innerDims.map((d) => sizeWords[d]),
    lane: sizeWords[laneDim],
    affines,
    sources,
    nodes,
    sweeps,
  };
}
