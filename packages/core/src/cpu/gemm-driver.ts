/**
 * The driver of a contraction: for each item, a block of the result, it walks through slices of k, packs what the slice
 * needs of A and B, multiplies the panels tile by tile, and lets the epilogue finish the block while it is in cache.
 */

import type { ComputeDType } from "../dtype.js";
import type { EpilogueFunction } from "./gemm-epilogue.js";
import { type IrregularPackFunction, printIrregularPack } from "./gemm-irregular.js";
import { type FillFunction, type PackFunction, printFill, printPack, type WalkFunction } from "./gemm-pack.js";
import { FIELDS, type Field } from "./gemm-params.js";
import { printRun } from "./gemm-run.js";
import { printSlab, type SlabFunction } from "./gemm-slab.js";
import { IN_PLACE, type InPlace, printTile, type TileShape } from "./gemm-tile.js";
import {
  call,
  type FunctionBuilder,
  i32,
  type Local,
  type Value,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

const field = FIELDS.read;

/**
 * multiply(a, b, lanes, ks, c, kc, mc, nc, first): C (+)= A·B, a block of `mc` rows, `nc` columns rounded up. `a` and `b`
 * are panels, or where an operand in place begins; `lanes` and `ks` are tables of its offsets.
 */
export type MultiplyFunction = WasmFunction<
  readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  "void"
>;

export function printMultiply(m: WasmModule, shape: TileShape, inPlace: InPlace): MultiplyFunction {
  const { mr, nr } = shape;
  const tile = printTile(m, shape, inPlace);
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, a, b, lanes, ks, c, kc, mc, nc, first) => {
      const pitch = f.let(rowPitch(nc, nr));
      const [panelA, panelB] = [f.let(i32.mul(kc, 4 * mr)), f.let(i32.mul(kc, 4 * nr))];
      const [from, rows, to] = [f.local("i32"), f.local("i32"), f.local("i32")];
      f.for(0, nc, nr, () => {
        f.set(from, a);
        f.set(rows, lanes);
        f.set(to, c);
        f.for(0, mc, mr, () => {
          f.call(tile, from, b, rows, ks, kc, to, pitch, first);
          if (inPlace === "a") f.increment(rows, 4 * mr);
          else f.increment(from, panelA);
          f.increment(to, i32.mul(pitch, mr));
        });
        if (inPlace === "b") f.increment(lanes, 4 * nr);
        else f.increment(b, panelB);
        f.increment(c, 4 * nr);
      });
    },
  );
}

/** Bytes between rows of a block of `nc` columns. */
export const rowPitch = (nc: Local<"i32">, nr: number): Value<"i32"> =>
  i32.shl(i32.mul(i32.divU(i32.add(nc, nr - 1), nr), nr), 2);

/** The lesser of two counts. */
export const minimum = (f: FunctionBuilder, x: Value<"i32">, y: Value<"i32">): Local<"i32"> => {
  const least = f.let(x);
  const other = f.let(y);
  f.if(i32.ltU(other, least), () => f.set(least, other));
  return least;
};

/** How an operand is fetched: "regular", or one by one from `dtype` with `bounds` tested. */
export type Fetch = "regular" | { readonly dtype: ComputeDType; readonly bounds: number };

export interface DriverParts {
  readonly shape: TileShape;
  readonly walk: WalkFunction;
  readonly epilogue: EpilogueFunction;
  readonly a: Fetch;
  readonly b: Fetch;
}

/** Adds the exported `run`. */
export function printDriver(m: WasmModule, { shape, walk, epilogue, a, b }: DriverParts): void {
  const irregular = (fetch: Fetch, width: number): IrregularPackFunction | undefined =>
    fetch === "regular" ? undefined : printIrregularPack(m, walk, fetch.dtype, fetch.bounds, width);
  const item = printItem(m, shape, {
    walk,
    epilogue,
    fill: printFill(m, walk),
    pack: printPack(m, shape.nr),
    slab: printSlab(m),
    multiply: {
      none: printMultiply(m, shape, "none"),
      a: printMultiply(m, shape, "a"),
      b: printMultiply(m, shape, "b"),
    },
    irregularA: irregular(a, shape.mr),
    irregularB: irregular(b, shape.nr),
  });
  printRun(m, FIELDS, item);
}

interface ItemParts {
  readonly walk: WalkFunction;
  readonly epilogue: EpilogueFunction;
  readonly fill: FillFunction;
  readonly pack: PackFunction;
  readonly slab: SlabFunction;
  readonly multiply: Readonly<Record<InPlace, MultiplyFunction>>;
  readonly irregularA: IrregularPackFunction | undefined;
  readonly irregularB: IrregularPackFunction | undefined;
}

/** item(params, record, index, scratch): computes one block of the result. */
function printItem(
  m: WasmModule,
  { mr, nr, run }: TileShape,
  { walk, epilogue, fill, pack, slab, multiply, irregularA, irregularB }: ItemParts,
): WasmFunction<readonly ["i32", "i32", "i32", "i32"], "void"> {
  return m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    const at = (name: Field): Value<"i32"> => i32.add(scratch, field(record, name));
    const inParams = (name: Field): Value<"i32"> => i32.add(params, field(record, name));

    const nBlock = f.let(i32.remU(index, field(record, "nBlocks")));
    const row = f.let(i32.divU(index, field(record, "nBlocks")));
    const batch = f.let(i32.divU(row, field(record, "mBlocks")));
    const m0 = f.let(i32.mul(i32.remU(row, field(record, "mBlocks")), field(record, "mt")));
    const n0 = f.let(i32.mul(nBlock, field(record, "nt")));
    const mc = minimum(f, field(record, "mt"), i32.sub(field(record, "m"), m0));
    const nc = minimum(f, field(record, "nt"), i32.sub(field(record, "n"), n0));
    const k = f.let(field(record, "k"));
    const [k0, kc] = [f.local("i32"), f.local("i32")];

    /** Prepares an operand for all slices, and gives what prepares a slice and sets `from` to where it is read. */
    const operand = (
      name: "a" | "b",
      width: number,
      from: Local<"i32">,
      [lane0, lanes]: [Local<"i32">, Local<"i32">],
      irregular: IrregularPackFunction | undefined,
    ): (() => void) => {
      const [tables, panels] = name === "a" ? (["A", "panelsA"] as const) : (["B", "panelsB"] as const);
      if (irregular) {
        const block = f.let(inParams(`${name}Block`));
        f.set(from, at(panels));
        return () => f.call(irregular, params, block, from, batch, lane0, lanes, k0, kc);
      }
      const base = f.let(i32.add(field(record, name), call(walk, inParams(`${name}Batch`), batch)));
      f.call(fill, at(`lanes${tables}`), inParams(`${name}Lane`), lane0, lanes, width);
      return () => {
        f.call(fill, at(`ks${tables}`), inParams(`${name}K`), k0, kc, 1);
        f.set(from, base);
        if (name === "a") {
          // In place, its ks are neighbours from the first one of the slice on.
          f.if(i32.eq(inPlace, IN_PLACE.a), () => f.increment(from, i32.load(at("ksA"))));
        } else {
          const fromSlab = (channels: [Value<"i32">, Value<"i32">], points: [Value<"i32">, Value<"i32">]) => () =>
            f.set(from, call(slab, record, at("slab"), base, ...channels, ...points));
          f.if(i32.eq(field(record, "slabKind"), 1), fromSlab([k0, kc], [lane0, lanes]));
          f.if(i32.eq(field(record, "slabKind"), 2), fromSlab([lane0, lanes], [k0, kc]));
        }
        f.if(i32.ne(inPlace, IN_PLACE[name]), () => {
          f.call(pack, at(panels), from, at(`lanes${tables}`), at(`ks${tables}`), kc, lanes, width);
          f.set(from, at(panels));
        });
      };
    };
    const inPlace = f.let(field(record, "inPlace"));
    const [fromA, fromB] = [f.local("i32"), f.local("i32")];
    const prepareA = operand("a", mr, fromA, [m0, mc], irregularA);
    const prepareB = operand("b", nr, fromB, [n0, nc], irregularB);
    const [lanesA, lanesB, ks] = [f.let(at("lanesA")), f.let(at("lanesB")), f.let(at("ksB"))];
    // Runs beyond the last column read what the last one reads.
    f.if(i32.eq(inPlace, IN_PLACE.b), () => {
      const end = f.let(i32.add(lanesB, i32.shl(nc, 2)));
      for (let i = 0; i < nr - run; i += run) f.store("i32", end, i32.load(i32.sub(end, 4 * run)), 4 * i);
    });

    f.loop((again) => {
      f.set(kc, minimum(f, field(record, "kt"), i32.sub(k, k0)));
      f.if(kc, () => {
        prepareA();
        prepareB();
      });
      const multiplyBy = (way: InPlace, lanes: Local<"i32">) => () =>
        f.call(multiply[way], fromA, fromB, lanes, ks, at("c"), kc, mc, nc, i32.eqz(k0));
      f.if(i32.eqz(inPlace), multiplyBy("none", lanesA), () =>
        f.if(i32.eq(inPlace, IN_PLACE.a), multiplyBy("a", lanesA), multiplyBy("b", lanesB)),
      );
      f.increment(k0, field(record, "kt"));
      f.brIf(again, i32.ltU(k0, k));
    });
    f.call(epilogue, params, f.let(inParams("epilogue")), batch, m0, mc, n0, nc, at("c"), rowPitch(nc, nr));
  });
}
