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

const field = FIELDS.read;

export type MultiplyFunction = WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32", "i32"], "void">;

/** multiply(panelsA, panelsB, c, kc, mc, nc, first): C (+)= A·B, a block of `mc` rows, `nc` columns rounded up. */
export function printMultiply(m: WasmModule, shape: TileShape): MultiplyFunction {
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
    multiply: printMultiply(m, shape),
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
  readonly multiply: MultiplyFunction;
  readonly irregularA: IrregularPackFunction | undefined;
  readonly irregularB: IrregularPackFunction | undefined;
}

/** item(params, record, index, scratch): computes one block of the result. */
function printItem(
  m: WasmModule,
  { mr, nr }: TileShape,
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

    /** Prepares an operand for all slices, and gives what packs one. */
    const operand = (
      name: "a" | "b",
      width: number,
      [lane0, lanes]: [Local<"i32">, Local<"i32">],
      irregular: IrregularPackFunction | undefined,
    ): (() => void) => {
      const [tables, panels] = name === "a" ? (["A", "panelsA"] as const) : (["B", "panelsB"] as const);
      if (irregular) {
        const block = f.let(inParams(`${name}Block`));
        return () => f.call(irregular, params, block, at(panels), batch, lane0, lanes, k0, kc);
      }
      const base = f.let(i32.add(field(record, name), call(walk, inParams(`${name}Batch`), batch)));
      f.call(fill, at(`lanes${tables}`), inParams(`${name}Lane`), lane0, lanes, width);
      return () => {
        f.call(fill, at(`ks${tables}`), inParams(`${name}K`), k0, kc, 1);
        const from = f.let(base);
        if (name === "b") {
          const fromSlab = (channels: [Value<"i32">, Value<"i32">], points: [Value<"i32">, Value<"i32">]) => () =>
            f.set(from, call(slab, record, at("slab"), base, ...channels, ...points));
          f.if(i32.eq(field(record, "slabKind"), 1), fromSlab([k0, kc], [lane0, lanes]));
          f.if(i32.eq(field(record, "slabKind"), 2), fromSlab([lane0, lanes], [k0, kc]));
        }
        f.call(pack, at(panels), from, at(`lanes${tables}`), at(`ks${tables}`), kc, lanes, width);
      };
    };
    const packA = operand("a", mr, [m0, mc], irregularA);
    const packB = operand("b", nr, [n0, nc], irregularB);

    f.loop((again) => {
      f.set(kc, minimum(f, field(record, "kt"), i32.sub(k, k0)));
      f.if(kc, () => {
        packA();
        packB();
      });
      f.call(multiply, at("panelsA"), at("panelsB"), at("c"), kc, mc, nc, i32.eqz(k0));
      f.increment(k0, field(record, "kt"));
      f.brIf(again, i32.ltU(k0, k));
    });
    f.call(epilogue, params, f.let(inParams("epilogue")), batch, m0, mc, n0, nc, at("c"), rowPitch(nc, nr));
  });
}
