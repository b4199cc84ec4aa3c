/** Prints running sums: a row after another, f32 in f64 as torch does, integers modulo 2³². */

import { scalarOf } from "../expr.js";
import type { ScanKernel } from "../kernel.js";
import { storeOne } from "./elements.js";
import { type CpuKernel, moduleCode, oneStage } from "./kernel.js";
import { castLanes, type Lanes } from "./lanes.js";
import { Params } from "./params.js";
import { printRowWalk, type RowWalk, rowWalk } from "./row-walk.js";
import { type FunctionBuilder, f32, f32x4, f64, i32, i32x4, type Value, type WasmModule } from "./wasm/index.js";

export function printScan(kernel: ScanKernel): CpuKernel {
  const params = new Params();
  const length = params.word(kernel.length);
  const { walk, tasks } = rowWalk(params, kernel.rows, kernel.length, [kernel.source, kernel.target]);
  return oneStage({
    code: moduleCode(`scan ${JSON.stringify(walk)}`, (m) => printScanRun(m, walk, length)),
    tasks,
    scratch: 0,
    ...params.finish(),
  });
}

/** A running total, and the code that adds a value to it and gives it back in all lanes. */
function runningSum(f: FunctionBuilder, real: boolean): { reset(): void; add(value: Lanes): Lanes } {
  if (real) {
    const total = f.local("f64");
    return {
      reset: () => f.set(total, 0),
      add: (value) => {
        f.set(total, f64.add(total, f64.promoteF32(f32x4.extract(value, 0))));
        return f32x4.splat(f32.demoteF64(total));
      },
    };
  }
  const total = f.local("i32");
  return {
    reset: () => f.set(total, 0),
    add: (value) => {
      f.set(total, i32.add(total, i32x4.extract(value, 0)));
      return i32x4.splat(total);
    },
  };
}

function printScanRun(m: WasmModule, walk: RowWalk, length: number): void {
  m.func("run", ["i32", "i32", "i32", "i32"], "void", (f, params, begin, end) => {
    const count = f.let(i32.load(params, 4 * length));
    const from = scalarOf(walk.accesses[0].dtype);
    const counted = from === "bool" ? "i32" : from;
    const sum = runningSum(f, from === "f32");
    printRowWalk(f, walk, params, begin, end, ([source, target]) => {
      sum.reset();
      const at = f.let(target.start as Value<"i32">);
      f.for(0, count, 1, (i) => {
        const total = sum.add(castLanes(from, counted, source.load(i)));
        storeOne(f, target.dtype, at, castLanes(counted, scalarOf(target.dtype), total));
        f.increment(at, target.step);
      });
    });
  });
}
