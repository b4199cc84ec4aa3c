/**
 * Strips: a row of tiles of four channels, with zeros where the tensor ends, one channel a lane. Both operands of a weight
 * gradient are brought to the points of Winograd's form from strips, since its panels hold channels side by side.
 *
 * Columns are transformed first, for all columns of a strip at once: neighbouring tiles share two of their six.
 */

import type { RecordLayout } from "./gemm-record.js";
import { printZeros } from "./gemm-slab.js";
import {
  call,
  type FunctionBuilder,
  i32,
  type Local,
  select,
  type Value,
  v128,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";
import { F4, type Matrix } from "./winograd-form.js";
import { LinearMaps, transpose } from "./winograd-linear.js";

/** The most tiles of a strip: one of gradients, made of as many rows as there are points, takes 6 KB. */
export const STRIP_TILES = 16;
/** Bytes of a strip's row, which holds as many columns as the inputs of so many tiles. */
const PITCH = 16 * (STRIP_TILES * F4.outputs + F4.inputs - F4.outputs);
export const STRIP_BYTES = F4.inputs * PITCH;
const LANES = 4;

/** The tensor of an operand: address, bytes between images, channels and rows, its size, and where the first strip begins. */
export const TENSOR_FIELDS = ["tensor", "image", "channel", "row", "height", "width", "top", "left"] as const;
export type TensorField = (typeof TENSOR_FIELDS)[number];
/** How strips cover it: strips of an image and of a row, and tiles of a strip. */
export const GRID_FIELDS = ["stripsPerImage", "stripsPerRow", "stripTiles"] as const;
export type GridField = (typeof GRID_FIELDS)[number];

/** What an operand's tiles are: rows and columns of the tensor that each takes, and what transforms them. */
export interface TileKind {
  /** F4.inputs for inputs, F4.outputs for gradients of outputs. */
  readonly size: number;
  readonly matrix: Matrix;
  /** Channels of a panel; even. */
  readonly width: number;
  readonly fused: boolean;
}

/**
 * pack(record, to, channel0, channels, strip0, strips, pointBytes, strip): the panels of all points of some channels, over
 * the tiles of some strips. Panels of a point follow each other, `pointBytes` after those of the point before. `strip` is
 * scratch of `STRIP_BYTES`. As many channels as fill a vector are written.
 */
export type PackStrips = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"], "void">;

const clamp = (f: FunctionBuilder, x: Value<"i32">, low: Local<"i32"> | 0, high: Local<"i32">): Local<"i32"> => {
  const value = f.let(x);
  const least = low === 0 ? i32.const(0) : low;
  f.set(value, select(least, value, i32.ltS(value, least)));
  f.set(value, select(high, value, i32.gtS(value, high)));
  return value;
};

/** four(to, p0, p1, p2, p3, offset, count): elements of four channels from `offset` on, one vector each. */
function printFour(m: WasmModule): WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32"], "void"> {
  return m.helper(["i32", "i32", "i32", "i32", "i32", "i32", "i32"], "void", (f, to, p0, p1, p2, p3, offset, count) => {
    const from = [p0, p1, p2, p3];
    for (const address of from) f.increment(address, offset);
    f.while(i32.geS(count, LANES), () => {
      const rows = from.map((address) => f.let(v128.load(address)));
      transpose(f, rows).forEach((vector, i) => {
        f.store("v128", to, vector, 16 * i);
      });
      for (const address of from) f.increment(address, 4 * LANES);
      f.increment(to, 16 * LANES);
      f.increment(count, -LANES);
    });
    f.while(i32.gtS(count, 0), () => {
      let lanes: Value<"v128"> = v128.load32Zero(p0);
      for (const i of [1, 2, 3]) lanes = v128.load32Lane(from[i], lanes, i);
      f.store("v128", to, lanes);
      for (const address of from) f.increment(address, 4);
      f.increment(to, 16);
      f.increment(count, -1);
    });
  });
}

/** columns(strip, columns): transforms the columns in place. */
function printColumns(m: WasmModule, { size, matrix, fused }: TileKind): WasmFunction<readonly ["i32", "i32"], "void"> {
  return m.helper(["i32", "i32"], "void", (f, strip, columns) => {
    const maps = new LinearMaps(f, fused, matrix);
    f.for(0, columns, 1, () => {
      const column = Array.from({ length: size }, (_, i) => f.let(v128.load(strip, PITCH * i)));
      maps.rows(matrix, column).forEach((vector, i) => {
        f.store("v128", strip, vector, PITCH * i);
      });
      f.increment(strip, 16);
    });
  });
}

/** rows(strip, tiles, pointBytes, low, high): transforms rows, and writes lanes 0 and 1 to `low`, 2 and 3 to `high`. */
function printRows(
  m: WasmModule,
  { size, matrix, width, fused }: TileKind,
): WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32"], "void"> {
  return m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, strip, tiles, pointBytes, low, high) => {
    const maps = new LinearMaps(f, fused, matrix);
    const [at, toLow, toHigh] = [f.local("i32"), f.local("i32"), f.local("i32")];
    f.for(0, tiles, 1, () => {
      f.set(at, strip);
      f.set(toLow, low);
      f.set(toHigh, high);
      f.for(0, F4.inputs, 1, () => {
        const row = Array.from({ length: size }, (_, j) => f.let(v128.load(at, 16 * j)));
        for (const vector of maps.rows(matrix, row)) {
          if (width % LANES === 0) f.store("v128", toLow, vector);
          else {
            f.storeLane(64, toLow, vector, 0);
            f.storeLane(64, toHigh, vector, 1);
            f.increment(toHigh, pointBytes);
          }
          f.increment(toLow, pointBytes);
        }
        f.increment(at, PITCH);
      });
      f.increment(strip, 16 * F4.outputs);
      f.increment(low, 4 * width);
      f.increment(high, 4 * width);
    });
  });
}

/** Prints `pack` for an operand whose fields are named by `field` in a record of this layout. */
export function printPackStrips<F extends string>(
  m: WasmModule,
  kind: TileKind,
  layout: RecordLayout<F | GridField>,
  field: (name: TensorField) => F,
): PackStrips {
  const { size, width } = kind;
  const zeros = printZeros(m);
  const four = printFour(m);
  const columnsOf = printColumns(m, kind);
  const rowsOf = printRows(m, kind);

  /** fill(record, to, p0, p1, p2, p3, strip): the strip of this number within an image; gives its columns. */
  const fill = m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "i32",
    (f, record, to, p0, p1, p2, p3, strip) => {
      const step = f.let(i32.mul(layout.read(record, "stripTiles"), F4.outputs));
      const columns = f.let(i32.add(step, size - F4.outputs));
      const perRow = f.let(layout.read(record, "stripsPerRow"));
      const x = f.let(i32.add(i32.mul(i32.remU(strip, perRow), step), layout.read(record, field("left"))));
      const y = f.let(i32.add(i32.mul(i32.divU(strip, perRow), F4.outputs), layout.read(record, field("top"))));
      const begin = clamp(f, i32.sub(0, x), 0, columns);
      const end = clamp(f, i32.sub(layout.read(record, field("width")), x), begin, columns);
      const from = f.let(i32.add(i32.mul(y, layout.read(record, field("row"))), i32.shl(i32.add(x, begin), 2)));
      f.for(0, size, 1, () => {
        f.if(
          i32.ltU(y, layout.read(record, field("height"))),
          () => {
            f.call(zeros, to, i32.shl(begin, 4));
            f.call(four, i32.add(to, i32.shl(begin, 4)), p0, p1, p2, p3, from, i32.sub(end, begin));
            f.call(zeros, i32.add(to, i32.shl(end, 4)), i32.shl(i32.sub(columns, end), 4));
          },
          () => f.call(zeros, to, i32.shl(columns, 4)),
        );
        f.increment(y, 1);
        f.increment(from, layout.read(record, field("row")));
        f.increment(to, PITCH);
      });
      return columns;
    },
  );

  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, record, to, channel0, channels, strip0, strips, pointBytes, strip) => {
      const tiles = f.let(layout.read(record, "stripTiles"));
      const panel = f.let(i32.mul(i32.mul(strips, tiles), 4 * width));
      const place = (lane: Value<"i32"> | Local<"i32">): Value<"i32"> =>
        i32.add(to, i32.add(i32.mul(i32.divU(lane, width), panel), i32.shl(i32.remU(lane, width), 2)));
      const last = f.let(i32.sub(channels, 1));
      const perImage = f.let(layout.read(record, "stripsPerImage"));
      const image = f.local("i32");
      const [low, high] = [f.local("i32"), f.local("i32")];
      const planes = [0, 1, 2, 3].map(() => f.local("i32"));
      f.for(0, channels, LANES, (lane) => {
        f.set(low, place(lane));
        f.set(high, place(i32.add(lane, 2)));
        f.for(strip0, i32.add(strip0, strips), 1, (at) => {
          f.set(
            image,
            i32.add(
              layout.read(record, field("tensor")),
              i32.mul(i32.divU(at, perImage), layout.read(record, field("image"))),
            ),
          );
          planes.forEach((plane, i) => {
            // Lanes beyond the channels repeat the last one: nobody reads what comes of them.
            f.set(plane, i32.add(lane, i));
            f.set(plane, i32.add(channel0, select(last, plane, i32.gtS(plane, last))));
            f.set(plane, i32.add(image, i32.mul(plane, layout.read(record, field("channel")))));
          });
          const [p0, p1, p2, p3] = planes;
          f.call(columnsOf, strip, call(fill, record, strip, p0, p1, p2, p3, i32.remU(at, perImage)));
          f.call(rowsOf, strip, tiles, pointBytes, low, high);
          f.increment(low, i32.mul(tiles, 4 * width));
          f.increment(high, i32.mul(tiles, 4 * width));
        });
      });
    },
  );
}
