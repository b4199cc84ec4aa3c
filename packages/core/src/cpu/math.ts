/**
 * Elementary functions of four f32 lanes, printed as straight-line SIMD: range reduction, then a polynomial that was
 * fitted (minimax, mpmath at 50 digits, coefficients rounded one by one) to the function on the reduced range. Products
 * are fused with the sums that follow where the engine can, so results differ between engines, never within one. The
 * errors stated are the largest of either kind of engine, measured in dense sweeps against f64, in units in the last
 * place (ulp); infinities, NaN, zeros and denormals are as in C.
 */

import {
  type FunctionBuilder,
  f32x4,
  f64x2,
  hasRelaxedSimd,
  i32x4,
  type Local,
  type Value,
  v128,
} from "./wasm/index.js";

type Lanes = Value<"v128">;

const { add, sub, mul, div } = f32x4;
const real = (f: FunctionBuilder, x: number): Lanes => f.constant(f32x4.of(x));
const integer = (f: FunctionBuilder, x: number): Lanes => f.constant(i32x4.of(x));
const one = (f: FunctionBuilder): Lanes => real(f, 1);
const infinity = (f: FunctionBuilder): Lanes => real(f, Infinity);
const signBit = (f: FunctionBuilder): Lanes => integer(f, -0x80000000);
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.121944400546906e-4;

/** x·y + z */
const madd = (x: Lanes, y: Lanes, z: Lanes): Lanes =>
  hasRelaxedSimd() ? f32x4.relaxedMadd(x, y, z) : add(mul(x, y), z);

/** z − x·y */
const nmadd = (x: Lanes, y: Lanes, z: Lanes): Lanes =>
  hasRelaxedSimd() ? f32x4.relaxedNmadd(x, y, z) : sub(z, mul(x, y));

/** c₀ + x·(c₁ + x·(c₂ + …)) */
const horner = (f: FunctionBuilder, x: Lanes, coefficients: readonly number[]): Lanes =>
  coefficients.map((c) => real(f, c)).reduceRight((sum, c) => madd(sum, x, c));

const horner64 = (f: FunctionBuilder, x: Lanes, coefficients: readonly number[]): Lanes =>
  coefficients.map((c): Lanes => f.constant(f64x2.of(c))).reduceRight((sum, c) => f64x2.add(f64x2.mul(sum, x), c));

/** The magnitude of `x` with the sign of `sign`. */
const copySign = (f: FunctionBuilder, x: Lanes, sign: Lanes): Lanes => v128.bitselect(sign, x, signBit(f));

/** 2ⁿ for integer lanes −126 ≤ n ≤ 127, of which only the low nine bits count. */
const powerOfTwo = (f: FunctionBuilder, n: Lanes): Lanes => i32x4.add(i32x4.shl(n, 23), integer(f, 0x3f800000));

/** Added to |x| < 2²² it rounds x to an integer, which then stands in the low bits. */
const ROUNDER = 1.5 * 2 ** 23;

/** Writes x = n·ln 2 + r with |r| ≤ ½ ln 2, and gives n + `ROUNDER`, whose low bits are n, and eʳ − 1. Needs |x| < 128. */
function reduceExp(f: FunctionBuilder, x: Local<"v128">): { rounded: Local<"v128">; tail: Local<"v128"> } {
  const rounded = f.let(madd(x, real(f, Math.LOG2E), real(f, ROUNDER)));
  const n = f.let(sub(rounded, real(f, ROUNDER)));
  const r = f.let(nmadd(n, real(f, LN2_LOW), nmadd(n, real(f, LN2_HIGH), x)));
  const p = horner(f, r, [0.5, 0.1666653901, 0.04166642576, 0.008367153816, 0.001393871848]);
  const tail = f.let(madd(mul(r, r), p, r));
  return { rounded, tail };
}

/** Keeps NaN. */
const clamp = (f: FunctionBuilder, x: Lanes, low: number, high: number): Lanes =>
  f32x4.pmin(f32x4.pmax(x, real(f, low)), real(f, high));

/** eˣ where the result is a normal number. */
function expNormal(f: FunctionBuilder, x: Lanes): Lanes {
  const { rounded, tail } = reduceExp(f, f.let(x));
  const scale = f.let(powerOfTwo(f, rounded));
  return madd(tail, scale, scale);
}

/** eˣ, within 1.1 ulp; denormal results are rounded once. */
export function exp(f: FunctionBuilder, x: Lanes): Lanes {
  const { rounded, tail } = reduceExp(f, f.let(clamp(f, x, -104, 89)));
  // Half of the rounder's bits leaves the low nine as free for n / 2 as the rounder itself leaves them for n.
  const half = f.let(i32x4.shrS(rounded, 1));
  const scale = f.let(powerOfTwo(f, half));
  return mul(madd(tail, scale, scale), powerOfTwo(f, i32x4.sub(rounded, half)));
}

/** eˣ − 1, within 1.7 ulp. */
export function expm1(f: FunctionBuilder, x: Lanes): Lanes {
  const sign = f.let(x);
  const { rounded, tail } = reduceExp(f, f.let(clamp(f, sign, -25, 89)));
  const scale = f.let(powerOfTwo(f, i32x4.sub(rounded, integer(f, 1))));
  const result = f.let(madd(scale, tail, sub(scale, real(f, 0.5))));
  return copySign(f, add(result, result), sign);
}

/** Writes a > 0 as 2ᵏ·m with √½ ≤ m < √2; denormals too. */
function splitExponent(f: FunctionBuilder, a: Local<"v128">): { k: Local<"v128">; m: Local<"v128"> } {
  const denormal = f.let(f32x4.lt(a, real(f, 2 ** -126)));
  const bits = f.let(v128.bitselect(mul(a, real(f, 2 ** 24)), a, denormal));
  const k = f.let(i32x4.shrS(i32x4.sub(bits, integer(f, 0x3f3504f3)), 23));
  const m = f.let(i32x4.sub(bits, i32x4.shl(k, 23)));
  f.set(k, i32x4.sub(k, v128.and(denormal, integer(f, 24))));
  return { k, m };
}

/**
 * k·ln 2 + log m + `correction`, from log(1 + f) = f − f²/2 + s·(f²/2 + R(s²)), s = f / (2 + f): the first terms are
 * exact, and R is small.
 */
function logOf(f: FunctionBuilder, a: Local<"v128">, correction?: Lanes): Lanes {
  const { k, m } = splitExponent(f, a);
  const power = f.let(f32x4.convertI32x4S(k));
  const t = f.let(sub(m, one(f)));
  const s = f.let(div(t, add(t, real(f, 2))));
  const z = f.let(mul(s, s));
  const halfSquare = f.let(mul(real(f, 0.5), mul(t, t)));
  const series = madd(z, horner(f, z, [0.666667819, 0.3997686505, 0.2989012003]), halfSquare);
  const small = madd(s, series, mul(power, real(f, LN2_LOW)));
  const rest = sub(halfSquare, correction ? add(small, correction) : small);
  return madd(power, real(f, LN2_HIGH), sub(t, rest));
}

/** Natural logarithm, within 0.9 ulp. */
export function log(f: FunctionBuilder, x: Lanes): Lanes {
  const a = f.let(x);
  const regular = f.let(v128.and(f32x4.gt(a, v128.zero), f32x4.lt(a, infinity(f))));
  const zero = v128.bitselect(real(f, -Infinity), a, f32x4.eq(a, v128.zero));
  const special = f.let(v128.bitselect(real(f, Number.NaN), zero, f32x4.lt(a, v128.zero)));
  return v128.bitselect(logOf(f, a), special, regular);
}

/** log(1 + x), within 1.2 ulp: what 1 + x loses in rounding is added back to first order. */
export function log1p(f: FunctionBuilder, x: Lanes): Lanes {
  const a = f.let(x);
  const minusOne = real(f, -1);
  const range = v128.and(f32x4.gt(a, minusOne), f32x4.lt(a, infinity(f)));
  const regular = f.let(v128.and(range, f32x4.ne(a, v128.zero)));
  const pole = v128.bitselect(real(f, -Infinity), a, f32x4.eq(a, minusOne));
  const special = f.let(v128.bitselect(real(f, Number.NaN), pole, f32x4.lt(a, minusOne)));
  const u = f.let(add(a, one(f)));
  const correction = f.let(div(sub(a, sub(u, one(f))), u));
  return v128.bitselect(logOf(f, u, correction), special, regular);
}

/** π/2 in three parts of which the first two have few enough bits that their multiples are exact in f64. */
const HALF_PI = [1.570796251296997, 7.549789771132964e-8, 1.837589179357618e-15] as const;

/** The f64 function of two lanes, applied to four f32 lanes. `op` gives f64 lanes, which are rounded to f32. */
function inDouble(
  f: FunctionBuilder,
  inputs: readonly Local<"v128">[],
  op: (...halves: Local<"v128">[]) => Lanes,
): Lanes {
  const high = (x: Lanes): Lanes => v128.shuffle32(x, x, [2, 3, 2, 3]);
  const part = (of: (x: Lanes) => Lanes): Local<"v128"> =>
    f.let(f32x4.demoteF64x2Zero(op(...inputs.map((x) => f.let(f64x2.promoteLowF32x4(of(x)))))));
  const low = part((x) => x);
  return v128.shuffle32(low, part(high), [0, 1, 4, 5]);
}

/** sin(x + quarter·π/2). The reduction to |r| ≤ π/4 is done in f64 and is exact for |x| < 4e8; the clamp
 *  keeps the result of larger ones within [−1, 1]. */
function sine(f: FunctionBuilder, x: Lanes, quarter: 0 | 1): Lanes {
  const a = f.let(x);
  const counts: Local<"v128">[] = [];
  const r = f.let(
    inDouble(f, [a], (wide) => {
      const n = f.let(f64x2.nearest(f64x2.mul(wide, f.constant(f64x2.of(2 / Math.PI)))));
      counts.push(f.let(i32x4.truncSatF64x2SZero(n)));
      const rest = HALF_PI.reduce((sum: Lanes, part) => f64x2.sub(sum, f64x2.mul(n, f.constant(f64x2.of(part)))), wide);
      return f64x2.min(f64x2.max(rest, f.constant(f64x2.of(-0.8))), f.constant(f64x2.of(0.8)));
    }),
  );
  const quadrant = f.let(i32x4.add(v128.shuffle32(counts[0], counts[1], [0, 1, 4, 5]), integer(f, quarter)));
  const z = f.let(mul(r, r));
  const sin = madd(mul(r, z), horner(f, z, [-0.1666665524, 0.008332190104, -0.0001951840823]), r);
  const quartic = horner(f, z, [0.04166664556, -0.001388730132, 2.44306666e-5]);
  const cos = madd(mul(z, z), quartic, nmadd(real(f, 0.5), z, one(f)));
  const odd = i32x4.shrS(i32x4.shl(quadrant, 31), 31);
  const sign = v128.and(i32x4.shl(quadrant, 30), signBit(f));
  return v128.xor(v128.bitselect(cos, sin, odd), sign);
}

/** sin x in radians, within 1.5 ulp up to |x| = 4e8; beyond, only a number in [−1, 1]. */
export function sin(f: FunctionBuilder, x: Lanes): Lanes {
  const a = f.let(x);
  return v128.bitselect(a, sine(f, a, 0), f32x4.eq(a, v128.zero));
}

/** cos x in radians; see `sin`. */
export const cos = (f: FunctionBuilder, x: Lanes): Lanes => sine(f, x, 1);

/** tanh, within 1.3 ulp: odd polynomial below 0.625, above it 1 − 2 / (e²ˣ + 1). */
export function tanh(f: FunctionBuilder, x: Lanes): Lanes {
  const a = f.let(x);
  const magnitude = f.let(f32x4.pmin(f32x4.abs(a), real(f, 10)));
  const z = f.let(mul(a, a));
  const odd = horner(f, z, [-0.3333328366, 0.1333148479, -0.0537430048, 0.02064910345, -0.005715499166]);
  const small = f.let(madd(mul(a, z), odd, a));
  const e = expNormal(f, add(magnitude, magnitude));
  const large = sub(one(f), div(real(f, 2), add(e, one(f))));
  return copySign(f, v128.bitselect(small, large, f32x4.lt(magnitude, real(f, 0.625))), a);
}

/** erf, within 1.5 ulp: odd polynomial below 1, above it 1 − exp(−q(|x|)) with a polynomial q = −log erfc. */
export function erf(f: FunctionBuilder, x: Lanes): Lanes {
  const a = f.let(x);
  const magnitude = f.let(f32x4.pmin(f32x4.abs(a), real(f, 4)));
  const z = f.let(mul(magnitude, magnitude));
  const e = [
    0.1283791661, -0.3761262894, 0.1128361821, -0.02685512602, 0.005190733355, -0.0008030750905, 7.920309872e-5,
  ];
  const small = f.let(madd(magnitude, horner(f, z, e), magnitude));
  const q = [
    0.0001774441189, 1.127749801, 0.6370592713, 0.1040378883, -0.02227741294, 0.003055712441, -0.0001971952879,
  ];
  const large = sub(one(f), expNormal(f, f32x4.neg(horner(f, magnitude, q))));
  return copySign(f, v128.bitselect(small, large, f32x4.lt(magnitude, one(f))), a);
}

/** log₂ of f64 lanes from their f32 split m·2ᵏ: k + s·P(s²), s = (m − 1) / (m + 1); relative error 2⁻³⁶. */
function log2Wide(f: FunctionBuilder, k: Lanes, m: Local<"v128">): Lanes {
  const unit = f.constant(f64x2.of(1));
  const s = f.let(f64x2.div(f64x2.sub(m, unit), f64x2.add(m, unit)));
  const z = f.let(f64x2.mul(s, s));
  const p = [2.8853900817907734, 0.9617966724308917, 0.5770837670831878, 0.411661343556945, 0.34094817993892923];
  return f64x2.add(k, f64x2.mul(s, horner64(f, z, p)));
}

/** xʸ as in C (1 for y = 0 or x = 1; a negative base wants an integer exponent), within 0.8 ulp: 2^(y·log₂|x|) in f64. */
export function pow(f: FunctionBuilder, x: Lanes, y: Lanes): Lanes {
  const base = f.let(x);
  const exponent = f.let(y);
  const a = f.let(f32x4.abs(base));
  const { k, m } = splitExponent(f, a);
  const power = f.let(f32x4.convertI32x4S(k));
  const counts: Local<"v128">[] = [];
  const mantissa = f.let(
    inDouble(f, [power, m, exponent], (wideK, wideM, wideY) => {
      const t = f64x2.mul(wideY, log2Wide(f, wideK, wideM));
      const clamped = f.let(f64x2.min(f64x2.max(t, f.constant(f64x2.of(-151))), f.constant(f64x2.of(129))));
      const n = f.let(f64x2.nearest(clamped));
      counts.push(f.let(i32x4.truncSatF64x2SZero(n)));
      const e = [
        0.9999999999231182, 0.6931472067104221, 0.2402265147588104, 0.05550327213926911, 0.00961799777909477,
        0.0013400432326025678, 0.00015477127409344586,
      ];
      return horner64(f, f.let(f64x2.sub(clamped, n)), e);
    }),
  );
  const n = f.let(v128.shuffle32(counts[0], counts[1], [0, 1, 4, 5]));
  const first = f.let(i32x4.shrS(n, 1));
  const result = f.let(mul(mul(mantissa, powerOfTwo(f, first)), powerOfTwo(f, i32x4.sub(n, first))));
  const choose = (value: Lanes, where: Lanes): void => f.set(result, v128.bitselect(value, result, where));

  // |x| of 0 or ∞: one of them again, by the sign of y.
  const infinite = f.let(f32x4.eq(a, infinity(f)));
  const grows = v128.not(v128.xor(infinite, f32x4.gt(exponent, v128.zero)));
  const end = f.let(v128.and(infinity(f), grows));
  choose(end, v128.or(infinite, f32x4.eq(a, v128.zero)));
  // |x| = 1 wants no 0·∞.
  choose(one(f), v128.and(f32x4.eq(a, one(f)), f32x4.eq(exponent, exponent)));
  // The sign is that of x for odd y. Integers from 2²⁴ on are even.
  const whole = f.let(f32x4.eq(f32x4.floor(exponent), exponent));
  const exact = f32x4.lt(f32x4.abs(exponent), real(f, 2 ** 24));
  const odd = i32x4.shl(i32x4.truncSatF32x4S(exponent), 31);
  const sign = v128.and(v128.and(base, odd), v128.and(whole, exact));
  f.set(result, v128.xor(result, sign));
  const negative = v128.and(f32x4.lt(base, v128.zero), f32x4.gt(base, real(f, -Infinity)));
  const finite = f32x4.lt(f32x4.abs(exponent), infinity(f));
  choose(real(f, Number.NaN), v128.and(v128.andnot(negative, whole), finite));
  choose(f.let(add(base, exponent)), v128.or(f32x4.ne(base, base), f32x4.ne(exponent, exponent)));
  choose(one(f), v128.or(f32x4.eq(exponent, v128.zero), f32x4.eq(base, one(f))));
  return result;
}
