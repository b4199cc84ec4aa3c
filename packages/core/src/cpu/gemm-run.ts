/** The exported function of a kernel made of records: it finds a task's record and calls what computes its items. */

import type { RecordLayout } from "./gemm-record.js";
import { i32, type WasmFunction, type WasmModule } from "./wasm/index.js";

/** item(params, record, index, scratch) */
export type ItemFunction = WasmFunction<readonly ["i32", "i32", "i32", "i32"], "void">;

/** Tasks of the first record come first; a task is up to `perTask` items. */
export function printRun(m: WasmModule, layout: RecordLayout<"tasks" | "items" | "perTask">, item: ItemFunction): void {
  m.func("run", ["i32", "i32", "i32", "i32"], "void", (f, params, begin, end, scratch) => {
    const [record, task, at, last] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
    f.forFrom(begin, end, 1, () => {
      f.set(record, params);
      f.set(task, begin);
      f.while(i32.geS(task, layout.read(record, "tasks")), () => {
        f.set(task, i32.sub(task, layout.read(record, "tasks")));
        f.increment(record, layout.bytes);
      });
      f.set(at, i32.mul(task, layout.read(record, "perTask")));
      f.set(last, i32.add(at, layout.read(record, "perTask")));
      f.if(i32.gtS(last, layout.read(record, "items")), () => f.set(last, layout.read(record, "items")));
      f.forFrom(at, last, 1, () => f.call(item, params, record, at, scratch));
    });
  });
}
