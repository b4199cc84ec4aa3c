/**
 * The tiles of a block. Rows of tiles are counted over all images; a block is some of them, complete, so its outputs are
 * neighbours in the result. The last row and column of an image's tiles are moved back into the image: they overlap
 * their neighbours where sizes are no multiples of a tile's, so that no tile is cut.
 *
 * What tiles read is copied, channel by channel, into a slab, whose rows lie one below the other with zeros around them.
 */

import { printCopy, printZeros } from "./gemm-slab.js";
import { i32, select, type Value, type WasmFunction, type WasmModule } from "./wasm/index.js";
import type { WinogradForm } from "./winograd-form.js";
import { WINOGRAD, type WinogradField } from "./winograd-params.js";
import { printData } from "./winograd-transform.js";

const field = WINOGRAD.read;
type I32 = "i32";

/** block(record, scratch, first, rows) → end: lists offsets of the tiles of some rows in the slab (`inputs`) and among the
 *  block's outputs (`outputs`), and the rows that the slab copies (`copies`, up to `end`): from and to. */
export type BlockFunction = WasmFunction<readonly [I32, I32, I32, I32], I32>;

/** slice(record, scratch, copiesEnd, rows, to, panel, k0, kc): transforms the block's tiles of some channels into panels
 *  that are `panel` bytes apart. */
export type SliceFunction = WasmFunction<readonly [I32, I32, I32, I32, I32, I32, I32, I32], "void">;

const least = (x: Value<"i32">, y: Value<"i32">): Value<"i32"> => select(x, y, i32.ltS(x, y));

/** Tiles of some rows, rounded up to whole panels. */
export const panelTiles = (tiles: Value<"i32">, nr: number): Value<"i32"> =>
  i32.mul(i32.divU(i32.add(tiles, nr - 1), nr), nr);

/** The first output of a row of tiles, as the result's planes count: where its tiles would begin if none were moved. */
export const printFirstOutput = (m: WasmModule, { outputs }: WinogradForm): WasmFunction<readonly [I32, I32], I32> =>
  m.helper(["i32", "i32"], "i32", (f, record, row) => {
    const image = f.let(i32.divU(row, field(record, "imageRows")));
    const y = i32.mul(i32.sub(row, i32.mul(image, field(record, "imageRows"))), outputs);
    return i32.mul(i32.add(i32.mul(image, field(record, "height")), y), field(record, "width"));
  });

export function printBlock(m: WasmModule, { outputs, inputs }: WinogradForm, nr: number): BlockFunction {
  const zeros = printZeros(m);
  return m.helper(["i32", "i32", "i32", "i32"], "i32", (f, record, scratch, first, rows) => {
    const at = (name: WinogradField): Value<"i32"> => i32.add(scratch, field(record, name));
    f.call(zeros, at("slab"), field(record, "slabBytes"));
    const pitch = f.let(field(record, "pitch"));
    const [ins, outs, copies] = [f.let(at("inputs")), f.let(at("outputs")), f.let(at("copies"))];
    const image = f.let(i32.divU(first, field(record, "imageRows")));
    const row = f.let(i32.remU(first, field(record, "imageRows")));
    const start = f.let(i32.mul(row, outputs));
    const firstRow = f.let(i32.add(i32.mul(image, field(record, "height")), start));
    /** The next row of the image's padded plane that is not in the slab yet, and where it will be. */
    const [next, free] = [f.let(start), f.local("i32")];
    const [y, x, out, from] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
    f.set(next, least(start, field(record, "lastRow")));
    f.for(0, rows, 1, () => {
      f.set(y, least(i32.mul(row, outputs), field(record, "lastRow")));
      const inSlab = f.let(i32.sub(free, i32.mul(i32.sub(next, y), pitch)));
      f.forFrom(next, i32.add(y, inputs), 1, () => {
        f.set(from, i32.sub(next, field(record, "top")));
        f.if(i32.ltU(from, field(record, "tensorHeight")), () => {
          f.set(from, i32.mul(from, field(record, "tensorRow")));
          f.increment(from, i32.mul(image, field(record, "tensorImage")));
          f.store("i32", copies, i32.add(from, field(record, "firstColumn")));
          f.store("i32", copies, i32.add(free, field(record, "lead")), 4);
          f.increment(copies, 8);
        });
        f.increment(free, pitch);
      });
      f.set(out, i32.sub(i32.add(i32.mul(image, field(record, "height")), y), firstRow));
      f.set(out, i32.mul(out, field(record, "width")));
      f.for(0, field(record, "imageColumns"), 1, (column) => {
        f.set(x, least(i32.mul(column, outputs), field(record, "lastColumn")));
        f.store("i32", ins, i32.add(inSlab, i32.shl(x, 2)));
        f.store("i32", outs, i32.shl(i32.add(out, x), 2));
        f.increment(ins, 4);
        f.increment(outs, 4);
      });
      f.increment(row, 1);
      f.if(i32.eq(row, field(record, "imageRows")), () => {
        f.set(row, 0);
        f.set(next, 0);
        f.increment(image, 1);
      });
    });
    // The last panel is filled up with the last tile.
    const tiles = i32.mul(rows, field(record, "imageColumns"));
    const end = f.let(i32.add(at("inputs"), i32.shl(panelTiles(tiles, nr), 2)));
    f.while(i32.ltU(ins, end), () => {
      f.store("i32", ins, i32.load(i32.sub(ins, 4)));
      f.store("i32", outs, i32.load(i32.sub(outs, 4)));
      f.increment(ins, 4);
      f.increment(outs, 4);
    });
    return copies;
  });
}

export function printSlice(m: WasmModule, form: WinogradForm, fused: boolean, nr: number): SliceFunction {
  const copy = printCopy(m);
  const data = printData(m, form, fused, nr);
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, record, scratch, copiesEnd, rows, to, panel, k0, kc) => {
      const at = (name: WinogradField): Value<"i32"> => i32.add(scratch, field(record, name));
      const slab = f.let(at("slab"));
      const bytes = f.let(field(record, "copied"));
      const step = f.let(field(record, "tensorColumn"));
      const tiles = panelTiles(i32.mul(rows, field(record, "imageColumns")), nr);
      const end = f.let(i32.add(at("inputs"), i32.shl(tiles, 2)));
      const channel = f.let(i32.add(field(record, "tensor"), i32.mul(k0, field(record, "tensorChannel"))));
      const copies = f.local("i32");
      f.for(0, kc, 1, () => {
        f.set(copies, at("copies"));
        f.while(i32.ltU(copies, copiesEnd), () => {
          f.call(copy, i32.add(slab, i32.load(copies, 4)), i32.add(channel, i32.load(copies)), bytes, step);
          f.increment(copies, 8);
        });
        f.call(data, slab, field(record, "pitch"), at("inputs"), end, to, field(record, "strideV"), panel);
        f.increment(to, 4 * nr);
        f.increment(channel, field(record, "tensorChannel"));
      });
    },
  );
}
