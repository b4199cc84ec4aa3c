/**
 * The driver of a contraction: for each item, a block of the result, it walks through slices of k, packs what the slice
 * needs of A and B, multiplies the panels tile by tile, and lets the epilogue finish the block while it is in cache.
 */

import type { EpilogueFunction } from "./gemm-epilogue.js";
import { type FillFunction, type PackFunction, printFill, printPack, type WalkFunction } from "./gemm-pack.js";
import { field } from "./gemm-params.js";
import { printSlab, type SlabFunction } from "./gemm-slab.js";
import { printTile, type TileShape } from "./gemm-tile.js";
import {
  call,
  type FunctionBuilder,
  i32,
  type Local,
  type Value,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

type MultiplyFunction = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32"], "void">;

/** multiply(panelsA, panelsB, c, kc, mc, nc, first): C (+)= A·B, a block of `mc` rows, `nc` columns rounded up. */
function printMultiply(m: WasmModule, shape: TileShape): MultiplyFunction {
  const { mr, nr } = shape;
  const tile = printTile(m, shape);
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, panelsA, panelsB, c, kc, mc, nc, first) => {
      const pitch = f.let(rowPitch(nc, nr));
      const panelA = f.let(i32.mul(kc, 4 * mr));
      const panelB = f.let(i32.mul(kc, 4 * nr));
      const [a, to, end] = [f.local("i32"), f.local("i32"), f.local("i32")];
      f.for(0, nc, nr, () => {
        f.set(a, panelsA);
        f.set(to, c);
        f.set(end, i32.add(panelsB, panelB));
        f.for(0, mc, mr, () => {
          f.call(tile, a, panelsB, end, to, pitch, first);
          f.increment(a, panelA);
          f.increment(to, i32.mul(pitch, mr));
        });
        f.set(panelsB, end);
        f.increment(c, 4 * nr);
      });
    },
  );
}

/** Bytes between rows of a block of `nc` columns. */
const rowPitch = (nc: Local<"i32">, nr: number): Value<"i32"> =>
  i32.shl(i32.mul(i32.divU(i32.add(nc, nr - 1), nr), nr), 2);

const minimum = (f: FunctionBuilder, x: Value<"i32">, y: Value<"i32">): Local<"i32"> => {
  const least = f.let(x);
  const other = f.let(y);
  f.if(i32.ltU(other, least), () => f.set(least, other));
  return least;
};

export interface DriverParts {
  readonly walk: WalkFunction;
  readonly epilogue: EpilogueFunction;
  readonly shape: TileShape;
  /** Bytes from one record to the next. */
  readonly record: number;
}

/** Adds the exported `run`. */
export function printDriver(m: WasmModule, { walk, epilogue, shape, record: recordSize }: DriverParts): void {
  const fill = printFill(m, walk);
  const item = printItem(m, shape, {
    walk,
    epilogue,
    fill,
    pack: printPack(m),
    slab: printSlab(m),
    multiply: printMultiply(m, shape),
  });
  m.func("run", ["i32", "i32", "i32", "i32"], "void", (f, params, begin, end, scratch) => {
    const [record, task, at, last] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
    f.forFrom(begin, end, 1, () => {
      f.set(record, params);
      f.set(task, begin);
      f.while(i32.geS(task, field(record, "tasks")), () => {
        f.set(task, i32.sub(task, field(record, "tasks")));
        f.increment(record, recordSize);
      });
      f.set(at, i32.mul(task, field(record, "perTask")));
      f.set(last, i32.add(at, field(record, "perTask")));
      f.if(i32.gtS(last, field(record, "items")), () => f.set(last, field(record, "items")));
      f.forFrom(at, last, 1, () => f.call(item, params, record, at, scratch));
    });
  });
}

interface ItemParts {
  readonly walk: WalkFunction;
  readonly epilogue: EpilogueFunction;
  readonly fill: FillFunction;
  readonly pack: PackFunction;
  readonly slab: SlabFunction;
  readonly multiply: MultiplyFunction;
}

/** item(params, record, index, scratch): computes one block of the result. */
function printItem(
  m: WasmModule,
  { mr, nr }: TileShape,
  { walk, epilogue, fill, pack, slab, multiply }: ItemParts,
): WasmFunction<readonly ["i32", "i32", "i32", "i32"], "void"> {
  return m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    type Name = Parameters<typeof field>[1];
    const at = (name: Name): Value<"i32"> => i32.add(scratch, field(record, name));
    const digits = (name: Name): Value<"i32"> => i32.add(params, field(record, name));

    const nBlock = f.let(i32.remU(index, field(record, "nBlocks")));
    const row = f.let(i32.divU(index, field(record, "nBlocks")));
    const batch = f.let(i32.divU(row, field(record, "mBlocks")));
    const m0 = f.let(i32.mul(i32.remU(row, field(record, "mBlocks")), field(record, "mt")));
    const n0 = f.let(i32.mul(nBlock, field(record, "nt")));
    const mc = minimum(f, field(record, "mt"), i32.sub(field(record, "m"), m0));
    const nc = minimum(f, field(record, "nt"), i32.sub(field(record, "n"), n0));
    const a = f.let(i32.add(field(record, "a"), call(walk, digits("aBatch"), batch)));
    const b = f.let(i32.add(field(record, "b"), call(walk, digits("bBatch"), batch)));
    f.call(fill, at("lanesA"), digits("aLane"), m0, mc, mr);
    f.call(fill, at("lanesB"), digits("bLane"), n0, nc, nr);

    const k = f.let(field(record, "k"));
    const k0 = f.local("i32");
    const from = f.local("i32");
    f.loop((again) => {
      const kc = minimum(f, field(record, "kt"), i32.sub(k, k0));
      f.if(kc, () => {
        f.call(fill, at("ksA"), digits("aK"), k0, kc, 1);
        f.call(fill, at("ksB"), digits("bK"), k0, kc, 1);
        f.call(pack, at("panelsA"), a, at("lanesA"), at("ksA"), kc, mc, mr);
        f.set(from, b);
        f.if(i32.eq(field(record, "slabKind"), 1), () =>
          f.set(from, call(slab, record, at("slab"), b, k0, kc, n0, nc)),
        );
        f.if(i32.eq(field(record, "slabKind"), 2), () =>
          f.set(from, call(slab, record, at("slab"), b, n0, nc, k0, kc)),
        );
        f.call(pack, at("panelsB"), from, at("lanesB"), at("ksB"), kc, nc, nr);
      });
      f.call(multiply, at("panelsA"), at("panelsB"), at("c"), kc, mc, nc, i32.eqz(k0));
      f.increment(k0, field(record, "kt"));
      f.brIf(again, i32.ltU(k0, k));
    });
    f.call(epilogue, params, record, batch, m0, mc, n0, nc, at("c"), rowPitch(nc, nr));
  });
}
