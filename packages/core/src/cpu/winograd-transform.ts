/**
 * The three transforms of Winograd's convolution, each on four things at once, one a lane: filters of four output
 * channels, and four tiles, wherever they lie. Rows are transformed first, then columns; value (row i, column j) of a
 * transformed tile belongs to product j·n + i.
 */

import { i32, type Local, type Value, v128, type WasmFunction, type WasmModule } from "./wasm/index.js";
import type { WinogradForm } from "./winograd-form.js";
import { LinearMaps, transpose } from "./winograd-linear.js";

type I32 = "i32";
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/**
 * filters(from0, from1, from2, from3, kStride, kc, taps, to, pointStride, kPitch): the filters of `lanes` (2 or 4) output
 * channels, whose first taps for the first input channel are at `from…`, for `kc` input channels. `taps` are the byte
 * offsets of a filter's nine taps.
 */
export function printFilters(
  m: WasmModule,
  form: WinogradForm,
  fused: boolean,
  lanes: 2 | 4,
): WasmFunction<readonly [I32, I32, I32, I32, I32, I32, I32, I32, I32, I32], "void"> {
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, from0, from1, from2, from3, kStride, kc, taps, to, pointStride, kPitch) => {
      const from = [from0, from1, from2, from3];
      const maps = new LinearMaps(f, fused, form.filter);
      const offsets = upTo(9).map((t) => f.let(i32.load(taps, 4 * t)));
      const at = f.local("i32");
      f.for(0, kc, 1, () => {
        const rows = upTo(3).map((y) => {
          const tap = upTo(3).map((x) => {
            const offset = offsets[3 * y + x];
            let four: Value<"v128"> = v128.load32Zero(i32.add(from[0], offset));
            for (const l of upTo(lanes).slice(1)) four = v128.load32Lane(i32.add(from[l], offset), four, l);
            return f.let(four);
          });
          return maps.rows(form.filter, tap);
        });
        f.set(at, to);
        for (const j of upTo(form.inputs)) {
          for (const value of maps.rows(
            form.filter,
            rows.map((row) => row[j]),
          )) {
            if (lanes === 4) f.store("v128", at, value);
            else f.storeLane(64, at, value, 0);
            f.increment(at, pointStride);
          }
        }
        for (const address of from) f.increment(address, kStride);
        f.increment(to, kPitch);
      });
    },
  );
}

/**
 * data(slab, pitch, tiles, end, to, pointStride, panel): one channel of the tiles whose first inputs are at the offsets in
 * [tiles, end), as one row of panels that are `nr` wide and `panel` bytes apart.
 */
export function printData(
  m: WasmModule,
  form: WinogradForm,
  fused: boolean,
  nr: number,
): WasmFunction<readonly [I32, I32, I32, I32, I32, I32, I32], "void"> {
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, slab, pitch, tiles, end, to, pointStride, panel) => {
      const maps = new LinearMaps(f, fused, form.data);
      const from = upTo(4).map(() => f.local("i32"));
      const [quad, at] = [f.local("i32"), f.local("i32")];
      f.while(i32.ltU(tiles, end), () => {
        f.set(quad, to);
        f.forFrom(quad, i32.add(to, 4 * nr), 16, () => {
          from.forEach((address, l) => {
            f.set(address, i32.add(slab, i32.load(tiles, 4 * l)));
          });
          const rows = upTo(form.inputs).map((y) => {
            if (y > 0) for (const address of from) f.increment(address, pitch);
            const first = transpose(
              f,
              from.map((address) => f.let(v128.load(address))),
            );
            if (form.inputs === 4) return maps.rows(form.data, first);
            const [a, b] = [0, 2].map((l) => {
              const low = v128.load64Zero(from[l], 16);
              return f.let(v128.load64Lane(from[l + 1], low, 1, 16));
            });
            const rest = [f.let(v128.shuffle32(a, b, [0, 2, 4, 6])), f.let(v128.shuffle32(a, b, [1, 3, 5, 7]))];
            return maps.rows(form.data, [...first, ...rest]);
          });
          f.set(at, quad);
          for (const j of upTo(form.inputs)) {
            for (const value of maps.rows(
              form.data,
              rows.map((row) => row[j]),
            )) {
              f.store("v128", at, value);
              f.increment(at, pointStride);
            }
          }
          f.increment(tiles, 16);
        });
        f.increment(to, panel);
      });
    },
  );
}

/**
 * outputs(from, pointStride, tiles, end, to, pitch): the tiles of one output channel, whose products begin at `from`. The
 * first output of each goes to the offset in [tiles, end) from `to`, the rows of a tile `pitch` bytes apart. Tiles may
 * overlap: what later ones give remains.
 */
export function printOutputs(
  m: WasmModule,
  form: WinogradForm,
  fused: boolean,
): WasmFunction<readonly [I32, I32, I32, I32, I32, I32], "void"> {
  return m.helper(["i32", "i32", "i32", "i32", "i32", "i32"], "void", (f, from, pointStride, tiles, end, to, pitch) => {
    const maps = new LinearMaps(f, fused, form.output);
    const at = f.local("i32");
    const tile = upTo(4).map(() => f.local("i32"));
    f.while(i32.ltU(tiles, end), () => {
      f.set(at, from);
      const columns = upTo(form.inputs).map(() => {
        const products = upTo(form.inputs).map(() => {
          const product = f.let(v128.load(at));
          f.increment(at, pointStride);
          return product;
        });
        return maps.columns(form.output, products);
      });
      tile.forEach((address, l) => {
        f.set(address, i32.add(to, i32.load(tiles, 4 * l)));
      });
      for (const y of upTo(form.outputs)) {
        if (y > 0) for (const address of tile) f.increment(address, pitch);
        const row = maps.columns(
          form.output,
          columns.map((column) => column[y]),
        );
        const store = form.outputs === 4 ? storeFours : storePairs;
        store(row);
      }
      f.increment(from, 16);
      f.increment(tiles, 16);
    });

    function storeFours(row: readonly Local<"v128">[]): void {
      transpose(f, row).forEach((four, l) => {
        f.store("v128", tile[l], four);
      });
    }
    function storePairs([x, y]: readonly Local<"v128">[]): void {
      (
        [
          [0, 4, 1, 5],
          [2, 6, 3, 7],
        ] as const
      ).forEach((lanes, half) => {
        const pairs = f.let(v128.shuffle32(x, y, lanes));
        f.storeLane(64, tile[2 * half], pairs, 0);
        f.storeLane(64, tile[2 * half + 1], pairs, 1);
      });
    }
  });
}
