/**
 * What happens to a finished block of a template: the epilogue's value is computed for each element and stored. Columns
 * of the block fall into runs along the innermost digit of n, within which every address moves by a constant step, so a
 * row of a run is computed four elements at a time.
 */

import { type Expr, expr, mapLeaves, postorder } from "../expr.js";
import type { Access, Epilogue } from "../kernel.js";
import { gather, gatherMasked, loadFour, loadOne, scatter, storeFour, storeOne } from "./elements.js";
import type { WalkFunction } from "./gemm-pack.js";
import { type Affine, type AffineBase, affineWord, innerSize } from "./gemm-record.js";
import { mergeWalks, type Walk } from "./gemm-spec.js";
import { CPU_BYTES } from "./kernel.js";
import { constantLanes, type Lanes, printOperator } from "./lanes.js";
import {
  call,
  type FunctionBuilder,
  i32,
  i32x4,
  type Local,
  type Value,
  v128,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

/** epilogue(params, block, batch, m0, mc, n0, nc, c, pitch): finishes the block at `c`, whose rows are `pitch` apart.
 *  `params` is where lists are counted from, `block` the epilogue's affine values. */
export type EpilogueFunction = WasmFunction<
  readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  "void"
>;

/** An affine function of the output's position, in elements of a buffer or as a plain number. */
export interface AffineStrides {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** How an affine value moves along a run: not at all, to the neighbouring element, or by a step known at run time. */
type Motion = "still" | "next" | "any";

export interface PrintedEpilogue {
  /** Equal keys print equal code. */
  readonly key: string;
  print(m: WasmModule, walk: WalkFunction): EpilogueFunction;
}

export interface EpilogueParts {
  /** The affine values that the code needs, as strides over the output's dimensions, and what they count. */
  readonly affine: readonly AffineStrides[];
  readonly bases: readonly AffineBase[];
  /** Slots of the plan's uniforms, in the order in which the code reads them. */
  readonly uniforms: readonly number[];
  /** The code for contractions whose affine values are these. Uniforms lie `uniformsAt` bytes into the parameters. */
  printer(affine: readonly (readonly Affine[])[], uniformsAt: number): PrintedEpilogue;
}

/** The epilogue's affine values as a template counts its output: walks along batch, m and n from strides over the
 *  output's dimensions. */
export function spread(
  affine: readonly AffineStrides[],
  axes: (strides: readonly number[]) => { offset: number; batch: Walk; m: Walk; n: Walk },
): Affine[] {
  const parts = affine.map(({ offset, strides }) => {
    const axis = axes(strides);
    return { ...axis, offset: offset + axis.offset };
  });
  const [rows, columns] = [mergeWalks(parts.map(({ m }) => m)), mergeWalks(parts.map(({ n }) => n))];
  return parts.map((part, i) => ({ ...part, m: rows[i], n: columns[i] }));
}

/** A source and the positions of its affine values: address, bounds, and what an index moves. */
interface Source {
  readonly access: Access;
  readonly address: number;
  readonly bounds: readonly number[];
  readonly moves: readonly number[];
}

/** Takes an epilogue apart: its affine values are the target, then of each source the address, bounds and moves, then
 *  positions. */
export function takeApart(epilogue: Epilogue, dims: number): EpilogueParts {
  const affine: AffineStrides[] = [];
  const bases: AffineBase[] = [];
  const add = (value: AffineStrides, base: AffineBase): number => {
    bases.push(base);
    return affine.push(value) - 1;
  };
  const { target } = epilogue;
  add(target, { buffer: target.buffer, bytes: CPU_BYTES[target.dtype] });

  const uniforms: number[] = [];
  const value = mapLeaves(epilogue.value, (e) => {
    if (e.op !== "uniform") return e;
    if (!uniforms.includes(e.value)) uniforms.push(e.value);
    return expr("uniform", e.type, [], uniforms.indexOf(e.value));
  });
  const sources = new Map<number, Source>();
  const positions = new Map<number, number>();
  for (const e of postorder([value])) {
    if ((e.op === "load" || e.op === "loadAt" || e.op === "inside") && !sources.has(e.value)) {
      const access = epilogue.sources[e.value];
      const bytes = CPU_BYTES[access.dtype];
      const still = new Array<number>(dims).fill(0);
      sources.set(e.value, {
        access,
        address: add(access, { buffer: access.buffer, bytes }),
        bounds: access.bounds.map((bound) => add(bound, { bytes: 1, size: bound.size })),
        moves: access.indirect.map(({ stride, size }) =>
          add({ offset: stride * bytes, strides: still }, { bytes: 1, size }),
        ),
      });
    }
    if (e.op === "index" && !positions.has(e.value)) {
      const strides = Array.from({ length: dims }, (_, d) => (d === e.value ? 1 : 0));
      positions.set(e.value, add({ offset: 0, strides }, { bytes: 1 }));
    }
  }
  return {
    affine,
    bases,
    uniforms,
    printer(spread, uniformsAt) {
      const motions = affine.map((_, i) => motionOf(spread.map((values) => values[i])));
      const used = [...sources].map(([i, { access, bounds, moves }]) => [i, access.dtype, bounds.length, moves.length]);
      return {
        key: [`e${value.id}`, target.dtype, motions.join(), used.join(), [...positions.keys()], uniformsAt].join(" "),
        print: (m, walk) => printEpilogue(m, walk, { value, target, sources, positions, motions, uniformsAt }),
      };
    },
  };
}

/** The motion that holds in all contractions of a kernel. Runs of one element do not care: they are taken for the most
 *  common kind, so that they share its code. */
function motionOf(values: readonly Affine[]): Motion {
  const steps = new Set(values.flatMap(({ n }) => (n.length > 0 ? [n[n.length - 1].stride] : [])));
  if (steps.size === 0) return "next";
  if (steps.size > 1) return "any";
  return steps.has(0) ? "still" : steps.has(1) ? "next" : "any";
}

interface Anatomy {
  readonly value: Expr;
  readonly target: Access;
  readonly sources: ReadonlyMap<number, Source>;
  readonly positions: ReadonlyMap<number, number>;
  readonly motions: readonly Motion[];
  readonly uniformsAt: number;
}

type I32s = readonly "i32"[];

function printEpilogue(m: WasmModule, walk: WalkFunction, anatomy: Anatomy): EpilogueFunction {
  const { motions } = anatomy;
  const span = printSpan(m, anatomy);
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, params, block, batch, m0, mc, n0, nc, c, pitch) => {
      const inner = f.let(innerSize(block));
      const [n, end, count] = [f.local("i32"), f.let(i32.add(n0, nc)), f.local("i32")];
      const [row, from] = [f.local("i32"), f.local("i32")];
      const list = (i: number, part: "batch" | "m" | "n") => i32.add(params, affineWord(block, i, part));
      const starts = motions.map((_, i) =>
        f.let(i32.add(affineWord(block, i, "start"), call(walk, list(i, "batch"), batch))),
      );
      const runs = motions.map(() => f.local("i32"));
      f.set(n, n0);
      f.while(i32.ltU(n, end), () => {
        f.set(count, i32.sub(inner, i32.remU(n, inner)));
        f.if(i32.ltU(i32.sub(end, n), count), () => f.set(count, i32.sub(end, n)));
        starts.forEach((start, i) => {
          f.set(runs[i], i32.add(start, call(walk, list(i, "n"), n)));
        });
        f.set(from, c);
        f.set(row, m0);
        f.forFrom(row, i32.add(m0, mc), 1, () => {
          const places = runs.map((run, i) => i32.add(run, call(walk, list(i, "m"), row)));
          f.call(span, params, block, from, count, ...places);
          f.increment(from, pitch);
        });
        f.increment(n, count);
        f.increment(c, i32.shl(count, 2));
      });
    },
  );
}

/** span(params, block, c, count, ...affine values): a row of a run. */
function printSpan(m: WasmModule, anatomy: Anatomy): WasmFunction<I32s, "void"> {
  const { motions } = anatomy;
  const params: I32s = ["i32", "i32", "i32", "i32", ...motions.map(() => "i32" as const)];
  return m.helper(params, "void", (f, ...locals) => {
    const [base, block, c, count, ...at] = locals as Local<"i32">[];
    const steps = motions.map((_, i) => f.let(affineWord(block, i, "step")));
    const end = f.let(i32.add(c, i32.shl(count, 2)));
    const invariants = printInvariants(f, anatomy, base, at);
    const turn = (elements: 1 | 4): void => {
      printElements(f, anatomy, { block, c, at, steps, elements, invariants });
      motions.forEach((motion, i) => {
        if (motion !== "still") f.increment(at[i], elements === 4 ? i32.shl(steps[i], 2) : steps[i]);
      });
      f.increment(c, 4 * elements);
    };
    f.while(i32.leU(i32.add(c, 16), end), () => turn(4));
    f.while(i32.ltU(c, end), () => turn(1));
  });
}

/**
 * Computes, before the turns of a run, what is the same in all of them, as the scale of a channel is. A batch norm's scale
 * takes a root and a division, which cost more than all else that an epilogue does.
 */
function printInvariants(
  f: FunctionBuilder,
  { value, sources, motions, uniformsAt }: Anatomy,
  base: Local<"i32">,
  at: readonly Local<"i32">[],
): Map<Expr, Lanes> {
  const known = new Map<Expr, Lanes>();
  const leaf = (e: Expr): Lanes | undefined => {
    if (e.op === "const") return f.constant(constantLanes(e.type, e.value));
    if (e.op === "uniform") return f.let(v128.load32Splat(base, uniformsAt + 4 * e.value));
    if (e.op !== "load") return undefined;
    const { access, address, bounds } = sources.get(e.value)!;
    const isStill = motions[address] === "still" && bounds.length === 0;
    return isStill ? f.let(loadOne(f, access.dtype, at[address])) : undefined;
  };
  for (const e of postorder([value])) {
    const args = e.args.flatMap((a) => known.get(a) ?? []);
    const isKnown = e.op !== "loadAt" && args.length > 0 && args.length === e.args.length;
    const result = e.args.length === 0 ? leaf(e) : isKnown ? f.let(printOperator(f, e, args)) : undefined;
    if (result) known.set(e, result);
  }
  return known;
}

/** Where the code of a turn finds things. */
interface Turn {
  readonly block: Local<"i32">;
  readonly c: Local<"i32">;
  /** Affine values at the first element, and their steps. */
  readonly at: readonly Local<"i32">[];
  readonly steps: readonly Local<"i32">[];
  /** With one element, all lanes compute the same. */
  readonly elements: 1 | 4;
  /** What is computed already. */
  readonly invariants: ReadonlyMap<Expr, Lanes>;
}

function printElements(f: FunctionBuilder, anatomy: Anatomy, turn: Turn): void {
  const { value, target, sources, positions, motions } = anatomy;
  const { block, c, at, steps, elements, invariants } = turn;
  /** Affine value i at a lane, and at all lanes. */
  const lane = (i: number, l: number): Value<"i32"> =>
    l === 0 || elements === 1 || motions[i] === "still" ? at[i] : i32.add(at[i], i32.mul(steps[i], l));
  const lanes = (i: number): Lanes =>
    elements === 1 || motions[i] === "still"
      ? i32x4.splat(at[i])
      : i32x4.add(i32x4.splat(at[i]), i32x4.mul(i32x4.splat(steps[i]), v128.const([0, 1, 2, 3])));

  const masks = new Map<number, Local<"v128">>();
  const inside = (i: number): Local<"v128"> => {
    let mask = masks.get(i);
    if (!mask) {
      const { bounds } = sources.get(i)!;
      const tests = bounds.map((b) => i32x4.ltU(lanes(b), i32x4.splat(affineWord(block, b, "size"))));
      mask = f.let(tests.reduce((x: Lanes, y) => v128.and(x, y), constantLanes("bool", 1)));
      masks.set(i, mask);
    }
    return mask;
  };

  const load = (i: number, indices: readonly Lanes[]): Lanes => {
    const { access, address, bounds, moves } = sources.get(i)!;
    const shifts = moves.map((move, d) => {
      const last = i32x4.splat(i32.sub(affineWord(block, move, "size"), 1));
      const index = i32x4.minS(i32x4.maxS(indices[d], v128.zero), last);
      return f.let(i32x4.mul(index, i32x4.splat(at[move])));
    });
    const where = (l: number): Value<"i32"> =>
      shifts.reduce((sum: Value<"i32">, shift) => i32.add(sum, i32x4.extract(shift, l)), lane(address, l));
    if (bounds.length > 0) return gatherMasked(f, access.dtype, where, inside(i));
    if (moves.length > 0) return gather(f, access.dtype, where);
    if (elements === 1 || motions[address] === "still") return loadOne(f, access.dtype, at[address]);
    return motions[address] === "next" ? loadFour(f, access.dtype, at[address]) : gather(f, access.dtype, where);
  };

  const results = new Map(invariants);
  for (const e of postorder([value])) {
    if (results.has(e)) continue;
    const args = e.args.map((a) => results.get(a)!);
    results.set(e, f.let(leafOr(e, args)));
  }
  function leafOr(e: Expr, args: readonly Lanes[]): Lanes {
    switch (e.op) {
      case "acc":
        return elements === 4 ? v128.load(c) : v128.load32Splat(c);
      case "load":
      case "loadAt":
        return load(e.value, args);
      case "inside":
        return inside(e.value);
      case "index":
        return lanes(positions.get(e.value)!);
      default:
        return printOperator(f, e, args);
    }
  }
  const result = results.get(value)!;
  if (elements === 1) storeOne(f, target.dtype, at[0], result);
  else if (motions[0] === "next") storeFour(f, target.dtype, at[0], result);
  else scatter(f, target.dtype, (l) => lane(0, l), result);
}
