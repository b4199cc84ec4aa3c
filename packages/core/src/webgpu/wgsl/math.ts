/**
 * The functions that shaders call where WGSL's built-ins promise too little: exp may be off by 3 + 2·|x| ulp, log, sin
 * and cos are bounded absolutely, tanh and pow by what they may be made of, and NaN and infinities are open everywhere.
 * What +, −, ×, ÷, floor, ceil, trunc, <, ≤, = and the bitwise operators give is taken as it is; ≠ is not, as there are
 * adapters to which NaN ≠ x is false, but x = y negated will do. The errors stated are the larger of those measured on
 * SwiftShader and llvmpipe in dense sweeps against f64, in units in the last place (ulp). Drivers that regroup sums and
 * fuse products add little: compiled as C++ by clang and gcc with -ffast-math, no function is off by more than 2.5 ulp.
 * Adapters may take denormal numbers for zero.
 */

import { ANGLE } from "./math-angle.js";
import { BITS } from "./math-bits.js";
import { EXPONENTIAL } from "./math-exp.js";
import { POWER } from "./math-power.js";

const TEXTS = { ...BITS, ...EXPONENTIAL, ...POWER, ...ANGLE };

/** Names of the functions. */
export type MathName = keyof typeof TEXTS;

/** A function that a shader may call: the WGSL text that defines it, and the names of those that it calls. */
export interface WgslFunction {
  readonly text: string;
  readonly uses: readonly MathName[];
}

const isName = (word: string): word is MathName => word in TEXTS;

function define(name: string, text: string): WgslFunction {
  const words = new Set(text.match(/\bk_\w+/g));
  words.delete(name);
  return { text, uses: [...words].filter(isName) };
}

/** Functions that a shader may call, by name. */
export const MATH = Object.fromEntries(
  Object.entries(TEXTS).map(([name, text]) => [name, define(name, text)]),
) as Readonly<Record<MathName, WgslFunction>>;
