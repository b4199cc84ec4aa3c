/**
 * Prints stable sorts. An element becomes a 64-bit word: above, an integer that is ordered as the values are; below, the
 * position. The words are all different, so sorting them is stable by itself. They are sorted in scratch memory by
 * merging runs of 1, 2, 4 … words to and fro between two halves.
 */

import { scalarOf } from "../expr.js";
import type { SortKernel } from "../kernel.js";
import { storeOne } from "./elements.js";
import { type CpuKernel, moduleCode, oneStage } from "./kernel.js";
import { castLanes, type Lanes } from "./lanes.js";
import { Params } from "./params.js";
import { printRowWalk, type RowAccess, type RowWalk, rowWalk } from "./row-walk.js";
import {
  call,
  type FunctionBuilder,
  f32,
  f32x4,
  i32,
  i32x4,
  i64,
  type Local,
  select,
  type Value,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

export function printSort(kernel: SortKernel): CpuKernel {
  const params = new Params();
  const words = { length: params.word(kernel.length), take: params.word(kernel.take) };
  const { walk, tasks } = rowWalk(params, kernel.rows, kernel.length, [kernel.source, kernel.target]);
  const { descending } = kernel;
  return oneStage({
    code: moduleCode(`sort ${descending} ${JSON.stringify(walk)}`, (m) => printSortRun(m, walk, words, descending)),
    tasks,
    scratch: 16 * kernel.length,
    ...params.finish(),
  });
}

/** An i32 that is ordered as the values are: both zeros are equal, NaN is the largest. */
function orderOf(f: FunctionBuilder, source: RowAccess, value: Lanes): Value<"i32"> {
  const scalar = scalarOf(source.dtype);
  if (scalar !== "f32") return i32x4.extract(castLanes(scalar, "i32", value), 0);
  const x = f.let(f32.add(f32x4.extract(value, 0), 0));
  const bits = f.let(i32.reinterpretF32(x));
  // Larger magnitudes of negative numbers are smaller.
  const ordered = i32.xor(bits, i32.shrU(i32.shrS(bits, 31), 1));
  return select(ordered, i32.const(0x7fffffff), f32.eq(x, x));
}

type Sort = WasmFunction<readonly ["i32", "i32", "i32"], "i32">;

/** sort(a, b, count): sorts the words at `a` with the help of as much room at `b`; gives where they are in the end. */
function mergeSort(m: WasmModule): Sort {
  return m.helper(["i32", "i32", "i32"], "i32", (f, a, b, count) => {
    const bytes = f.let(i32.shl(count, 3));
    const width = f.let(i32.const(8));
    const swap = f.local("i32");
    f.while(i32.ltU(width, bytes), () => {
      f.for(0, bytes, i32.shl(width, 1), (start) => mergeRuns(f, a, b, { start, width, bytes }));
      f.set(swap, a);
      f.set(a, b);
      f.set(b, swap);
      f.set(width, i32.shl(width, 1));
    });
    return a;
  });
}

/** Merges the runs of `a` at `start` and at `start + width` into `b`. Offsets are in bytes. */
function mergeRuns(
  f: FunctionBuilder,
  a: Local<"i32">,
  b: Local<"i32">,
  run: { start: Local<"i32">; width: Local<"i32">; bytes: Local<"i32"> },
): void {
  const { start, width, bytes } = run;
  const clip = (offset: Value<"i32">): Local<"i32"> => {
    const at = f.let(offset);
    f.set(at, i32.add(a, select(at, bytes, i32.ltU(at, bytes))));
    return at;
  };
  const middle = clip(i32.add(start, width));
  const end = clip(i32.add(start, i32.shl(width, 1)));
  const left = f.let(i32.add(a, start));
  const right = f.let(middle as Value<"i32">);
  const to = f.let(i32.add(b, start));
  f.while(i32.and(i32.ltU(left, middle), i32.ltU(right, end)), () => {
    const x = f.let(i64.load(left));
    const y = f.let(i64.load(right));
    const first = f.let(i64.ltS(x, y));
    f.store("i64", to, select(x, y, first));
    f.increment(left, i32.shl(first, 3));
    f.increment(right, i32.shl(i32.eqz(first), 3));
    f.increment(to, 8);
  });
  const remaining = f.let(i32.sub(middle, left));
  f.memoryCopy(to, left, remaining);
  f.memoryCopy(i32.add(to, remaining), right, i32.sub(end, right));
}

function printSortRun(
  m: WasmModule,
  walk: RowWalk,
  words: { length: number; take: number },
  descending: boolean,
): void {
  const sort = mergeSort(m);
  m.func("run", ["i32", "i32", "i32", "i32"], "void", (f, params, begin, end, scratch) => {
    const length = f.let(i32.load(params, 4 * words.length));
    const take = f.let(i32.load(params, 4 * words.take));
    const other = f.let(i32.add(scratch, i32.shl(length, 3)));
    printRowWalk(f, walk, params, begin, end, ([source, target]) => {
      f.for(0, length, 1, (i) => {
        const order = orderOf(f, source, source.load(i));
        const key = descending ? i32.xor(order, -1) : order;
        const word = i64.or(i64.shl(i64.extendI32S(key), 32n), i64.extendI32U(i));
        f.store("i64", i32.add(scratch, i32.shl(i, 3)), word);
      });
      const sorted = f.let(call(sort, scratch, other, length));
      const at = f.let(target.start as Value<"i32">);
      f.for(0, take, 1, (i) => {
        storeOne(f, target.dtype, at, i32x4.splat(i32.load(i32.add(sorted, i32.shl(i, 3)))));
        f.increment(at, target.step);
      });
    });
  });
}
