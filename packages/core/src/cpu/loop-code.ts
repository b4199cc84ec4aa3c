/** Prints the code of a loop kernel: the walk over tasks and rows, the sweeps over a row, and the reductions. */

import { scalarOf } from "../expr.js";
import { castLanes } from "./lanes.js";
import type { Interior, LoopStructure, LoopSweep } from "./loop-structure.js";
import { isLongSum, joinTotals, Total } from "./loop-total.js";
import { firstVectors, LoopValues } from "./loop-values.js";
import { type FunctionBuilder, i32, type Local, select, type Value, type WasmModule } from "./wasm/index.js";

/** The first words of the parameters. */
export const TASK_WORDS = {
  /** Independent units: rows of the outer dimensions, once for each chunk of the lanes' dimension. */
  units: 0,
  unitsPerTask: 1,
  /** Rows of the outer dimensions. */
  rows: 2,
  /** Length of a chunk. */
  chunk: 3,
} as const;

/** Points after which a sum in f32 is carried over to f64, so that its error does not grow with its length. */
const BLOCK = { rows: 64, inner: 1024 } as const;

type Reduce = Extract<LoopSweep, { kind: "reduce" }>;
type Store = Extract<LoopSweep, { kind: "store" }>;

/** Adds the exported `run`. */
export function printLoopRun(m: WasmModule, structure: LoopStructure): void {
  m.func("run", ["i32", "i32", "i32", "i32"], "void", (f, params, begin, end) => {
    new LoopPrinter(f, structure, params).run(begin, end);
  });
}

class LoopPrinter {
  private readonly values: LoopValues;
  /** Positions of the dimensions in the lists of strides. */
  private readonly outerDims: number[];
  private readonly innerDims: number[];
  private readonly laneDim: number;
  /** Numbers of the nodes that code without known bounds needs, and of those that only the interior needs. */
  private readonly nodes: number[];
  private readonly interiorNodes: number[];

  constructor(
    private readonly f: FunctionBuilder,
    private readonly structure: LoopStructure,
    params: Local<"i32">,
  ) {
    const { outer, inner, lanes } = structure;
    const rank = outer.length + inner.length + 1;
    this.laneDim = lanes === "rows" ? outer.length : rank - 1;
    this.outerDims = outer.map((_, i) => i);
    this.innerDims = inner.map((_, i) => outer.length + i + (lanes === "rows" ? 1 : 0));
    const needs = (sweeps: readonly LoopSweep[]): Set<number> => new Set(sweeps.flatMap((sweep) => sweep.needs));
    const general = needs(structure.sweeps);
    const ascending = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b);
    this.nodes = ascending(general);
    this.interiorNodes = ascending(needs(structure.interior?.sweeps ?? [])).filter((n) => !general.has(n));
    this.values = new LoopValues(f, structure, params, this.laneDim);
  }

  /** Numbers of the affines that move along a dimension. */
  private moving(dim: number): number[] {
    return this.structure.affines.flatMap(({ steps }, a) => (steps[dim] ? [a] : []));
  }

  run(begin: Local<"i32">, end: Local<"i32">): void {
    const { f, values, structure, outerDims } = this;
    const { tile } = structure;
    const perTask = f.let(values.word(TASK_WORDS.unitsPerTask));
    const units = f.let(values.word(TASK_WORDS.units));
    const unit = f.let(i32.mul(begin, perTask));
    const wanted = f.let(i32.mul(end, perTask));
    const stop = f.let(select(wanted, units, i32.ltS(wanted, units)));
    const rows = f.let(values.word(TASK_WORDS.rows));

    values.hoistLaneSteps();
    if (tile > 1) values.hoistTileSteps(outerDims[outerDims.length - 1], tile);
    values.emit(this.nodes, (node) => node.scope === 0);
    const isOuter = (a: number): boolean => outerDims.some((d) => structure.affines[a].steps[d] !== null);
    const outerAffines = structure.affines.flatMap((_, a) => (isOuter(a) ? [a] : []));
    const cursors = outerAffines.map(() => f.local("i32"));
    const indices = outerDims.map(() => f.local("i32"));
    structure.affines.forEach((affine, a) => {
      if (!isOuter(a) && affine.steps.some((s) => s !== null)) values.enterCursor(a);
    });

    // A turn does the rows that differ only in the last outer dimension, as far as they belong to these tasks.
    f.while(i32.ltS(unit, stop), () =>
      values.scoped(() => {
        const count = f.let(i32.const(1));
        const chunk = f.let(i32.divU(unit, rows));
        if (outerDims.length > 0) {
          const row = f.let(i32.remU(unit, rows));
          this.decompose(row, indices);
          const size = values.word(structure.outer[structure.outer.length - 1]);
          f.set(count, i32.sub(size, indices[indices.length - 1]));
          f.set(count, select(count, i32.sub(stop, unit), i32.ltS(count, i32.sub(stop, unit))));
        }
        outerAffines.forEach((a, i) => {
          const { steps } = structure.affines[a];
          const at = outerDims.reduce(
            (sum: Value<"i32">, d) =>
              steps[d] === null ? sum : i32.add(sum, i32.mul(indices[d], values.step(steps[d]))),
            values.cursor(a),
          );
          f.set(cursors[i], at);
        });
        f.increment(unit, count);
        outerAffines.forEach((a, i) => {
          values.setCursor(a, cursors[i]);
        });
        const rowsAtOnce = (rows: number): void =>
          this.countDown(count, rows, () => {
            values.scoped(() => this.row(chunk));
            if (outerDims.length > 0) this.advance(outerDims[outerDims.length - 1], outerAffines, rows);
          });
        if (tile > 1)
          values.within({ tiled: true, vectors: firstVectors(tile) }, () => {
            rowsAtOnce(tile);
          });
        rowsAtOnce(1);
      }),
    );
  }

  /** Splits the number of a row into its positions. */
  private decompose(row: Local<"i32">, indices: readonly Local<"i32">[]): void {
    const { f, values, structure } = this;
    for (let d = indices.length - 1; d > 0; d--) {
      const size = values.word(structure.outer[d]);
      f.set(indices[d], i32.remU(row, size));
      f.set(row, i32.divU(row, size));
    }
    f.set(indices[0], row);
  }

  /** Moves the cursors of the affines, which are variables, `count` steps along a dimension. */
  private advance(dim: number, affines: readonly number[], count = 1): void {
    const { f, values, structure } = this;
    for (const a of affines) {
      const step = structure.affines[a].steps[dim];
      if (step === null) continue;
      const one = dim === this.laneDim ? values.laneStep(a) : values.step(step);
      const by = "constant" in step ? step.constant * count : count === 1 ? one : i32.mul(one, count);
      f.increment(values.cursor(a) as Local<"i32">, by);
    }
  }

  /** Repeats while `left` is at least `by`, and takes `by` off it each time. */
  private countDown(left: Local<"i32">, by: number, body: () => void): void {
    this.f.while(i32.geS(left, by), () => {
      this.values.scoped(body);
      this.f.increment(left, -by);
    });
  }

  private row(chunk: Local<"i32">): void {
    const { f, values, structure, laneDim } = this;
    values.emit(this.nodes, (node) => node.scope === 1 && !node.late);
    if (structure.lanes === "inner") {
      for (const sweep of structure.sweeps) this.sweep(sweep);
      return;
    }
    const length = f.let(values.word(TASK_WORDS.chunk));
    const start = f.let(i32.mul(chunk, length));
    const left = f.let(i32.sub(values.word(structure.lane), start));
    f.set(left, select(left, length, i32.ltS(left, length)));
    const moving = this.moving(laneDim);
    for (const a of moving) values.enterCursor(a, i32.mul(start, values.laneStep(a)));
    const all = (sweeps: readonly LoopSweep[]) => (): void => {
      for (const { needs } of sweeps) values.emit(needs, (node) => node.scope === 2 && !node.late);
      for (const sweep of sweeps) this.sweep(sweep);
    };
    const { sweeps, interior } = structure;
    if (values.mode.tiled) this.tiledLoop(left, moving, all(sweeps));
    else if (interior) this.guardedLoop(left, start, interior, moving, all(sweeps), all(interior.sweeps));
    else this.laneLoop(left, sweeps[0].unroll, moving, all(sweeps));
  }

  /** Runs `body` over `left` positions of the lanes' dimension: several vectors at once, then one, then single points. */
  private laneLoop(left: Local<"i32">, unroll: number, moving: readonly number[], body: () => void): void {
    const { values } = this;
    const shapes = [...(unroll > 1 ? [[4, unroll]] : []), [4, 1], [1, 1]];
    for (const [width, vectors] of shapes)
      values.within({ width: width as 1 | 4, vectors: firstVectors(vectors) }, () => {
        this.countDown(left, width * vectors, () => {
          body();
          this.advance(this.laneDim, moving, width * vectors);
        });
      });
  }

  /** As `laneLoop`, for the rows of a tile: four of them at once, so that their vectors stay in registers. */
  private tiledLoop(left: Local<"i32">, moving: readonly number[], body: () => void): void {
    const { values } = this;
    const { vectors } = values.mode;
    for (const width of [4, 1] as const)
      this.countDown(left, width, () => {
        for (let first = 0; first < vectors.length; first += 4)
          values.within({ width, vectors: vectors.slice(first, first + 4) }, () => values.scoped(body));
        this.advance(this.laneDim, moving, width);
      });
  }

  /** As `laneLoop`, with one body for vectors in the interior, which tests no bounds, and one for all others. */
  private guardedLoop(
    left: Local<"i32">,
    start: Local<"i32">,
    interior: Interior,
    moving: readonly number[],
    body: () => void,
    interiorBody: () => void,
  ): void {
    const { f, values } = this;
    const position = f.let(start);
    const first = f.let(values.word(interior.first));
    const last = f.let(values.word(interior.last));
    for (const { affine, low, high, size } of interior.rows) {
      const at = f.let(values.cursor(affine));
      const below = i32.ltU(i32.add(at, values.word(low)), values.word(size));
      const above = i32.ltU(i32.add(at, values.word(high)), values.word(size));
      f.set(last, select(last, i32.const(0), i32.and(below, above)));
    }
    // Without an interior its loads may lie outside of the memory.
    f.if(i32.ltS(first, last), () => values.emit(this.interiorNodes, (node) => node.scope <= 1 && !node.late));
    this.laneLoop(left, this.structure.sweeps[0].unroll, moving, () => {
      const { width, vectors } = values.mode;
      const points = width * vectors.length;
      const ends = i32.leS(i32.add(position, points), last);
      if (width === 1) body();
      else
        f.if(
          i32.and(i32.geS(position, first), ends),
          () => values.scoped(interiorBody),
          () => values.scoped(body),
        );
      f.increment(position, points);
    });
  }

  private sweep(sweep: LoopSweep): void {
    const { values, structure } = this;
    const rowScope = structure.lanes === "rows" ? 2 : 1;
    values.emit(sweep.needs, (node) => node.scope <= rowScope);
    if (sweep.kind === "store") this.storeSweep(sweep);
    else if (structure.lanes === "rows") this.reduceRows(sweep);
    else this.reduceInner(sweep);
  }

  /** The affines that a sweep uses. */
  private affinesOf(sweep: LoopSweep): Set<number> {
    const { nodes, sources } = this.structure;
    const used = new Set<number>();
    for (const n of sweep.needs) {
      const { op, value } = nodes[n];
      if (op === "index" || op === "bound") used.add(value);
      if (op === "load" || op === "loadAt") used.add(sources[value].address);
    }
    if (sweep.kind === "store") for (const { target } of sweep.stores) used.add(target.address);
    return used;
  }

  /**
   * Loops over the inner positions; `body` is printed in the innermost loop. `block` limits how many points come between
   * two calls of `flush`.
   */
  private innerLoops(sweep: LoopSweep, body: () => void, blocks?: { size: number; flush: () => void }): void {
    const { f, values, structure } = this;
    const rows = structure.lanes === "rows";
    const used = this.affinesOf(sweep);
    const dims = rows ? this.innerDims : [...this.innerDims, this.laneDim];
    const sizes = rows ? structure.inner : [...structure.inner, structure.lane];
    const firstScope = rows ? 3 : 2;
    const pending = blocks && f.let(i32.const(0));

    const level = (depth: number): void => {
      if (depth === dims.length) {
        body();
        return;
      }
      const moving = this.moving(dims[depth]).filter((a) => used.has(a));
      const left = f.let(values.word(sizes[depth]));
      const turn = (): void =>
        values.scoped(() => {
          values.emit(sweep.needs, (node) => node.scope === firstScope + depth);
          level(depth + 1);
        });
      const loop = (count: Local<"i32">): void => {
        if (dims[depth] === this.laneDim) this.laneLoop(count, sweep.unroll, moving, turn);
        else {
          this.countDown(count, 1, () => {
            turn();
            this.advance(dims[depth], moving);
          });
        }
      };
      for (const a of moving) values.enterCursor(a);
      if (!blocks || !pending || depth < dims.length - 1) {
        loop(left);
        return;
      }
      f.while(i32.gtS(left, 0), () => {
        const count = f.let(select(left, i32.const(blocks.size), i32.ltS(left, blocks.size)));
        f.increment(left, i32.sub(0, count));
        f.increment(pending, count);
        values.scoped(() => loop(count));
        f.if(i32.geS(pending, blocks.size / 2), () => {
          blocks.flush();
          f.set(pending, 0);
        });
      });
    };
    values.scoped(() => level(0));
  }

  private storeSweep(sweep: Store): void {
    const { f, values } = this;
    const write = (): void => {
      const { vectors } = values.mode;
      const results = sweep.stores.map(({ value, type, target }) =>
        vectors.map((v) => f.let(castLanes(type, scalarOf(target.dtype), values.value(value, v)))),
      );
      sweep.stores.forEach(({ target }, i) => {
        vectors.forEach((v, at) => {
          values.store(target, v, results[i][at]);
        });
      });
    };
    if (sweep.per === "row") write();
    else this.innerLoops(sweep, write);
  }

  /** Every lane reduces its own row. */
  private reduceRows(sweep: Reduce): void {
    const { f, values } = this;
    const { op, type } = sweep;
    const totals = values.mode.vectors.map(() => new Total(f, op, type));
    const body = (): void => {
      totals.forEach((total, v) => {
        total.add(values.value(sweep.value, v));
      });
    };
    const flush = (): void => {
      for (const total of totals) total.carry();
    };
    this.innerLoops(sweep, body, isLongSum(op, type) ? { size: BLOCK.rows, flush } : undefined);
    totals.forEach((total, v) => {
      values.setAccumulator(sweep.acc, v, f.let(total.lanes()));
    });
  }

  /** The lanes, and several vectors of them, share a row; they are joined in a fixed order. */
  private reduceInner(sweep: Reduce): void {
    const { f, values } = this;
    const { op, type } = sweep;
    const totals = Array.from({ length: sweep.unroll }, () => new Total(f, op, type));
    const body = (): void => {
      for (const v of values.mode.vectors) {
        const value = values.value(sweep.value, v);
        if (values.mode.width === 1) totals[v].addFirst(value);
        else totals[v].add(value);
      }
    };
    const flush = (): void => {
      joinTotals(totals);
      totals[0].carry();
    };
    this.innerLoops(sweep, body, isLongSum(op, type) ? { size: BLOCK.inner, flush } : undefined);
    joinTotals(totals);
    values.setAccumulator(sweep.acc, 0, f.let(totals[0].all()));
  }
}
