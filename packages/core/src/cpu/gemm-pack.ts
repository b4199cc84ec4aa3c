/**
 * Packing: an operand's block is copied into panels that the micro-kernel reads from first to last. Element (lane, k) of
 * an operand is at `base + lanes[lane] + ks[k]`, two tables of byte offsets, so one packer serves every layout: matrices
 * and their transposes, views with gaps, and the windows of a convolution. It looks at the tables to move four elements
 * at once where lanes or ks are neighbours in memory.
 */

import {
  call,
  type FunctionBuilder,
  i32,
  i32x4,
  type Local,
  type Operand,
  type Value,
  v128,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

type Params<N extends number, T extends "i32"[] = []> = T["length"] extends N ? T : Params<N, [...T, "i32"]>;

/** walk(digits, index) → byte offset. `digits` is a count, then size and stride of each digit, innermost first. */
export type WalkFunction = WasmFunction<Params<2>, "i32">;

/** fill(table, digits, start, count, width): the offsets of [start, start + count), then the last one again until the
 *  length is a multiple of `width`, and four times more. */
export type FillFunction = WasmFunction<Params<5>, "void">;

/** pack(to, base, lanes, ks, kc, count, width): `count` lanes as panels of `width` lanes with `kc` values of k each. Up to
 *  three lanes beyond the last panel are overwritten. The table of lanes has `wide` entries to read from each panel on. */
export type PackFunction = WasmFunction<Params<7>, "void">;

export function printWalk(m: WasmModule): WalkFunction {
  return m.helper(["i32", "i32"], "i32", (f, digits, index) => {
    const offset = f.local("i32");
    const quotient = f.local("i32");
    const left = f.let(i32.load(digits));
    f.while(i32.gtS(left, 1), () => {
      f.set(quotient, i32.divU(index, i32.load(digits, 4)));
      f.set(index, i32.sub(index, i32.mul(quotient, i32.load(digits, 4))));
      f.increment(offset, i32.mul(index, i32.load(digits, 8)));
      f.set(index, quotient);
      f.increment(digits, 8);
      f.increment(left, -1);
    });
    return i32.add(offset, i32.mul(index, i32.load(digits, 8)));
  });
}

export function printFill(m: WasmModule, walk: WalkFunction): FillFunction {
  return m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, table, digits, start, count, width) => {
    const end = f.let(i32.add(table, i32.shl(count, 2)));
    const size = f.let(i32.load(digits, 4));
    const stride = f.let(i32.load(digits, 8));
    const [offset, run, rest] = [f.local("i32"), f.local("i32"), f.local("i32")];
    f.while(i32.ltU(table, end), () => {
      f.set(offset, call(walk, digits, start));
      f.set(run, i32.shrU(i32.sub(end, table), 2));
      f.if(i32.gtS(i32.load(digits), 1), () => {
        f.set(rest, i32.sub(size, i32.remU(start, size)));
        f.if(i32.ltU(rest, run), () => f.set(run, rest));
      });
      f.increment(start, run);
      f.set(run, i32.add(table, i32.shl(run, 2)));
      f.while(i32.ltU(table, run), () => {
        f.store("i32", table, offset);
        f.increment(offset, stride);
        f.increment(table, 4);
      });
    });
    f.set(offset, i32.load(i32.sub(table, 4)));
    f.while(i32.remU(count, width), () => {
      f.store("i32", table, offset);
      f.increment(table, 4);
      f.increment(count, 1);
    });
    f.store("v128", table, i32x4.splat(offset));
  });
}

/** Whether the four offsets are `first` + `at`, and `step` bytes apart. */
const areAt = (offsets: Value<"v128">, first: Value<"i32">, at: number, step: number): Value<"i32"> =>
  i32x4.allTrue(i32x4.eq(i32x4.sub(offsets, i32x4.splat(first)), v128.const([0, 1, 2, 3].map((i) => at + i * step))));

/** Whether the four offsets are `step` bytes apart. */
const apart = (offsets: Local<"v128">, step: number): Value<"i32"> =>
  areAt(offsets, i32x4.extract(offsets, 0), 0, step);

/** Four elements from `address`, every second one. */
const everySecond = (address: Operand<"i32">): Value<"v128"> =>
  v128.shuffle32(v128.load(address), v128.load(address, 12), [0, 2, 5, 7]);

/** packQuad(to, base, lanes, ks, kc, pitch): four lanes, written `pitch` bytes apart for each k. */
function printPackQuad(m: WasmModule): WasmFunction<Params<6>, "void"> {
  return m.helper(["i32", "i32", "i32", "i32", "i32", "i32"], "void", (f, to, base, lanes, ks, kc, pitch) => {
    const offsets = f.let(v128.load(lanes));
    const end = f.let(i32.add(ks, i32.shl(kc, 2)));
    const first = f.let(i32.add(base, i32x4.extract(offsets, 0)));
    const from = f.local("i32");
    /** One store of four lanes a turn. */
    const stream = (load: (address: Value<"i32">) => Value<"v128">): void => {
      f.while(i32.ltU(ks, end), () => {
        f.set(from, i32.add(first, i32.load(ks)));
        f.store("v128", to, load(from));
        f.increment(to, pitch);
        f.increment(ks, 4);
      });
    };
    f.if(
      apart(offsets, 4),
      () => stream((address) => v128.load(address)),
      () =>
        f.if(
          apart(offsets, 8),
          () => stream(everySecond),
          () => {
            const sources = [0, 1, 2, 3].map((i) => f.let(i32.add(base, i32x4.extract(offsets, i))));
            packScattered(f, sources, to, ks, end, pitch);
          },
        ),
    );
  });
}

/** Four lanes that are not neighbours: groups of four neighbouring ks are transposed, others are gathered one by one. */
function packScattered(
  f: FunctionBuilder,
  sources: readonly Local<"i32">[],
  to: Local<"i32">,
  ks: Local<"i32">,
  end: Local<"i32">,
  pitch: Local<"i32">,
): void {
  const at = f.local("i32");
  const offsets = f.local("v128");
  const one = (): void => {
    f.set(at, i32.load(ks));
    let lanes: Value<"v128"> = v128.load32Zero(i32.add(sources[0], at));
    for (const i of [1, 2, 3]) lanes = v128.load32Lane(i32.add(sources[i], at), lanes, i);
    f.store("v128", to, lanes);
    f.increment(to, pitch);
    f.increment(ks, 4);
  };
  const rows = [0, 1, 2, 3].map(() => f.local("v128"));
  const pairs = [0, 1, 2, 3].map(() => f.local("v128"));
  const transposed = (load: (address: Value<"i32">) => Value<"v128">): void => {
    f.set(at, i32x4.extract(offsets, 0));
    rows.forEach((row, i) => {
      f.set(row, load(i32.add(sources[i], at)));
    });
    f.set(pairs[0], v128.shuffle32(rows[0], rows[1], [0, 4, 1, 5]));
    f.set(pairs[1], v128.shuffle32(rows[2], rows[3], [0, 4, 1, 5]));
    f.set(pairs[2], v128.shuffle32(rows[0], rows[1], [2, 6, 3, 7]));
    f.set(pairs[3], v128.shuffle32(rows[2], rows[3], [2, 6, 3, 7]));
    for (const [low, high, lanes] of [
      [0, 1, [0, 1, 4, 5]],
      [0, 1, [2, 3, 6, 7]],
      [2, 3, [0, 1, 4, 5]],
      [2, 3, [2, 3, 6, 7]],
    ] as const) {
      f.store("v128", to, v128.shuffle32(pairs[low], pairs[high], lanes));
      f.increment(to, pitch);
    }
    f.increment(ks, 16);
  };
  f.while(i32.leU(i32.add(ks, 16), end), () => {
    f.set(offsets, v128.load(ks));
    f.if(
      apart(offsets, 4),
      () => transposed((address) => v128.load(address)),
      () =>
        f.if(
          apart(offsets, 8),
          () => transposed((address) => everySecond(address)),
          () => f.for(0, 4, 1, one),
        ),
    );
  });
  f.while(i32.ltU(ks, end), one);
}

/** `wide` is a multiple of four. */
export function printPack(m: WasmModule, wide: number): PackFunction {
  const packQuad = printPackQuad(m);
  const quads = Array.from({ length: wide / 4 }, (_, i) => 16 * i);
  /** `wide` neighbouring lanes, the hot case: one pass instead of several. */
  const packWide = m.helper(["i32", "i32", "i32", "i32"], "void", (f, to, first, ks, kc) => {
    const end = f.let(i32.add(ks, i32.shl(kc, 2)));
    const from = f.local("i32");
    f.while(i32.ltU(ks, end), () => {
      f.set(from, i32.add(first, i32.load(ks)));
      for (const at of quads) f.store("v128", to, v128.load(from, at), at);
      f.increment(to, 4 * wide);
      f.increment(ks, 4);
    });
  });
  return m.helper(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    "void",
    (f, to, base, lanes, ks, kc, count, width) => {
      const pitch = f.let(i32.shl(width, 2));
      const end = f.let(i32.add(lanes, i32.shl(count, 2)));
      const [first, together] = [f.local("i32"), f.local("i32")];
      f.while(i32.ltU(lanes, end), () => {
        f.set(first, i32.load(lanes));
        f.set(together, i32.eq(width, wide));
        for (const at of quads) f.set(together, i32.and(together, areAt(v128.load(lanes, at), first, at, 4)));
        f.if(
          together,
          () => f.call(packWide, to, i32.add(base, first), ks, kc),
          () => {
            // Last quad first: where the width is no multiple of four, the quad before it overwrites what it spills.
            const quad = f.let(i32.and(i32.sub(width, 1), -4));
            f.while(i32.geS(quad, 0), () => {
              const bytes = i32.shl(quad, 2);
              f.call(packQuad, i32.add(to, bytes), base, i32.add(lanes, bytes), ks, kc, pitch);
              f.increment(quad, -4);
            });
          },
        );
        f.increment(to, i32.mul(kc, pitch));
        f.increment(lanes, pitch);
      });
    },
  );
}
