/** The walk of the scan and sort kernels over their rows: where each access starts, and how to read along a row. */

import type { ComputeDType } from "../dtype.js";
import type { Access } from "../kernel.js";
import { numelOf } from "../node.js";
import { loadOne } from "./elements.js";
import { CPU_BYTES } from "./kernel.js";
import type { Lanes } from "./lanes.js";
import type { Params } from "./params.js";
import { type FunctionBuilder, i32, type Local, select, type Value, v128 } from "./wasm/index.js";

/** Words of an i32 that is affine in the position: its value at the origin, steps along the rows, step along the row. */
interface AffineWords {
  readonly base: number;
  readonly steps: readonly number[];
  readonly along: number;
}

interface AccessWords extends AffineWords {
  readonly dtype: ComputeDType;
  readonly bounds: readonly (AffineWords & { readonly size: number })[];
}

/** What the code of a walk depends on; equal walks print equal code. */
export interface RowWalk {
  readonly rows: number;
  readonly rowsPerTask: number;
  readonly sizes: readonly number[];
  readonly accesses: readonly AccessWords[];
}

/** An access within a row. */
export interface RowAccess {
  readonly dtype: ComputeDType;
  /** Address of its first element in this row, and the bytes from one to the next. */
  readonly start: Local<"i32">;
  readonly step: Local<"i32">;
  /** The element at `position`, in all lanes; 0 where it is out of bounds. */
  load(position: Value<"i32">): Lanes;
}

/** Fewest elements that are worth a task of their own, and the most tasks. */
const TASK_ELEMENTS = 1 << 13;
const MOST_TASKS = 64;

/** Fills the parameters. `length` is the number of elements that a row works on. */
export function rowWalk(
  params: Params,
  shape: readonly number[],
  length: number,
  accesses: readonly Access[],
): { walk: RowWalk; tasks: number } {
  const rows = numelOf(shape);
  const wanted = Math.max(1, Math.min(MOST_TASKS, Math.floor((rows * length) / TASK_ELEMENTS)));
  const rowsPerTask = Math.max(1, Math.ceil(rows / wanted));
  const affine = (base: number, strides: readonly number[], unit: number): AffineWords => ({
    base,
    steps: shape.map((_, d) => params.word((strides[d] ?? 0) * unit)),
    along: params.word((strides[shape.length] ?? 0) * unit),
  });
  const walk: RowWalk = {
    rows: params.word(rows),
    rowsPerTask: params.word(rowsPerTask),
    sizes: shape.map((n) => params.word(n)),
    accesses: accesses.map((a) => {
      const bytes = CPU_BYTES[a.dtype];
      return {
        dtype: a.dtype,
        ...affine(params.address(a.buffer, a.offset * bytes), a.strides, bytes),
        bounds: a.bounds.map((b) => ({ ...affine(params.word(b.offset), b.strides, 1), size: params.word(b.size) })),
      };
    }),
  };
  return { walk, tasks: Math.ceil(rows / rowsPerTask) };
}

/** Prints `body` for each row of the tasks [begin, end). */
export function printRowWalk(
  f: FunctionBuilder,
  walk: RowWalk,
  params: Local<"i32">,
  begin: Value<"i32">,
  end: Value<"i32">,
  body: (accesses: readonly RowAccess[]) => void,
): void {
  const word = (w: number): Value<"i32"> => i32.load(params, 4 * w);
  const first = f.let(i32.mul(begin, word(walk.rowsPerTask)));
  const wanted = f.let(i32.mul(end, word(walk.rowsPerTask)));
  const rows = f.let(word(walk.rows));
  const stop = f.let(select(wanted, rows, i32.ltS(wanted, rows)));
  f.forFrom(first, stop, 1, (row) => {
    const rest = f.let(row);
    const positions = walk.sizes.map(() => f.local("i32"));
    for (let d = positions.length - 1; d >= 0; d--) {
      f.set(positions[d], i32.remU(rest, word(walk.sizes[d])));
      f.set(rest, i32.divU(rest, word(walk.sizes[d])));
    }
    const start = ({ base, steps }: AffineWords): Local<"i32"> =>
      f.let(steps.reduce((sum, step, d) => i32.add(sum, i32.mul(positions[d], word(step))), word(base)));
    body(
      walk.accesses.map((access): RowAccess => {
        const address = start(access);
        const step = f.let(word(access.along));
        const bounds = access.bounds.map((b) => ({
          start: start(b),
          step: f.let(word(b.along)),
          size: f.let(word(b.size)),
        }));
        const load = (position: Value<"i32">): Lanes => {
          const element = (): Lanes => loadOne(f, access.dtype, i32.add(address, i32.mul(position, step)));
          if (bounds.length === 0) return element();
          const within = bounds
            .map((b) => i32.ltU(i32.add(b.start, i32.mul(position, b.step)), b.size))
            .reduce((all, one) => i32.and(all, one));
          const result = f.let(v128.zero);
          f.if(within, () => f.set(result, element()));
          return result;
        };
        return { dtype: access.dtype, start: address, step, load };
      }),
    );
  });
}
