/** Slabs: copies of image rows with their borders of zeros, so that gathering windows needs no bounds checks. */

import { FIELDS } from "./gemm-params.js";
import { call, f32, i32, v128, type WasmFunction, type WasmModule } from "./wasm/index.js";

const field = FIELDS.read;

/**
 * slab(record, to, tensor, lane0, lanes, point0, points) → base. Copies the channels of the lanes and the rows under the
 * grid's points to `to`; `base` is where the first tap of grid point 0 and channel 0 would lie.
 */
export type SlabFunction = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32"], "i32">;

/** zeros(to, bytes) */
export const printZeros = (m: WasmModule): WasmFunction<readonly ["i32", "i32"], "void"> =>
  m.helper(["i32", "i32"], "void", (f, to, bytes) => {
    const end = f.let(i32.add(to, bytes));
    f.while(i32.leU(i32.add(to, 16), end), () => {
      f.store("v128", to, v128.zero);
      f.increment(to, 16);
    });
    f.while(i32.ltU(to, end), () => {
      f.store("f32", to, 0);
      f.increment(to, 4);
    });
  });

/** copy(to, from, bytes, step): elements that lie `step` bytes apart. */
export const printCopy = (m: WasmModule): WasmFunction<readonly ["i32", "i32", "i32", "i32"], "void"> =>
  m.helper(["i32", "i32", "i32", "i32"], "void", (f, to, from, bytes, step) => {
    const end = f.let(i32.add(to, bytes));
    f.if(i32.eq(step, 4), () =>
      f.while(i32.leU(i32.add(to, 16), end), () => {
        f.store("v128", to, v128.load(from));
        f.increment(to, 16);
        f.increment(from, 16);
      }),
    );
    f.while(i32.ltU(to, end), () => {
      f.store("f32", to, f32.load(from));
      f.increment(to, 4);
      f.increment(from, step);
    });
  });

export function printSlab(m: WasmModule): SlabFunction {
  const zeros = printZeros(m);
  const copy = printCopy(m);
  const rowOf = m.helper(["i32", "i32"], "i32", (f, record, point) => {
    const row = f.let(i32.divU(point, field(record, "gridWidth")));
    const image = f.let(i32.divU(row, field(record, "gridHeight")));
    const y = i32.sub(row, i32.mul(image, field(record, "gridHeight")));
    return i32.add(i32.mul(image, field(record, "height")), i32.mul(y, field(record, "step")));
  });

  /** One channel: rows [first, last) from `tensor`. */
  const channelRows = m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, record, to, tensor, first, last) => {
    const height = f.let(field(record, "height"));
    const image = f.let(i32.divU(first, height));
    const y = f.let(i32.sub(i32.remU(first, height), field(record, "top")));
    const end = f.let(i32.sub(height, field(record, "top")));
    const from = f.local("i32");
    f.forFrom(first, last, 1, () => {
      f.if(
        i32.ltU(y, field(record, "tensorHeight")),
        () => {
          f.set(from, i32.add(tensor, i32.mul(image, field(record, "tensorImage"))));
          f.set(from, i32.add(from, i32.mul(y, field(record, "tensorRow"))));
          f.call(zeros, to, field(record, "lead"));
          f.increment(to, field(record, "lead"));
          f.call(
            copy,
            to,
            i32.add(from, field(record, "firstColumn")),
            field(record, "copied"),
            field(record, "tensorColumn"),
          );
          f.increment(to, field(record, "copied"));
          f.call(zeros, to, field(record, "tail"));
          f.increment(to, field(record, "tail"));
        },
        () => {
          f.call(zeros, to, field(record, "rowBytes"));
          f.increment(to, field(record, "rowBytes"));
        },
      );
      f.increment(y, 1);
      f.if(i32.eq(y, end), () => {
        f.set(y, i32.sub(0, field(record, "top")));
        f.increment(image, 1);
      });
    });
  });

  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "i32",
    (f, record, to, tensor, lane0, lanes, point0, points) => {
      const channel = f.let(i32.divU(lane0, field(record, "taps")));
      const channelEnd = f.let(i32.add(i32.divU(i32.sub(i32.add(lane0, lanes), 1), field(record, "taps")), 1));
      const first = f.let(call(rowOf, record, point0));
      const last = f.let(i32.add(call(rowOf, record, i32.sub(i32.add(point0, points), 1)), field(record, "extent")));
      const before = i32.add(
        i32.mul(channel, field(record, "channelBytes")),
        i32.mul(first, field(record, "rowBytes")),
      );
      const base = f.let(i32.add(i32.sub(to, before), field(record, "origin")));
      f.forFrom(channel, channelEnd, 1, () => {
        f.call(channelRows, record, to, i32.add(tensor, i32.mul(channel, field(record, "tensorChannel"))), first, last);
        f.increment(to, field(record, "channelBytes"));
      });
      return base;
    },
  );
}
