/**
 * The stages of Winograd's convolution. The first ones transform operands that all blocks share. An item of the last is
 * a block of the result: per slice of k its transformed filters and tiles (its own, or the shared ones) are
 * multiplied, one small matrix product for each of the n² positions in a tile; then channel by channel the products are
 * transformed to outputs, and the epilogue finishes these while they are in cache.
 */

import { minimum, printMultiply } from "./gemm-driver.js";
import type { EpilogueFunction } from "./gemm-epilogue.js";
import { printRun } from "./gemm-run.js";
import type { TileShape } from "./gemm-tile.js";
import { call, i32, type Local, type Value, type WasmFunction, type WasmModule } from "./wasm/index.js";
import { panelTiles, printBlock, printFirstOutput, printSlice } from "./winograd-block.js";
import type { WinogradForm } from "./winograd-form.js";
import { PART_CHANNELS, WINOGRAD, type WinogradField } from "./winograd-params.js";
import { printFilters, printOutputs } from "./winograd-transform.js";

const field = WINOGRAD.read;
type I32 = "i32";

/** panels(params, record, to, m0, mc, k0, kc): transformed filters as panels of `mr` channels of the result. */
function printPanels(
  m: WasmModule,
  form: WinogradForm,
  { mr, fused }: TileShape,
): WasmFunction<readonly [I32, I32, I32, I32, I32, I32, I32], "void"> {
  const four = printFilters(m, form, fused, 4);
  const two = mr % 4 === 0 ? four : printFilters(m, form, fused, 2);
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, params, record, to, m0, mc, k0, kc) => {
      const taps = f.let(i32.add(params, field(record, "taps")));
      const from = f.let(i32.add(field(record, "weight"), i32.mul(k0, field(record, "weightK"))));
      const last = f.let(i32.sub(i32.add(m0, mc), 1));
      const rows = [0, 1, 2, 3].map(() => f.local("i32"));
      f.forFrom(m0, i32.add(last, 1), mr, () => {
        for (let quad = 0; quad < mr; quad += 4) {
          // Rows beyond the last repeat it.
          rows.forEach((row, l) => {
            f.set(row, i32.add(m0, quad + l));
            f.if(i32.gtS(row, last), () => f.set(row, last));
            f.set(row, i32.add(from, i32.mul(row, field(record, "weightRow"))));
          });
          f.call(
            mr - quad >= 4 ? four : two,
            ...(rows as [Local<"i32">, Local<"i32">, Local<"i32">, Local<"i32">]),
            field(record, "weightK"),
            kc,
            taps,
            i32.add(to, 4 * quad),
            field(record, "strideU"),
            4 * mr,
          );
        }
        f.increment(to, i32.mul(kc, 4 * mr));
      });
    },
  );
}

/** Adds a `run` whose tasks are parts of slices of blocks. `part(record, scratch, slice, part, k0)` is given which, the
 *  slice counted over all blocks. */
function printParts(
  m: WasmModule,
  parts: "partsU" | "partsV",
  part: WasmFunction<readonly [I32, I32, I32, I32, I32], "void">,
): void {
  m.func("run", ["i32", "i32", "i32", "i32"], "void", (f, record, begin, end, scratch) => {
    f.forFrom(begin, end, 1, () => {
      const nth = f.let(i32.divU(begin, field(record, parts)));
      const k0 = i32.mul(i32.remU(nth, field(record, "slices")), field(record, "kt"));
      f.call(part, record, scratch, nth, i32.remU(begin, field(record, parts)), k0);
    });
  });
}

/** Adds the `run` that transforms all filters, panel by panel. */
export function printFilterStage(m: WasmModule, form: WinogradForm, shape: TileShape): void {
  const { mr } = shape;
  const panels = printPanels(m, form, shape);
  const part = m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, record, _scratch, nth, panel, k0) => {
    const kc = minimum(f, field(record, "kt"), i32.sub(field(record, "k"), k0));
    const mBlock = f.let(i32.divU(nth, field(record, "slices")));
    const m0 = f.let(i32.add(i32.mul(mBlock, field(record, "mt")), i32.mul(panel, mr)));
    // The last block may have fewer panels.
    f.if(i32.ltS(m0, field(record, "m")), () => {
      const mc = minimum(f, i32.const(mr), i32.sub(field(record, "m"), m0));
      const slice = i32.add(field(record, "u"), i32.mul(nth, field(record, "bytesU")));
      f.call(panels, record, record, i32.add(slice, i32.mul(i32.mul(panel, kc), 4 * mr)), m0, mc, k0, kc);
    });
  });
  printParts(m, "partsU", part);
}

/** Adds the `run` that transforms all tiles, some channels at once. */
export function printTileStage(m: WasmModule, form: WinogradForm, { nr, fused }: TileShape): void {
  const block = printBlock(m, form, nr);
  const slice = printSlice(m, form, fused, nr);
  const part = m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, record, scratch, nth, channels, k0) => {
    const depth = minimum(f, field(record, "kt"), i32.sub(field(record, "k"), k0));
    const done = f.let(i32.mul(channels, PART_CHANNELS));
    const row = f.let(i32.mul(i32.divU(nth, field(record, "slices")), field(record, "nt")));
    const rows = minimum(f, field(record, "nt"), i32.sub(field(record, "tileRows"), row));
    // The last slice may have fewer channels.
    f.if(i32.ltS(done, depth), () => {
      const copies = f.let(call(block, record, scratch, row, rows));
      const kc = minimum(f, i32.const(PART_CHANNELS), i32.sub(depth, done));
      const to = i32.add(field(record, "v"), i32.mul(nth, field(record, "bytesV")));
      const [at, panel] = [i32.add(to, i32.mul(done, 4 * nr)), i32.mul(depth, 4 * nr)];
      f.call(slice, record, scratch, copies, rows, at, panel, i32.add(k0, done), kc);
    });
  });
  printParts(m, "partsV", part);
}

/** Adds the `run` that computes blocks of the result. */
export function printProductStage(
  m: WasmModule,
  form: WinogradForm,
  shape: TileShape,
  epilogue: EpilogueFunction,
): void {
  const { fused, nr } = shape;
  const panels = printPanels(m, form, shape);
  const block = printBlock(m, form, nr);
  const slice = printSlice(m, form, fused, nr);
  const multiply = printMultiply(m, shape, "none");
  const outputs = printOutputs(m, form, fused);
  const firstOutput = printFirstOutput(m, form);

  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    const at = (name: WinogradField): Value<"i32"> => i32.add(scratch, field(record, name));
    const nBlock = f.let(i32.remU(index, field(record, "nBlocks")));
    const mBlock = f.let(i32.divU(index, field(record, "nBlocks")));
    const m0 = f.let(i32.mul(mBlock, field(record, "mt")));
    const mc = minimum(f, field(record, "mt"), i32.sub(field(record, "m"), m0));
    const row = f.let(i32.mul(nBlock, field(record, "nt")));
    const rows = minimum(f, field(record, "nt"), i32.sub(field(record, "tileRows"), row));
    const tiles = f.let(i32.mul(rows, field(record, "imageColumns")));
    const copies = f.let(call(block, record, scratch, row, rows));

    const [u, v, c] = [f.local("i32"), f.local("i32"), f.local("i32")];
    const [nth, k0] = [f.local("i32"), f.local("i32")];
    f.forFrom(k0, field(record, "k"), field(record, "kt"), () => {
      const kc = minimum(f, field(record, "kt"), i32.sub(field(record, "k"), k0));
      const shared = (name: "u" | "v", of: Local<"i32">): Value<"i32"> => {
        const place = i32.add(i32.mul(of, field(record, "slices")), nth);
        return i32.add(field(record, name), i32.mul(place, field(record, name === "u" ? "bytesU" : "bytesV")));
      };
      f.if(
        field(record, "sharedU"),
        () => f.set(u, shared("u", mBlock)),
        () => {
          f.set(u, at("ownU"));
          f.call(panels, params, record, u, m0, mc, k0, kc);
        },
      );
      f.if(
        field(record, "sharedV"),
        () => f.set(v, shared("v", nBlock)),
        () => {
          f.set(v, at("ownV"));
          f.call(slice, record, scratch, copies, rows, v, i32.mul(kc, 4 * nr), k0, kc);
        },
      );
      f.set(c, at("c"));
      f.for(0, form.inputs ** 2, 1, () => {
        f.call(multiply, u, v, 0, 0, c, kc, mc, tiles, i32.eqz(k0));
        f.increment(u, field(record, "strideU"));
        f.increment(v, field(record, "strideV"));
        f.increment(c, field(record, "strideC"));
      });
      f.increment(nth, 1);
    });

    const first = f.let(call(firstOutput, record, row));
    const count = f.let(i32.sub(call(firstOutput, record, i32.add(row, rows)), first));
    const pitch = f.let(i32.shl(panelTiles(tiles, nr), 2));
    const end = f.let(i32.add(at("outputs"), pitch));
    const width = f.let(i32.shl(field(record, "width"), 2));
    const epilogueBlock = f.let(i32.add(params, field(record, "epilogue")));
    f.set(c, at("c"));
    f.forFrom(m0, i32.add(i32.mul(mBlock, field(record, "mt")), mc), 1, () => {
      f.call(outputs, c, field(record, "strideC"), at("outputs"), end, at("plane"), width);
      f.call(epilogue, params, epilogueBlock, 0, m0, 1, first, count, at("plane"), 0);
      f.increment(c, pitch);
    });
  });
  printRun(m, WINOGRAD, item);
}
