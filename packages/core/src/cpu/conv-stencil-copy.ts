/**
 * Moving planes for depthwise convolutions. A *slab* is part of a plane with its border of zeros; where points lie several
 * columns apart, each row is sorted by phase (columns that are equal modulo that step), so that any tap of a row of points
 * is one run of neighbours. The results of an input gradient with a stride are phases of rows and columns as well; they are
 * put together here.
 */

import type { RecordLayout } from "./gemm-record.js";
import { printCopy } from "./gemm-slab.js";
import { f32, i32, v128, type WasmFunction, type WasmModule } from "./wasm/index.js";

/** How rows of a plane are copied; all in bytes, and `mode` one of `COPY`. `copyColumns` points to what each column phase
 *  copies: bytes, from where in the plane's row, and to where in the slab's. */
export const COPY_FIELDS = ["mode", "columnStep", "fromRow", "fromColumn", "copyColumns", "pitch"] as const;
type Layout = RecordLayout<(typeof COPY_FIELDS)[number]>;

/** Rows of neighbours with one phase, rows of neighbours with two, and any rows. */
export const COPY = { whole: 0, halves: 1, any: 2 } as const;

/** Fewest columns of the plane that the first two modes take. */
export const LEAST_COLUMNS = { whole: 4, halves: 9 } as const;

/** copyRows(params, record, to, from, rows): from row `from` of a plane to row `to` of a slab. */
export type CopyRows = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32"], "void">;

export function printCopyRows(m: WasmModule, layout: Layout): CopyRows {
  const whole = printCopyWhole(m);
  const halves = printCopyHalves(m);
  const copy = printCopy(m);
  return m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, params, record, to, from, rows) => {
    const field = (name: (typeof COPY_FIELDS)[number]) => layout.read(record, name);
    const columns = f.let(i32.add(params, field("copyColumns")));
    const [bytes, fromRow, pitch] = [f.let(i32.load(columns)), f.let(field("fromRow")), f.let(field("pitch"))];
    const start = i32.add(from, i32.load(columns, 4));
    const first = i32.add(to, i32.load(columns, 8));
    f.if(i32.eq(field("mode"), COPY.whole), () => {
      f.call(whole, first, start, rows, bytes, pitch, fromRow);
      f.return();
    });
    f.if(i32.eq(field("mode"), COPY.halves), () => {
      const all = i32.add(bytes, i32.load(columns, 12));
      f.call(halves, first, i32.add(to, i32.load(columns, 20)), start, rows, all, pitch, fromRow);
      f.return();
    });
    const step = f.let(i32.mul(field("columnStep"), field("fromColumn")));
    f.for(0, rows, 1, () => {
      const phase = f.let(columns);
      f.for(0, field("columnStep"), 1, () => {
        f.call(copy, i32.add(to, i32.load(phase, 8)), i32.add(from, i32.load(phase, 4)), i32.load(phase), step);
        f.increment(phase, 12);
      });
      f.increment(to, pitch);
      f.increment(from, fromRow);
    });
  });
}

/** whole(to, from, rows, bytes, toPitch, fromPitch): at least a vector a row. */
const printCopyWhole = (m: WasmModule) =>
  m.helper(["i32", "i32", "i32", "i32", "i32", "i32"], "void", (f, to, from, rows, bytes, toPitch, fromPitch) => {
    const last = f.let(i32.sub(bytes, 16));
    f.for(0, rows, 1, () => {
      f.for(0, last, 16, (x) => f.store("v128", i32.add(to, x), v128.load(i32.add(from, x))));
      f.store("v128", i32.add(to, last), v128.load(i32.add(from, last)));
      f.increment(to, toPitch);
      f.increment(from, fromPitch);
    });
  });

/** halves(first, second, from, rows, bytes, toPitch, fromPitch): `first` gets every second element, `second` the others. */
const printCopyHalves = (m: WasmModule) =>
  m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, first, second, from, rows, bytes, toPitch, fromPitch) => {
      // The last eight elements are moved back to end with an even row; an odd row has one more.
      const end = f.let(i32.and(bytes, -8));
      const last = f.let(i32.sub(end, 32));
      const [x, half, low, high] = [f.local("i32"), f.local("i32"), f.local("v128"), f.local("v128")];
      const eight = (): void => {
        f.set(low, v128.load(i32.add(from, x)));
        f.set(high, v128.load(i32.add(from, x), 16));
        f.set(half, i32.shrU(x, 1));
        f.store("v128", i32.add(first, half), v128.shuffle32(low, high, [0, 2, 4, 6]));
        f.store("v128", i32.add(second, half), v128.shuffle32(low, high, [1, 3, 5, 7]));
      };
      f.for(0, rows, 1, () => {
        f.set(x, 0);
        f.forFrom(x, last, 32, eight);
        f.set(x, last);
        eight();
        f.if(i32.ne(end, bytes), () => f.store("f32", i32.add(first, i32.shrU(end, 1)), f32.load(i32.add(from, end))));
        f.increment(first, toPitch);
        f.increment(second, toPitch);
        f.increment(from, fromPitch);
      });
    },
  );

/** interleave(c, parts, partBytes, partPitch, rows, columns, rowPhases, columnPhases) */
export type InterleaveFunction = WasmFunction<
  readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  "void"
>;

/**
 * Puts a plane together from its phases: C[y, x] is element (⌊y / rowPhases⌋, ⌊x / columnPhases⌋) of the part of its row
 * phase and column phase. Rows of C may be exceeded by seven elements, which the next row overwrites.
 */
export const printInterleave = (m: WasmModule): InterleaveFunction => {
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, c, parts, partBytes, partPitch, rows, columns, rowPhases, columnPhases) => {
      const [phase, from, x, low, high] = [
        f.local("i32"),
        f.local("i32"),
        f.local("i32"),
        f.local("v128"),
        f.local("v128"),
      ];
      const bytes = f.let(i32.shl(columns, 2));
      const ofRow = f.let(i32.mul(partBytes, columnPhases));
      f.set(from, parts);
      const zip = (): void => {
        f.set(x, 0);
        f.forFrom(x, bytes, 32, () => {
          const at = i32.add(from, i32.shrU(x, 1));
          f.set(low, v128.load(at));
          f.set(high, v128.load(i32.add(at, partBytes)));
          f.store("v128", i32.add(c, x), v128.shuffle32(low, high, [0, 4, 1, 5]));
          f.store("v128", i32.add(c, x), v128.shuffle32(low, high, [2, 6, 3, 7]), 16);
        });
      };
      const any = (): void =>
        f.for(0, columnPhases, 1, (columnPhase) => {
          const part = f.let(i32.add(from, i32.mul(columnPhase, partBytes)));
          f.for(columnPhase, columns, columnPhases, (column) => {
            f.store("f32", i32.add(c, i32.shl(column, 2)), f32.load(part));
            f.increment(part, 4);
          });
        });
      f.for(0, rows, 1, () => {
        f.if(i32.eq(columnPhases, 2), zip, any);
        f.increment(c, bytes);
        f.increment(from, ofRow);
        f.increment(phase, 1);
        f.if(i32.eq(phase, rowPhases), () => {
          f.set(phase, 0);
          f.increment(parts, partPitch);
          f.set(from, parts);
        });
      });
    },
  );
};
