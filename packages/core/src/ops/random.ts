/**
 * Counter-based random numbers (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): Philox 4×32 with
 * ten rounds. Element i of a draw is a function of (seed, offset, i), so every device gives the same bits, a draw can be
 * computed again instead of kept, and another seed does not compile another kernel.
 */

import type { Expr } from "../expr.js";
import { type Node, numelOf } from "../node.js";
import { iota, uniform } from "./create.js";
import { map } from "./map.js";
import { expand, reshape } from "./movement.js";
import * as S from "./scalar.js";

const u32 = (v: number): Expr => S.c(v >>> 0, "u32");

/** The four words of Philox4x32-10. */
function philox(counter: readonly [Expr, Expr, Expr, Expr], key: readonly [Expr, Expr]): Expr[] {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [hi0, lo0] = [S.mulhi(a, u32(0xd2511f53)), S.mul(a, u32(0xd2511f53))];
    const [hi1, lo1] = [S.mulhi(c, u32(0xcd9e8d57)), S.mul(c, u32(0xcd9e8d57))];
    [a, b, c, d] = [S.xor(S.xor(hi1, b), k0), lo1, S.xor(S.xor(hi0, d), k1), lo0];
    k0 = S.add(k0, u32(0x9e3779b9));
    k1 = S.add(k1, u32(0xbb67ae85));
  }
  return [a, b, c, d];
}

const words = philox(
  [S.bitcast(S.arg(0, "i32"), "u32"), S.bitcast(S.arg(2, "i32"), "u32"), u32(0), u32(0)],
  [S.bitcast(S.arg(1, "i32"), "u32"), u32(0)],
);

/** [0, 1) from the upper 24 bits. */
const unit = (w: Expr): Expr => S.mul(S.cast(S.bitcast(S.shr(w, 8), "i32"), "f32"), S.c(2 ** -24));

const UNIFORM = unit(words[0]);
/** Box and Muller's transform of two uniforms; the first is in (0, 1]. */
const NORMAL = S.mul(
  S.sqrt(S.mul(S.c(-2), S.log(S.sub(S.c(1), unit(words[0]))))),
  S.cos(S.mul(S.c(2 * Math.PI), unit(words[1]))),
);

const state = { seed: 0, offset: 0 };

/** Starts the sequence of random draws anew. As torch.manual_seed. */
export function manualSeed(seed: number): void {
  state.seed = seed | 0;
  state.offset = 0;
}

/** The seed and the number of this draw, which no other draw will use. */
export function nextDraw(): { seed: number; offset: number } {
  return { seed: state.seed, offset: state.offset++ };
}

function draw(name: string, value: Expr, shape: readonly number[]): Node {
  const { seed, offset } = nextDraw();
  const n = numelOf(shape);
  const scalar = (v: number): Node => expand(uniform(v, "int32"), shape);
  return map(name, value, [reshape(iota(n), shape), scalar(seed), scalar(offset)], "float32");
}

/** Uniform in [0, 1). */
export const rand = (shape: readonly number[]): Node => draw("rand", UNIFORM, shape);
/** Standard normal. */
export const randn = (shape: readonly number[]): Node => draw("randn", NORMAL, shape);
